import type { HostFacts, NodeFact } from '../../facts/types.ts';
import { refusal } from '../finding.ts';
import type { PlanRefusal } from './types.ts';

/** A machine that is a node already, and carries no record of ours, is somebody's: kubeadm's files on it are never written over. */
export const foreignNodes: PlanRefusal = (view, intent) => {
  if (intent.kind !== 'apply') return [];
  return view.desired.nodes.flatMap(({ host }) => {
    const facts = view.facts.hosts.get(host);
    const claimed = facts?.record.is === 'known' && facts.record.value.is !== 'absent';
    if (claimed || facts?.node.is !== 'known' || facts.node.value === null) return [];
    const found = [...traces(facts.node.value), ...keys(facts)];
    if (found.length === 0) return [];
    return [refusal('safety.foreign-control-plane', `${host} already has ${found.slice(0, 3).join(', ')}`, host)];
  });
};

function traces({ kubeconfigs, manifests, kubeletConfigured }: NodeFact): string[] {
  return [
    ...[...manifests].map((name) => `/etc/kubernetes/manifests/${name}.yaml`),
    ...[...kubeconfigs].map((name) => `/etc/kubernetes/${name}.conf`),
    ...(kubeletConfigured ? ['/var/lib/kubelet/config.yaml'] : []),
  ];
}

function keys({ files }: Pick<HostFacts, 'files'>): string[] {
  if (files.is !== 'known') return [];
  return files.value.entries.map((entry) => entry.path).filter((path) => /\/(?:ca|sa|front-proxy-ca)\.key$/.test(path));
}
