import { cutForms } from '../../../src/testing/sim/gate.ts';
import { type Rng, rng } from '../../../src/testing/sim/random.ts';
import type { Fault } from './fault.ts';
import type { Act, ApplyAct, Schedule } from './schedule.ts';
import { type Shape, shapeOf, shapeText } from './world.ts';

const stories = { install, again, lostDisk } satisfies Record<string, (r: Rng, shape: Shape) => Act[]>;
export type ClusterStory = keyof typeof stories;

/** How many calls a first run makes, and how long it takes, about. */
const SIZES: Readonly<Record<string, { calls: number; ms: number }>> = {
  'stacked-1+1': { calls: 600, ms: 19_000 },
  'stacked-3+1': { calls: 1_150, ms: 38_000 },
  'external-3+2+1': { calls: 1_150, ms: 38_000 },
};

/** A seed's story of a whole Kubernetes cluster. */
export function clusterScheduleOf(seed: number): Schedule {
  const r = rng(Math.imul(seed, 2_654_435_761) ^ 0x2545f491);
  const text = r.pick(['stacked-1+1', 'stacked-1+1', 'stacked-3+1', 'stacked-3+1', 'external-3+2+1'] as const);
  const shape = shapeOf(text, r.pick(['preinstalled', 'preinstalled', 'packages'] as const));
  const story = r.pick<ClusterStory>(['install', 'install', 'install', 'install', 'again', 'lostDisk']);
  return { seed, shape, story, start: story === 'install' ? 'empty' : 'founded', acts: stories[story](r, shape) };
}

/** Cut at any call, or in the middle of a kubeadm; at times more than once. */
function install(r: Rng, shape: Shape): Act[] {
  const rounds = r.chance(0.7) ? 1 : 2;
  return Array.from({ length: rounds }, () => applyAct(r, shape));
}

/** A machine is booted again, and the command comes at any moment. */
function again(r: Rng, shape: Shape): Act[] {
  const fault: Fault = { is: 'power-off', host: node(r, shape), backMs: 2_000 + r.below(20_000) };
  return [{ is: 'fault', fault }, { is: 'wait', ms: r.below(40_000) }, applyAct(r, shape, 0.3)];
}

/** A member's disk is lost, and its machine is booted again. */
function lostDisk(r: Rng, shape: Shape): Act[] {
  const host = `${shape.nodes?.topology === 'external' ? 'etcd' : 'cp'}-${r.below(shape.members)}`;
  return [
    { is: 'fault', fault: { is: 'wipe', host } },
    { is: 'fault', fault: { is: 'power-off', host, backMs: 2_000 + r.below(20_000) } },
    { is: 'wait', ms: r.below(90_000) },
    ...(r.chance(0.5) ? [applyAct(r, shape, 0.2)] : []),
  ];
}

function applyAct(r: Rng, shape: Shape, part = 1): ApplyAct {
  const { calls, ms } = SIZES[shapeText(shape)] ?? { calls: 1_000, ms: 30_000 };
  const inTheMiddle = r.chance(0.5);
  const cut = { at: 1 + r.below(calls * part), form: r.pick(cutForms), ...(r.chance(0.35) ? { survived: true } : {}) };
  const fault: Fault = r.chance(0.5)
    ? { is: 'kill-kubeadm', host: node(r, shape) }
    : { is: 'power-off', host: node(r, shape), backMs: 2_000 + r.below(60_000) };
  return {
    is: 'apply',
    cuts: inTheMiddle ? [] : [cut],
    events: [],
    timed: inTheMiddle || r.chance(0.2) ? [{ afterMs: r.below(ms * part), fault }] : [],
  };
}

function node(r: Rng, { nodes }: Shape): string {
  const { controlPlanes = 1, workers = 1 } = nodes ?? {};
  return r.chance(0.75) ? `cp-${r.below(controlPlanes)}` : `worker-${r.below(workers)}`;
}
