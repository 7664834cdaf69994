import type { ClusterConfig } from '../config/schema.ts';
import { API_SERVER_PORT } from '../desired/kubeadm-cluster.ts';

// Checks of kubeadm's preflight that a run which was cut off makes fail by what it has left: its own files, its own static pods' ports, its
// etcd's data. Names as kubeadm makes them: https://github.com/kubernetes/kubernetes/blob/v1.36.3/cmd/kubeadm/app/preflight/checks.go

const manifests = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'];

export function leftByInit({ spec }: ClusterConfig): readonly string[] {
  const apiServer = spec.controlPlane?.apiServerPort ?? API_SERVER_PORT;
  return [
    ...manifests.map((name) => `FileAvailable${named(`/etc/kubernetes/manifests/${name}.yaml`)}`),
    ...[apiServer, 10_250, 10_257, 10_259, 2379, 2380].map((port) => `Port-${port}`),
    dataDirectoryCheck(spec.etcd.dataDir),
  ];
}

/** `ca.crt` is looked for on workers alone: control planes have it before. */
export const leftByJoin: readonly string[] = [
  `FileAvailable${named('/etc/kubernetes/kubelet.conf')}`,
  // kubeadm takes it away when it ends, and not when it is ended.
  `FileAvailable${named('/etc/kubernetes/bootstrap-kubelet.conf')}`,
  `FileAvailable${named('/etc/kubernetes/pki/ca.crt')}`,
  'Port-10250',
];

export function dataDirectoryCheck(dataDir: string): string {
  return `DirAvailable${named(dataDir)}`;
}

function named(path: string): string {
  return `-${path.replaceAll('/', '-')}`;
}
