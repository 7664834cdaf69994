import { goDurationSeconds } from '../config/duration.ts';
import { paths } from '../desired/paths.ts';
import { waitFor } from '../engine/conditions.ts';
import type { ErrorCode } from '../model/codes.ts';
import type { HostId } from '../model/ids.ts';
import type { PlanResult } from '../plan/types.ts';
import type { Clock } from '../ports/clock.ts';
import { memberHealth } from '../steps/etcd-member.ts';
import { KUBELET } from '../steps/software.ts';
import type { View } from '../steps/types.ts';

/** Refusals that pass by themselves when a member that is being restarted is back. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['safety.quorum', 'safety.others-unhealthy', 'kube.unreachable']);
/** From the boot of a machine to an API server that is ready, with its etcd; where it takes longer something else is wrong. */
const API_SERVER_MS = 120_000;
/** As long as the engine waits for the same rules: a member that runs, and is not healthy by then, has another trouble. */
const RUNS_GRACE_MS = 30_000;
const POLL = { from: 500, to: 2000 };

export interface Patience {
  clock: Clock;
  note: (text: string) => void;
  signal: AbortSignal;
}

/**
 * Makes a plan; where it is refused only because a member is just being restarted, by a run that was killed or by its kubelet, makes it
 * again until the member is back, within `timeouts.memberHealthy`. The same command then converges at once after an interruption.
 */
export async function planWithMembersBack<M extends { result: PlanResult; view: View }>(
  make: () => Promise<M>,
  { clock, note, signal }: Patience,
): Promise<M> {
  const first = await make();
  if (comingBack(first, 0) === null) return first;
  const begin = clock.monotonicMs();
  let made = first;
  await waitFor<null>({
    name: 'members to come back',
    until: async () => {
      const tookMs = clock.monotonicMs() - begin;
      if (tookMs > 0) made = await make();
      const state = comingBack(made, tookMs);
      return state === null ? { is: 'met', value: null } : { is: 'waiting', state };
    },
    everyMs: POLL,
    deadlineMs: goDurationSeconds(first.view.desired.config.spec.timeouts.memberHealthy) * 1000,
    clock,
    signal,
    onState: (state) => note(`waiting for members that are being restarted: ${state}`),
  });
  return made;
}

/** Who is waited for, and why; null when the plan can be used, or waiting would not help. */
function comingBack({ result, view }: { result: PlanResult; view: View }, tookMs: number): string | null {
  if (result.ok || !result.refusals.every((r) => PASSING.has(r.code))) return null;
  const ill = view.desired.members.flatMap(({ host }) => {
    const why = memberHealth(view, host);
    return why === null ? [] : [{ host, why, state: stateOf(view, host) }];
  });
  const starting = ill.filter((m) => m.state === 'starting');
  const waitedFor = starting.length > 0 || tookMs < RUNS_GRACE_MS ? ill.filter((m) => m.state !== 'down') : starting;
  if (waitedFor.length === 0) return tookMs < API_SERVER_MS ? apiServerStarting({ result, view }) : null;
  return waitedFor
    .map(({ host, why, state }) =>
      state === 'starting' ? `the kubelet on ${host} is starting etcd` : `${host}: ${why}`,
    )
    .join('; ');
}

/** The kubelet of a control plane has all that it needs to start the API server for which the plan was refused. */
function apiServerStarting({ result, view }: { result: PlanResult; view: View }): string | null {
  if (result.ok || !result.refusals.some(({ code }) => code === 'kube.unreachable')) return null;
  const starting = view.desired.nodes.filter(({ host }) => {
    const facts = view.facts.hosts.get(host);
    const kubelet = facts?.units.is === 'known' && facts.units.value.get(KUBELET)?.active === 'active';
    return kubelet && facts.node.is === 'known' && facts.node.value?.manifests.has('kube-apiserver') === true;
  });
  const names = starting.map(({ name }) => name);
  return names.length === 0 ? null : `the API server of ${names.join(', ')} is not ready`;
}

/** `starting`: no etcd runs, and the kubelet has all that it needs to start it. */
function stateOf(view: View, on: HostId): 'starting' | 'running' | 'down' {
  const facts = view.facts.hosts.get(on);
  if (facts?.etcdProcess.is !== 'known') return 'down';
  if (facts.etcdProcess.value.is === 'running') return 'running';
  const kubelet = facts.units.is === 'known' && facts.units.value.get(KUBELET)?.active === 'active';
  const manifest = facts.files.is === 'known' && facts.files.value.text.has(paths.manifest);
  const data = facts.etcdData.is === 'known' && facts.etcdData.value.is === 'data';
  return kubelet && manifest && data ? 'starting' : 'down';
}
