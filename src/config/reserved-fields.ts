const runtime = 'use spec.runtime';
const guarded =
  'remove it; etcd’s kubelets serve their machine alone, and those of nodes are guarded as kubeadm has it';

/** Fields of KubeletConfiguration that cluster.yaml cannot set, with what to do instead. */
export const reservedKubeletFields: ReadonlyMap<string, string> = new Map([
  ['apiVersion', 'remove it; only the fields are written here'],
  ['kind', 'remove it; only the fields are written here'],
  ['address', guarded],
  ['authentication', guarded],
  ['authorization', guarded],
  ['staticPodPath', 'remove it; manifests are where kubeadm puts them'],
  ['containerRuntimeEndpoint', `${runtime}.criSocket`],
  ['cgroupDriver', `${runtime}.cgroupDriver`],
  ['clusterDomain', 'use spec.network.dnsDomain'],
  ['podCIDR', 'use spec.network.podSubnet'],
  ['registerNode', 'remove it; what registers follows from the role of the host'],
  ['registerWithTaints', 'use taints of the host'],
]);

/** Fields of KubeProxyConfiguration that cluster.yaml cannot set, with what to do instead. */
export const reservedKubeProxyFields: ReadonlyMap<string, string> = new Map([
  ['apiVersion', 'remove it; only the fields are written here'],
  ['kind', 'remove it; only the fields are written here'],
  ['clusterCIDR', 'use spec.network.podSubnet'],
  ['clientConnection', 'remove it; kubeadm gives kube-proxy its kubeconfig'],
  ['hostnameOverride', 'remove it; it differs on each machine'],
]);
