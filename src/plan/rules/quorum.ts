import type { HostId } from '../../model/ids.ts';
import { isFounded } from '../../ports/vault.ts';
import type { View } from '../../steps/types.ts';
import { refusal } from '../finding.ts';
import { quorumMargin } from '../quorum.ts';
import type { SafetyRule } from '../types.ts';
import { endsMember } from './ends-member.ts';

/** Steps that leave a running etcd as it is, whatever else they disturb. */
const ETCD_GOES_ON: readonly string[] = [
  'bundle-programs',
  'container-runtime',
  'packages',
  'kubelet-service',
  'etcd-certificates',
];

/**
 * Healthy voters without this machine still make a quorum, measured just before. A member that is not healthy may be mended where that
 * cannot cost a vote: its etcd goes on or does not run, or too few run for there to be a quorum at all.
 */
export const quorum: SafetyRule = (step, view) => {
  const { cluster, members } = view.desired;
  if (endsMember(step) || !isFounded(cluster.phase)) return [];
  // One that is alone has no quorum to keep: whether it may be away for a moment is for whoever reads the plan to say.
  if (members.length === 1) return [];
  const { stay, need, healthy } = quorumMargin(view, step.on);
  if (stay >= need) return [];
  if (!healthy && (ETCD_GOES_ON.includes(step.kind) || down(view, step.on) || mayVote(view) < need)) return [];
  return [
    refusal(
      'safety.quorum',
      `“${step.title}” would leave ${stay} healthy ${stay === 1 ? 'voter' : 'voters'}; the quorum is ${need}`,
      step.on,
    ),
  ];
};

function mayVote(view: View): number {
  return view.desired.members.filter((m) => !down(view, m.host)).length;
}

/** The machine itself says that no etcd runs on it. One that cannot be asked may vote. */
function down(view: View, on: HostId): boolean {
  const process = view.facts.hosts.get(on)?.etcdProcess;
  return process?.is === 'known' && process.value.is === 'absent';
}
