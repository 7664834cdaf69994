import { parse, stringify } from 'yaml';
import type { NameValue } from './kubeadm-config.ts';

interface ClusterConfiguration {
  kind?: unknown;
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
