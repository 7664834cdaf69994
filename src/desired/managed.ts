import type { HostId } from '../model/ids.ts';
import { certificateFiles, etcdCa } from './certificates.ts';
import { clusterKeyFiles } from './cluster-keys.ts';
import { paths } from './paths.ts';
import type { Desired } from './types.ts';

export interface ManagedPaths {
  /** Files whose text may be read. */
  text: readonly string[];
  /** Private keys: looked at, never read. */
  keys: readonly string[];
  folders: readonly string[];
}

/** What belongs to one place that the software comes from, or another: looked at always, because the place may have been changed. */
const software = [paths.kubeletUnit, paths.containerdUnit, paths.containerdConfig, paths.aptSource, paths.aptKey];

/** Every path on a machine whose state a step judges; the same on all machines, members or not. */
const common: ManagedPaths = {
  text: [
    paths.record,
    ...software,
    paths.kubeletConfig,
    paths.kubeletDropIn,
    etcdCa.certPath,
    ...certificateFiles.map((c) => c.certPath),
    paths.kubeadmConfig,
    paths.preparedManifest,
    paths.manifest,
  ],
  keys: [etcdCa.keyPath, ...certificateFiles.map((c) => c.keyPath)],
  folders: [paths.pkiDirectory, paths.etcdPkiDirectory, paths.manifestDirectory, paths.imageDirectory],
};

/** What is placed on nodes besides. On a machine of etcd's the same files would be somebody else's control plane. */
const ofNodes: ManagedPaths = {
  text: [paths.nodeModules, paths.nodeSysctls, paths.kubeadmDropIn, ...clusterKeyFiles.map((file) => file.public)],
  keys: clusterKeyFiles.map((file) => file.key),
  folders: [],
};

export function managedPaths(
  { nodes, loadBalancer }: Pick<Desired, 'nodes' | 'loadBalancer'>,
  on: HostId,
): ManagedPaths {
  const parts = [common, ...(nodes.some((node) => node.host === on) ? [ofNodes] : []), balancerPaths(loadBalancer, on)];
  return {
    text: parts.flatMap((part) => part.text),
    keys: parts.flatMap((part) => part.keys),
    folders: parts.flatMap((part) => part.folders),
  };
}

function balancerPaths(balancer: Desired['loadBalancer'], on: HostId): ManagedPaths {
  const none = { keys: [], folders: [] };
  if (balancer?.kind === 'kube-vip' && balancer.hosts.includes(on)) return { ...none, text: [paths.kubeVipManifest] };
  if (balancer?.kind !== 'haproxy-keepalived' || !balancer.hosts.some(({ host }) => host === on))
    return { ...none, text: [] };
  return { ...none, text: [paths.haproxyConfig, paths.keepalivedConfig, paths.checkScript] };
}

/** Folders whose whole content is looked at, so that what does not belong there is seen. */
export const ownFolders: readonly string[] = [
  paths.pkiDirectory,
  paths.manifestDirectory,
  paths.kubeletDropInDirectory,
];
