import { parse, stringify } from 'yaml';
import type { NameValue } from './kubeadm-config.ts';

interface ClusterConfiguration {
  kind?: unknown;
  controlPlaneEndpoint?: unknown;
  networking?: { podSubnet?: unknown; serviceSubnet?: unknown; dnsDomain?: unknown };
  etcd?: { local?: { extraArgs?: readonly NameValue[] } };
}

/**
 * The ClusterConfiguration that the ConfigMap kube-system/kubeadm-config holds, with these arguments for the local etcd: each in
 * place of all that had its name. kubeadm makes etcd's manifests from it whenever it joins or upgrades a control plane.
 *
 * With `initial-cluster-state: existing` a member that lost its data does not start. kubeadm's own manifest of the first control plane
 * would found a second, empty cluster there, behind the same load balancer.
 */
export function withEtcdArguments(text: string, args: readonly NameValue[]): string {
  const config = parse(text) as ClusterConfiguration | null;
  const local = config?.etcd?.local;
  if (config?.kind !== 'ClusterConfiguration' || local === undefined) {
    throw new Error('this is no ClusterConfiguration with a local etcd');
  }
  const names = new Set(args.map((arg) => arg.name));
  const kept = (local.extraArgs ?? []).filter((arg) => !names.has(arg.name));
  const changed = { ...config, etcd: { ...config.etcd, local: { ...local, extraArgs: [...kept, ...args] } } };
  return stringify(changed, { lineWidth: 0 });
}

export interface KubeadmNetworking {
  podSubnet?: string;
  serviceSubnet?: string;
  dnsDomain?: string;
  controlPlaneEndpoint?: string;
}

/** What the cluster was told of its networks; null when the text is no ClusterConfiguration. */
export function kubeadmNetworking(text: string): KubeadmNetworking | null {
  const config = parsed(text);
  if (config?.kind !== 'ClusterConfiguration') return null;
  const { podSubnet, serviceSubnet, dnsDomain } = config.networking ?? {};
  const all = { podSubnet, serviceSubnet, dnsDomain, controlPlaneEndpoint: config.controlPlaneEndpoint };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => typeof value === 'string'));
}

function parsed(text: string): ClusterConfiguration | null {
  try {
    return parse(text) as ClusterConfiguration | null;
  } catch {
    return null;
  }
}
