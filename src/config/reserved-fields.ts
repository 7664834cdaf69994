const runtime = 'use spec.runtime';
const owned = 'remove it; on etcd machines the kubelet serves this machine alone';

/** Fields of KubeletConfiguration that cluster.yaml cannot set, with what to do instead. */
export const reservedKubeletFields: ReadonlyMap<string, string> = new Map([
  ['apiVersion', 'remove it; only the fields are written here'],
  ['kind', 'remove it; only the fields are written here'],
  ['address', owned],
  ['authentication', owned],
  ['authorization', owned],
  ['staticPodPath', 'remove it; etcd’s manifest is where kubeadm puts it'],
  ['containerRuntimeEndpoint', `${runtime}.criSocket`],
  ['cgroupDriver', `${runtime}.cgroupDriver`],
]);

/** Fields of KubeProxyConfiguration that cluster.yaml cannot set, with what to do instead. */
export const reservedKubeProxyFields: ReadonlyMap<string, string> = new Map([
  ['apiVersion', 'remove it; only the fields are written here'],
  ['kind', 'remove it; only the fields are written here'],
  ['clusterCIDR', 'use spec.network.podSubnet'],
  ['clientConnection', 'remove it; kubeadm gives kube-proxy its kubeconfig'],
  ['hostnameOverride', 'remove it; it differs on each machine'],
]);
