/** Every path that keelson uses on a machine, in one place. */
export const paths = {
  record: '/etc/keelson/host.json',
  kubeadmConfig: '/etc/keelson/kubeadmcfg.yaml',
  // The documentation's page puts this YAML under a .conf name into the drop-in folder, where systemd reads it as a unit and warns.
  /** Lies ready while etcd's manifest is replaced. */
  preparedManifest: '/etc/keelson/etcd.yaml',
  apiServerManifest: '/etc/kubernetes/manifests/kube-apiserver.yaml',
  /** The API server's manifest while etcd's is exchanged. */
  heldApiServer: '/etc/keelson/kube-apiserver.yaml',
  kubeletConfig: '/etc/keelson/kubelet.yaml',
  kubeletDropInDirectory: '/etc/systemd/system/kubelet.service.d',
  // Sorts after the packages' 10-kubeadm.conf and after anything with a number: the last ExecStart wins.
  kubeletDropIn: '/etc/systemd/system/kubelet.service.d/99-etcd-service-manager.conf',
  kubeletUnit: '/etc/systemd/system/kubelet.service',
  containerdUnit: '/etc/systemd/system/containerd.service',
  containerdConfig: '/etc/containerd/config.toml',
  manifestDirectory: '/etc/kubernetes/manifests',
  manifest: '/etc/kubernetes/manifests/etcd.yaml',
  pkiDirectory: '/etc/kubernetes/pki',
  etcdPkiDirectory: '/etc/kubernetes/pki/etcd',
  kubeadmDropIn: '/etc/systemd/system/kubelet.service.d/10-kubeadm.conf',
  nodeModules: '/etc/modules-load.d/keelson.conf',
  nodeSysctls: '/etc/sysctl.d/99-keelson.conf',
  haproxyConfig: '/etc/haproxy/haproxy.cfg',
  keepalivedConfig: '/etc/keepalived/keepalived.conf',
  checkScript: '/etc/keepalived/check_apiserver.sh',
  kubeVipManifest: '/etc/kubernetes/manifests/kube-vip.yaml',
  stateDirectory: '/var/lib/keelson',
  artefactStamps: '/var/lib/keelson/artefacts',
  imageDirectory: '/var/lib/keelson/images',
  aptSource: '/etc/apt/sources.list.d/keelson.sources',
  aptKey: '/etc/apt/keyrings/keelson.asc',
} as const;

/** The path in `unix:///run/containerd/containerd.sock`, as containerd's own client takes it. */
export function socketPath(criSocket: string): string {
  return criSocket.replace(/^unix:\/\//, '');
}
