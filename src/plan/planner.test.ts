import { describe, expect, it } from 'vitest';
import { spoil } from '../../test/scenarios/sim/drift.ts';
import { runningCluster } from '../../test/scenarios/sim/founded.ts';
import { newCluster, policy, type Shape, subjectOf } from '../../test/scenarios/sim/world.ts';
import { type Digest, hostId } from '../model/ids.ts';
import { makePlan } from '../operations/run.ts';
import type { View } from '../steps/types.ts';
import type { SimCluster } from '../testing/sim/cluster.ts';
import { plan } from './planner.ts';
import type { Plan, PlanResult } from './types.ts';

const shape: Shape = { members: 3, source: 'preinstalled' };
const now = '2026-01-01T00:00:00.000Z';
const etcd1 = hostId('etcd-1');

async function viewOf(sim: SimCluster): Promise<View> {
  const { ports } = sim.process();
  return (
    await sim.clock.drive(makePlan(subjectOf(shape), ports, { kind: 'apply' }, new AbortController().signal, policy))
  ).view;
}

const planned = (view: View, config = 'sha256:a' as Digest): PlanResult =>
  plan(view, { kind: 'apply' }, policy, config, now);

function made(result: PlanResult): Plan {
  if (!result.ok) throw new Error(result.refusals.map((f) => f.code).join());
  return result.plan;
}

describe('a plan', () => {
  it('is the same for the same facts, whenever it is made, and another for another configuration', async () => {
    const view = await viewOf(newCluster(shape, 1));
    const [first, again] = [
      made(planned(view)),
      made(plan(view, { kind: 'apply' }, policy, 'sha256:a' as Digest, '2027-01-01')),
    ];
    expect(again.digest).toBe(first.digest);
    expect(made(planned(view, 'sha256:b' as Digest)).digest).not.toBe(first.digest);
    expect(first.steps.map((s) => s.id)).toEqual(again.steps.map((s) => s.id));
  });

  it('names a need only among its own steps, and never a later one', async () => {
    const { steps } = made(planned(await viewOf(newCluster(shape, 1))));
    const earlier = new Set<string>();
    for (const step of steps) {
      for (const need of step.needs) expect(earlier.has(need), step.title).toBe(true);
      earlier.add(step.id);
    }
    expect(steps.filter((s) => s.kind === 'etcd-founded').map((s) => s.needs.length)).toEqual([3]);
  });

  it('passes the needs of steps that are already right on to what they needed', async () => {
    const sim = await runningCluster(shape, 1);
    spoil(sim, etcd1, 'edit kubelet.yaml');
    spoil(sim, etcd1, 'edit manifest');
    const { steps } = made(planned(await viewOf(sim)));
    expect(steps.map((s) => s.kind)).toEqual(['kubelet-service', 'etcd-member-run']);
    expect(steps[1]?.needs).toEqual([steps[0]?.id]);
  });

  it('disturbs one machine at a time: careful steps are one chain, with the margin of each', async () => {
    const sim = await runningCluster(shape, 1);
    for (const host of sim.machines.keys()) spoil(sim, host, 'edit manifest');
    const { steps } = made(planned(await viewOf(sim)));
    expect(steps.map((s) => [s.risk, s.quorum])).toEqual(
      steps.map(() => ['disruptive', expect.objectContaining({ stay: 2, need: 2 })]),
    );
    expect(steps.map((s) => s.needs)).toEqual(steps.map((_, n) => (n === 0 ? [] : [steps[n - 1]?.id])));
  });

  it('brings back who is down before it disturbs the others, and touches the leader last', async () => {
    const sim = await runningCluster(shape, 1);
    const [clusterId = ''] = sim.etcd.clusterIds;
    const leader = sim.etcd.raft.leaderOf(clusterId);
    const others = [...sim.machines.keys()].filter((id) => id !== leader);
    for (const host of sim.machines.keys()) spoil(sim, host, host === others[1] ? 'remove manifest' : 'edit manifest');
    await sim.clock.advance(5_000);
    expect(made(planned(await viewOf(sim))).steps.map((s) => s.on)).toEqual([others[1], others[0], leader]);
  });

  it('is refused while a machine does not answer, and names it', async () => {
    const sim = await runningCluster(shape, 1);
    sim.powerOff(etcd1);
    const result = planned(await viewOf(sim));
    expect(result.ok ? [] : result.refusals.filter((f) => f.code === 'host.unreachable').map((f) => f.host)).toContain(
      'etcd-1',
    );
  });
});
