import type { SimCluster } from '../../../src/testing/sim/cluster.ts';
import { apply, describeApplied } from './apply.ts';
import { newCluster, type Shape } from './world.ts';

const made = new Map<string, Promise<SimCluster>>();

/** A cluster that was founded and handed over without any fault, and is at rest: where stories of a running cluster begin. */
export function founded(shape: Shape): Promise<SimCluster> {
  const key = JSON.stringify(shape);
  const known = made.get(key) ?? make(shape);
  made.set(key, known);
  return known;
}

async function make(shape: Shape): Promise<SimCluster> {
  const sim = newCluster(shape, 0);
  sim.startClients();
  const applied = await sim.clock.drive(apply(sim.process(), shape));
  if (applied.is !== 'done')
    throw new Error(`the cluster to begin with could not be made: ${describeApplied(applied)}`);
  await sim.clock.advance(10_000);
  sim.stopClients();
  await sim.clock.advance(1_000);
  return sim;
}
