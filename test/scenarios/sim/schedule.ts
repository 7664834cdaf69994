import type { Away } from '../../../src/testing/sim/cluster.ts';
import { type Cut, cutForms } from '../../../src/testing/sim/gate.ts';
import { type Rng, rng } from '../../../src/testing/sim/random.ts';
import { driftNames } from './drift.ts';
import type { Fault } from './fault.ts';
import type { Shape } from './world.ts';

/** What happens when a process makes its call number `at`. */
export type CallEvent = { at: number } & (Fault | { is: 'pause'; ms: number } | { is: 'interrupt' });

export interface ApplyAct {
  is: 'apply';
  cuts: readonly Cut[];
  events: readonly CallEvent[];
  /** A second operator, at another computer, begins when this one makes that call; one who steals releases the first one's lock. */
  rival?: { at: number; steals: boolean };
}

export type Act = ApplyAct | { is: 'fault'; fault: Fault } | { is: 'wait'; ms: number };

/** Plain data: a seed's whole story, before the same command runs again until all is well. */
export interface Schedule {
  seed: number;
  shape: Shape;
  start: 'empty' | 'founded';
  acts: readonly Act[];
}

export function scheduleOf(seed: number): Schedule {
  const r = rng(Math.imul(seed, 2_654_435_761) ^ 0x5bd1e995);
  const start = r.chance(0.45) ? 'empty' : 'founded';
  const shape: Shape = {
    members: r.chance(0.85) ? 3 : 5,
    source: r.pick(['preinstalled', 'preinstalled', 'preinstalled', 'bundle', 'packages']),
  };
  return { seed, shape, start, acts: start === 'empty' ? founding(r, shape) : upkeep(r, shape) };
}

function founding(r: Rng, shape: Shape): Act[] {
  const calls = 170 * shape.members;
  const rounds = 1 + r.below(2);
  return Array.from({ length: rounds }, () => applyAct(r, shape, calls));
}

function upkeep(r: Rng, shape: Shape): Act[] {
  const acts: Act[] = [];
  const count = r.below(4);
  for (let n = 0; n < count; n += 1) acts.push({ is: 'fault', fault: drift(r, shape) });
  const lossy = r.chance(0.25);
  if (lossy) acts.push(...loss(r, shape));
  if (r.chance(0.5)) acts.push({ is: 'wait', ms: r.below(20_000) });
  if (r.chance(0.4)) acts.push({ is: 'fault', fault: trouble(r, shape) });
  acts.push(applyAct(r, shape, 30 * shape.members + 30 * count));
  if (!lossy && r.chance(0.1)) acts.push(...loss(r, shape));
  return acts;
}

/** One disk is lost or more; the leader may be restarted at that moment. */
function loss(r: Rng, shape: Shape): Act[] {
  const hosts = Array.from({ length: shape.members }, (_, n) => `etcd-${n}`);
  const wiped = r.chance(0.7) ? [hosts[r.below(hosts.length)] ?? ''] : hosts.filter(() => r.chance(0.7));
  const acts: Act[] = [];
  if (r.chance(0.3))
    acts.push(
      { is: 'fault', fault: { is: 'power-off', host: host(r, shape), backMs: 5_000 + r.below(60_000) } },
      { is: 'wait', ms: 2_500 + r.below(5_000) },
    );
  acts.push(...wiped.map((name): Act => ({ is: 'fault', fault: { is: 'wipe', host: name } })));
  if (r.chance(0.5)) acts.push({ is: 'fault', fault: { is: 'restart-leader' } });
  acts.push({ is: 'wait', ms: r.below(40_000) });
  return acts;
}

function applyAct(r: Rng, shape: Shape, calls: number): ApplyAct {
  const at = (): number => 1 + r.below(calls);
  const cuts = Array.from(
    { length: r.pick([0, 1, 1, 1, 2]) },
    (): Cut => ({ at: at(), form: r.pick(cutForms), ...(r.chance(0.35) ? { survived: true } : {}) }),
  );
  const events: CallEvent[] = [];
  if (r.chance(0.3)) events.push({ at: at(), ...trouble(r, shape) });
  if (r.chance(0.1)) events.push({ at: at(), ...trouble(r, shape) });
  if (r.chance(0.08)) events.push({ at: at(), is: 'interrupt' });
  if (r.chance(0.85)) return { is: 'apply', cuts, events };
  const meeting = at();
  const paused = r.chance(0.7);
  if (paused) events.push({ at: meeting, is: 'pause', ms: 20_000 + r.below(200_000) });
  return { is: 'apply', cuts, events, rival: { at: meeting, steals: paused || r.chance(0.5) } };
}

function drift(r: Rng, shape: Shape): Fault {
  return { is: 'drift', host: host(r, shape), drift: r.pick(driftNames) };
}

function trouble(r: Rng, shape: Shape): Fault {
  const name = host(r, shape);
  const from: Away = r.pick(['operator', 'peers', 'everybody']);
  return r.pick<() => Fault>([
    () => ({ is: 'power-off', host: name, backMs: 2_000 + r.below(r.chance(0.15) ? 300_000 : 60_000) }),
    () => ({ is: 'cut-off', host: name, from, ms: 1_000 + r.below(r.chance(0.15) ? 300_000 : 60_000) }),
    () => ({ is: 'slow', host: name, ms: 100 + r.below(4_000) }),
  ])();
}

function host(r: Rng, shape: Shape): string {
  return `etcd-${r.below(shape.members)}`;
}
