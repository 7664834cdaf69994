import { kubeadmClusterOf } from '../../desired/kubeadm-cluster.ts';
import { kubeadmNetworking } from '../../render/cluster-configuration.ts';
import { refusal } from '../finding.ts';
import type { PlanRefusal } from './types.ts';

const fields = [
  { name: 'podSubnet', code: 'change.network', what: 'the network of pods', where: 'spec.network.podSubnet' },
  {
    name: 'serviceSubnet',
    code: 'change.network',
    what: 'the network of Services',
    where: 'spec.network.serviceSubnet',
  },
  { name: 'dnsDomain', code: 'change.network', what: 'the DNS domain', where: 'spec.network.dnsDomain' },
  {
    name: 'controlPlaneEndpoint',
    code: 'change.endpoint',
    what: 'the endpoint',
    where: 'spec.controlPlane.endpoint',
  },
] as const;

/** What kubeadm was told of the whole cluster is in certificates, addresses and kubeconfigs everywhere, and cannot be told anew. */
export const clusterChanges: PlanRefusal = ({ desired, facts }, intent) => {
  if (intent.kind !== 'apply' || facts.kube.is !== 'known') return [];
  const text = facts.kube.value.cluster?.kubeadmConfig ?? null;
  const there = text === null ? null : kubeadmNetworking(text);
  if (there === null) return [];
  const { networking, controlPlaneEndpoint } = kubeadmClusterOf(desired.config);
  const wanted = { ...networking, controlPlaneEndpoint };
  return fields.flatMap(({ name, code, what, where }) => {
    const [old, now] = [there[name], wanted[name]];
    if (old === undefined || now === undefined || old === now) return [];
    return [refusal(code, `${what} of this cluster is ${old}; ${where} says ${now}`)];
  });
};
