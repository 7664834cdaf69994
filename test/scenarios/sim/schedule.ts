import { type Cut, cutForms } from '../../../src/testing/sim/gate.ts';
import type { Away } from '../../../src/testing/sim/links.ts';
import { type Rng, rng } from '../../../src/testing/sim/random.ts';
import type { ClusterStory } from './cluster-schedule.ts';
import { driftNames } from './drift.ts';
import type { Fault } from './fault.ts';
import type { Shape } from './world.ts';

/** What happens when a process makes its call number `at`. */
export type CallEvent = { at: number } & (Fault | { is: 'pause'; ms: number } | { is: 'interrupt' });

export interface ApplyAct {
  is: 'apply';
  cuts: readonly Cut[];
  events: readonly CallEvent[];
  /** What happens so long after its beginning, whatever it is at; nothing once it has ended. */
  timed?: readonly { afterMs: number; fault: Fault }[];
  /** A second operator, at another computer, begins when this one makes that call; one who steals releases the first one's lock. */
  rival?: { at: number; steals: boolean };
}

export type Act = ApplyAct | { is: 'fault'; fault: Fault } | { is: 'wait'; ms: number };

/** Plain data: a seed's whole story, before the same command runs again until all is well. */
export interface Schedule {
  seed: number;
  shape: Shape;
  start: 'empty' | 'founded';
  /** What kind of story it is. */
  story: Story;
  acts: readonly Act[];
}

const stories = { founding, mending, frailty, loss, wrongVault } satisfies Record<
  string,
  (r: Rng, shape: Shape) => Act[]
>;
/** Those of `clusterScheduleOf` are of whole clusters. */
export type Story = keyof typeof stories | ClusterStory;

export function scheduleOf(seed: number): Schedule {
  const r = rng(Math.imul(seed, 2_654_435_761) ^ 0x5bd1e995);
  const story: keyof typeof stories = r.chance(0.38)
    ? 'founding'
    : r.pick<keyof typeof stories>(['mending', 'mending', 'mending', 'frailty', 'frailty', 'loss', 'wrongVault']);
  const source = r.pick<Shape['source']>(['preinstalled', 'preinstalled', 'preinstalled', 'bundle', 'packages']);
  const shape: Shape = { members: r.chance(0.9) ? 3 : 5, source };
  return { seed, shape, story, start: story === 'founding' ? 'empty' : 'founded', acts: stories[story](r, shape) };
}

function founding(r: Rng, shape: Shape): Act[] {
  const calls = 170 * shape.members;
  const rounds = r.chance(0.6) ? 1 : 2;
  return Array.from({ length: rounds }, () => applyAct(r, shape, calls));
}

/** Machines have drifted, and there may be trouble. */
function mending(r: Rng, shape: Shape): Act[] {
  const count = r.below(4);
  const acts: Act[] = Array.from({ length: count }, () => strikes(drift(r, shape)));
  if (r.chance(0.5)) acts.push({ is: 'wait', ms: r.below(20_000) });
  if (r.chance(0.3)) acts.push(strikes(trouble(r, shape)));
  return [...acts, applyAct(r, shape, 30 * shape.members + 30 * count)];
}

/** A member has to be restarted while another is without its peers, before the command or in the middle of it. */
function frailty(r: Rng, shape: Shape): Act[] {
  const [healthy, ill] = twoHosts(r, shape);
  const drifts: Act[] = [
    strikes({ is: 'drift', host: healthy, drift: r.chance(0.7) ? 'edit manifest' : 'change an etcd argument' }),
  ];
  if (r.chance(0.5)) drifts.push(strikes({ is: 'drift', host: host(r, shape), drift: 'edit manifest' }));
  const cut: Fault = { is: 'cut-off', host: ill, from: 'peers', ms: 20_000 + r.below(180_000) };
  const act: ApplyAct = r.chance(0.6) ? { is: 'apply', cuts: [], events: [] } : applyAct(r, shape, 40 * shape.members);
  if (r.chance(0.35))
    return [...drifts, { is: 'wait', ms: r.below(20_000) }, strikes(cut), { is: 'wait', ms: r.below(5_000) }, act];
  return [...drifts, { ...act, events: [...act.events, { at: 30 + r.below(20 * shape.members), ...cut }] }];
}

/** One disk is lost or more; a member may lag behind, and the leader may be restarted at that moment. */
function loss(r: Rng, shape: Shape): Act[] {
  const acts: Act[] = [];
  if (r.chance(0.2)) acts.push(strikes(drift(r, shape)));
  const [lost, lagging] = twoHosts(r, shape);
  if (r.chance(0.7))
    acts.push(strikes({ is: 'power-off', host: lagging, backMs: 8_000 + r.below(20_000) }), {
      is: 'wait',
      ms: 3_000 + r.below(4_000),
    });
  if (r.chance(0.7)) acts.push(strikes({ is: 'restart-leader', backMs: 15_000 + r.below(60_000) }));
  acts.push(...(r.chance(0.7) ? [strikes({ is: 'wipe', host: lost })] : wiped(r, shape)));
  acts.push({ is: 'wait', ms: r.below(80_000) });
  return r.chance(0.5) ? [...acts, applyAct(r, shape, 60)] : acts;
}

/** The command runs with a vault that is lost or too old, before the right one is restored. */
function wrongVault(r: Rng, shape: Shape): Act[] {
  const to = r.pick(['lost', 'before the founding'] as const);
  const vault = (now: typeof to | 'right'): Act => strikes({ is: 'vault', to: now });
  const before = r.chance(0.4) ? wiped(r, shape) : [];
  return [...before, vault(to), applyAct(r, shape, 60), vault('right')];
}

function wiped(r: Rng, shape: Shape): Act[] {
  const hosts = Array.from({ length: shape.members }, (_, n) => `etcd-${n}`);
  const names = r.chance(0.65) ? [host(r, shape)] : r.chance(0.5) ? hosts : hosts.filter(() => r.chance(0.7));
  return names.map((name) => strikes({ is: 'wipe', host: name }));
}

function strikes(fault: Fault): Act {
  return { is: 'fault', fault };
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

function twoHosts(r: Rng, shape: Shape): [string, string] {
  const first = r.below(shape.members);
  return [`etcd-${first}`, `etcd-${(first + 1 + r.below(shape.members - 1)) % shape.members}`];
}
