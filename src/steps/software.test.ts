import { describe, expect, it } from 'vitest';
import { apply, codeOf, planOf } from '../../test/scenarios/sim/apply.ts';
import { type Drift, spoil } from '../../test/scenarios/sim/drift.ts';
import { runningCluster } from '../../test/scenarios/sim/founded.ts';
import { newCluster, type Shape } from '../../test/scenarios/sim/world.ts';
import { hostId } from '../model/ids.ts';
import type { PlannedStep } from '../plan/types.ts';
import type { SimCluster } from '../testing/sim/cluster.ts';

const shape: Shape = { members: 3, source: 'bundle' };
const hosts = ['etcd-0', 'etcd-1', 'etcd-2'].map(hostId);
const SOFTWARE = ['bundle-programs', 'container-runtime'];

async function softwareSteps(sim: SimCluster): Promise<readonly PlannedStep[]> {
  const shown = await planOf(sim, shape);
  if (!('plan' in shown)) throw new Error(shown.refusals.map((f) => f.message).join());
  return shown.plan.steps.filter((s) => SOFTWARE.includes(s.kind));
}

describe('programs and containerd', () => {
  it('are placed and started side by side before the founding', async () => {
    const steps = await softwareSteps(newCluster(shape, 1));
    expect(steps).toHaveLength(6);
    for (const step of steps) {
      expect(step.risk).toBe('safe');
      expect(step.quorum).toBeUndefined();
    }
  });

  it.each<[Drift, string]>([
    ['edit containerd configuration', 'container-runtime'],
    ['edit containerd.service', 'container-runtime'],
    ['replace runc of the bundle', 'bundle-programs'],
  ])('are changed on one machine after the other under a running cluster: %s', async (drift, kind) => {
    const sim = await runningCluster(shape, 1);
    for (const host of hosts) spoil(sim, host, drift);
    const steps = await softwareSteps(sim);
    expect(steps.map((s) => [s.kind, s.risk, s.quorum])).toEqual(
      hosts.map(() => [kind, 'disruptive', expect.objectContaining({ stay: 2, need: 2 })]),
    );
    for (const [n, step] of steps.entries()) expect(step.needs).toEqual(n === 0 ? [] : [steps[n - 1]?.id]);
    expect((await sim.clock.drive(apply(sim.process(), shape))).is).toBe('done');
    expect(await softwareSteps(sim)).toEqual([]);
  });

  it('are left alone on a healthy member while another is ill', async () => {
    const sim = await runningCluster(shape, 1);
    sim.cutOff(hostId('etcd-0'), 'peers');
    spoil(sim, hostId('etcd-1'), 'edit containerd configuration');
    await sim.clock.advance(20_000);
    const ended = await sim.clock.drive(apply(sim.process(), shape));
    expect(codeOf(ended)).toBe('safety.quorum');
  });

  it('a kubeadm that is not the bundle’s is replaced without disturbing anybody', async () => {
    const sim = await runningCluster(shape, 1);
    sim.machines.get(hostId('etcd-1'))?.alter('/usr/local/bin/kubeadm', { inode: 1 });
    expect((await softwareSteps(sim)).map((s) => [s.kind, s.risk])).toEqual([['bundle-programs', 'safe']]);
  });
});
