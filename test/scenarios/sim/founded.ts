import type { Policy } from '../../../src/plan/policy.ts';
import type { SimCluster } from '../../../src/testing/sim/cluster.ts';
import { apply, describeApplied } from './apply.ts';
import { newCluster, type Shape, policy as standard } from './world.ts';

const made = new WeakMap<Policy, Map<string, Promise<SimCluster>>>();

/** A running cluster, whose members have found their leader. */
export async function runningCluster(shape: Shape, seed: number, policy: Policy = standard): Promise<SimCluster> {
  const sim = newCluster(shape, seed, await founded(shape, policy));
  sim.startClients();
  await sim.clock.advance(4_000);
  return sim;
}

/** A cluster that was founded and handed over without any fault, and is at rest: where stories of a running cluster begin. */
export function founded(shape: Shape, policy: Policy = standard): Promise<SimCluster> {
  const own = made.get(policy) ?? new Map<string, Promise<SimCluster>>();
  made.set(policy, own);
  const key = JSON.stringify(shape);
  const known = own.get(key) ?? make(shape, policy);
  own.set(key, known);
  return known;
}

async function make(shape: Shape, policy: Policy): Promise<SimCluster> {
  const sim = newCluster(shape, 0);
  sim.startClients();
  const applied = await sim.clock.drive(apply(sim.process(), shape, { policy }));
  if (applied.is !== 'done')
    throw new Error(`the cluster to begin with could not be made: ${describeApplied(applied)}`);
  await sim.clock.advance(10_000);
  sim.stopClients();
  await sim.clock.advance(1_000);
  return sim;
}
