import type { FactRef } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import type { Machine } from '../ports/machine.ts';
import type { View } from '../steps/types.ts';

/** The machine did not answer: whether a write happened is not known. Every other error is an answer. */
export function isLoss(error: unknown): error is KeelsonError {
  return error instanceof KeelsonError && (error.code === 'host.unreachable' || error.code === 'host.timeout');
}

/** Machines whose facts among `refs` are unknown, or whose etcd could not be reached: they may be gone. */
export function suspects(view: View, refs: readonly FactRef[] | 'all'): ReadonlySet<HostId> {
  const found = new Set<HostId>();
  const { hosts, etcd } = view.facts;
  if (refs === 'all') {
    for (const [id, facts] of hosts) if (Object.values(facts).some((fact) => fact.is === 'unknown')) found.add(id);
  } else {
    for (const ref of refs) {
      if (typeof ref === 'object' && hosts.get(ref.on)?.[ref.fact]?.is === 'unknown') found.add(ref.on);
    }
  }
  if ((refs === 'all' || refs.includes('etcd')) && etcd.is === 'known') {
    for (const [id, { status }] of etcd.value.endpoints) {
      if (status.is === 'failed' && status.reason === 'unreachable') found.add(id);
    }
  }
  return found;
}

/** Those that do not answer now. A fact can also be unknown because its output made no sense. */
export async function goneOf(
  ids: Iterable<HostId>,
  machines: ReadonlyMap<HostId, Machine>,
  signal: AbortSignal,
): Promise<readonly HostId[]> {
  const asked = [...ids].map(async (id): Promise<HostId[]> => {
    try {
      await machines.get(id)?.lock.state(signal);
      return [];
    } catch (error) {
      signal.throwIfAborted();
      return isLoss(error) ? [id] : [];
    }
  });
  return (await Promise.all(asked)).flat();
}
