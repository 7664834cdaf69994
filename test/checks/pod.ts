/** The part of kubeadm's manifest that says which image runs. */
export const etcdPod = `apiVersion: v1
kind: Pod
spec:
  containers:
  - command: [etcd, --data-dir=/var/lib/etcd]
    image: registry.k8s.io/etcd:3.6.8-0
`;
