import { isFounded } from '../../ports/vault.ts';
import { refusal } from '../finding.ts';
import type { SafetyRule } from '../types.ts';
import { endsMember } from './ends-member.ts';

/** Nothing is started or restarted on a machine of a founded cluster whose data directory is gone or not known. */
export const dataGone: SafetyRule = (step, view) => {
  if (!isFounded(view.desired.cluster.phase) || !view.desired.hosts.has(step.on) || endsMember(step)) return [];
  const data = view.facts.hosts.get(step.on)?.etcdData;
  if (data?.is !== 'known')
    return [refusal('safety.unknown-fact', `etcd’s data directory on ${step.on} could not be looked at`, step.on)];
  if (data.value.is === 'data') return [];
  return [
    refusal(
      'safety.data-gone',
      `${step.on} has lost etcd’s data (${view.desired.config.spec.etcd.dataDir} is ${data.value.is})`,
      step.on,
    ),
  ];
};
