import type { SimCluster } from '../../../src/testing/sim/cluster.ts';
import { apply } from './apply.ts';
import { newCluster, type Shape } from './world.ts';

const made = new Map<string, Promise<SimCluster>>();

/** A founding whose process died when so many members had written data and the vault had not seen a quorum; at rest. */
export async function halfFounded(shape: Shape, withData: number): Promise<SimCluster> {
  const key = JSON.stringify([shape, withData]);
  const known = made.get(key) ?? make(shape, withData);
  made.set(key, known);
  return newCluster(shape, 1, await known);
}

async function make(shape: Shape, withData: number): Promise<SimCluster> {
  for (let at = 20; at < 400; at += 1) {
    const sim = newCluster(shape, 1);
    await sim.clock.drive(apply(sim.process({ cuts: [{ at, form: 'not-run' }] }), shape));
    await sim.clock.advance(60_000);
    const holders = [...sim.machines.keys()].filter((id) => sim.etcd.data(id) !== undefined);
    if (holders.length === withData && sim.vault.identity?.etcd.phase === 'founding') return sim;
  }
  throw new Error(`no founding stops with data on ${withData} machines`);
}
