import { KeelsonError } from '../model/errors.ts';
import type { World } from '../ports/world.ts';
import type { View } from './types.ts';

/** An API server that has just lost its etcd for a moment, or its machine, is back within this. */
const BACK_MS = 90_000;
const POLL_MS = 1_000;

/**
 * No API server was ready when the facts were read. Waits until one is, and rejects in any case: the step is then tried again, on facts that
 * say what the cluster holds.
 */
export async function noApiServer(world: World, view: View): Promise<never> {
  const back = await apiServerBack(world, view);
  throw new KeelsonError(
    'kube.unreachable',
    back ? 'no API server was ready, and one is now' : 'no API server of the cluster is ready',
  );
}

/** Whether one is ready before its time is over. */
export async function apiServerBack(world: World, { desired }: View, withinMs = BACK_MS): Promise<boolean> {
  const controlPlanes = desired.nodes.filter((node) => node.role === 'control-plane');
  const end = world.clock.monotonicMs() + withinMs;
  world.note('waiting for an API server');
  for (;;) {
    for (const { host } of controlPlanes) {
      const readiness = await world.kube.readyz({ on: host, signal: world.signal }).catch(() => null);
      world.signal.throwIfAborted();
      if (readiness?.is === 'ok' && readiness.ready) return true;
    }
    if (world.clock.monotonicMs() >= end) return false;
    await world.clock.sleep(POLL_MS, world.signal);
  }
}
