import type { View } from '../../facts/types.ts';
import type { Finding } from '../../model/finding.ts';
import { type HostId, OPERATOR } from '../../model/ids.ts';
import type { PlannedStep, PlanResult } from '../../plan/types.ts';
import { isFounded } from '../../ports/vault.ts';
import { finding } from '../finding.ts';
import { list, plural, said } from '../text.ts';
import { lostData } from './data.ts';
import { nodeStateOf } from './kubernetes.ts';
import { insteadOfApply } from './refused.ts';
import type { StatusCheck } from './types.ts';

/** What `apply` would do, or would if it were not refused, in one finding for each machine. Before the founding that is everything, and no drift. */
export const drift: StatusCheck = ({ view, plan, kubernetes }) => {
  if (!isFounded(view.desired.cluster.phase)) return [];
  const wanted = plan.ok ? plan.plan.steps : (plan.wanted ?? []);
  const unseen = kubernetes?.made !== false && kubernetes?.asked === false;
  const steps = wanted.filter(({ kind }) => !ONLY_WAIT.includes(kind) && !(unseen && SEEN_BY_THE_API.includes(kind)));
  const groups = Map.groupBy(steps, ({ on, kind }) => `${on} ${THROUGH_THE_API.includes(kind)}`);
  return [...groups.values()].flatMap((same) => (same[0] === undefined ? [] : [driftOf(same[0].on, same, plan)]));
};

/** Of the operator's steps these write nothing to the vault. */
const THROUGH_THE_API: readonly string[] = ['pod-network', 'kubeadm-config-existing'];
/** While no API server tells, these cannot be seen to be done. */
const SEEN_BY_THE_API: readonly string[] = [
  ...THROUGH_THE_API,
  'control-plane-join',
  'worker-join',
  'node-settings',
  'node-network',
  'super-admin-removed',
];
/** Nodes and API servers that are not ready have findings of their own. */
const ONLY_WAIT: readonly string[] = ['nodes-ready', 'api-servers-back'];

function driftOf(on: HostId, steps: readonly PlannedStep[], plan: PlanResult): Finding {
  const changes = steps.flatMap((step) => step.changes.map((change) => said(change.summary)));
  const what =
    changes.length === 0
      ? list(
          steps.map((s) => said(s.title)),
          3,
        )
      : list(changes, 3);
  if (on === OPERATOR) {
    const ofCluster = steps.every(({ kind }) => THROUGH_THE_API.includes(kind));
    return finding(
      'status.drift',
      'info',
      `apply would ${ofCluster ? 'change in the cluster' : 'write to the vault'}: ${what}`,
    );
  }
  return finding('status.drift', 'info', `${on} differs in ${plural(Math.max(changes.length, 1), 'point')}: ${what}`, {
    host: on,
    ...insteadOfApply(plan),
  });
}

export const kubelets: StatusCheck = ({ view, plan, kubernetes }) => {
  if (!isFounded(view.desired.cluster.phase)) return [];
  const { members, nodes } = view.desired;
  const joined = kubernetes?.made === false ? [] : nodes.filter(({ host }) => isNode(view, host));
  const hosts = new Set([...members.map((m) => m.host), ...joined.map((node) => node.host)]);
  return [...hosts].flatMap((host): Finding[] => {
    const units = view.facts.hosts.get(host)?.units;
    // Where the data is gone, etcd is better left stopped.
    if (units?.is !== 'known' || lostData(view, host) !== null) return [];
    const state = units.value.get('kubelet.service')?.active ?? 'not installed';
    if (state === 'active') return [];
    const pods = members.some((m) => m.host === host) ? 'etcd' : 'a pod';
    const message = `the kubelet on ${host} is ${said(state)}: nobody would start ${pods} again there`;
    // apply starts those of etcd's own machines.
    const advice = nodes.some((node) => node.host === host) ? { action: START_IT } : insteadOfApply(plan);
    return [finding('status.kubelet', 'warning', message, { host, ...advice })];
  });
};

const START_IT = 'Start it on the machine: systemctl enable --now kubelet; journalctl -u kubelet says why it ended.';

/** Before it has joined no kubelet is missed. */
function isNode(view: View, host: HostId): boolean {
  return nodeStateOf(view, host)?.kubeconfigs.has('kubelet') === true;
}
