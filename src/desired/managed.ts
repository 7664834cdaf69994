import type { HostId } from '../model/ids.ts';
import { certificateFiles, etcdCa } from './certificates.ts';
import { clusterKeyFiles, controlPlaneCertificateFiles } from './cluster-keys.ts';
import type { Node } from './nodes.ts';
import { paths } from './paths.ts';
import type { Desired, DesiredMachine } from './types.ts';

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
  text: [
    paths.heldApiServer,
    paths.nodeModules,
    paths.nodeSysctls,
    paths.kubeadmDropIn,
    ...clusterKeyFiles.map((file) => file.public),
    ...controlPlaneCertificateFiles.map((file) => file.certPath),
  ],
  keys: clusterKeyFiles.map((file) => file.key),
  folders: [],
};

interface Listed {
  nodes: readonly Pick<Node, 'host'>[];
  machines: readonly Pick<DesiredMachine, 'id'>[];
}

/** A machine that the configuration no longer lists may have been one: only what is on it tells. */
export function mayBeNode({ nodes, machines }: Listed, on: HostId): boolean {
  return nodes.some((node) => node.host === on) || !machines.some((machine) => machine.id === on);
}

export function managedPaths(desired: Listed & Pick<Desired, 'loadBalancer'>, on: HostId): ManagedPaths {
  const parts = [common, ...(mayBeNode(desired, on) ? [ofNodes] : []), balancerPaths(desired.loadBalancer, on)];
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
