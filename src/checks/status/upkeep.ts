import type { Finding } from '../../model/finding.ts';
import { type HostId, OPERATOR } from '../../model/ids.ts';
import type { PlannedStep, PlanResult } from '../../plan/types.ts';
import { isFounded } from '../../ports/vault.ts';
import { finding } from '../finding.ts';
import { list, plural, said } from '../text.ts';
import { lostData } from './data.ts';
import { insteadOfApply } from './refused.ts';
import type { StatusCheck } from './types.ts';

/** What `apply` would do, or would if it were not refused, in one finding for each machine. Before the founding that is everything, and no drift. */
export const drift: StatusCheck = ({ view, plan }) => {
  if (!isFounded(view.desired.cluster.phase)) return [];
  const wanted = plan.ok ? plan.plan.steps : (plan.wanted ?? []);
  return [...Map.groupBy(wanted, (step) => step.on)].map(([on, steps]) => driftOf(on, steps, plan));
};

function driftOf(on: HostId, steps: readonly PlannedStep[], plan: PlanResult): Finding {
  const changes = steps.flatMap((step) => step.changes.map((change) => said(change.summary)));
  const what =
    changes.length === 0
      ? list(
          steps.map((s) => said(s.title)),
          3,
        )
      : list(changes, 3);
  if (on === OPERATOR) return finding('status.drift', 'info', `apply would write to the vault: ${what}`);
  return finding('status.drift', 'info', `${on} differs in ${plural(Math.max(changes.length, 1), 'point')}: ${what}`, {
    host: on,
    ...insteadOfApply(plan),
  });
}

export const kubelets: StatusCheck = ({ view, plan }) => {
  if (!isFounded(view.desired.cluster.phase)) return [];
  return view.desired.members.flatMap(({ host }): Finding[] => {
    const units = view.facts.hosts.get(host)?.units;
    // Where the data is gone, etcd is better left stopped.
    if (units?.is !== 'known' || lostData(view, host) !== null) return [];
    const state = units.value.get('kubelet.service')?.active ?? 'not installed';
    if (state === 'active') return [];
    return [
      finding(
        'status.kubelet',
        'warning',
        `the kubelet on ${host} is ${said(state)}: nobody would start etcd again there`,
        { host, ...insteadOfApply(plan) },
      ),
    ];
  });
};
