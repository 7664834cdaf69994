import { reach, refuseHeld } from '../engine/lock.ts';
import { type StealReport, stealLock } from '../engine/steal-lock.ts';
import type { HostId, RunId } from '../model/ids.ts';
import type { LockHolder, LockState } from '../ports/host.ts';
import type { Machine } from '../ports/machine.ts';

export type { StealReport };

export type HostLock = { host: HostId } & ({ is: 'known'; state: LockState } | { is: 'unreachable'; because: string });

export interface LockReport {
  /** Who holds it on a majority of all machines; null when nobody does. */
  holder: LockHolder | null;
  /** In name order. A holder on fewer machines than a majority is what a broken or a starting run has left there. */
  hosts: readonly HostLock[];
  /** Runs that hold the lock anywhere, and whose process, on this very machine, has ended: the next run from here takes over at once. */
  dead: readonly RunId[];
}

export async function readLock(
  machines: ReadonlyMap<HostId, Machine>,
  isDead: (holder: LockHolder) => boolean,
  signal: AbortSignal,
): Promise<LockReport> {
  const locks = [...machines.values()].map((m) => m.lock);
  const { results, unreachable } = await reach(locks, (lock) => lock.state(signal));
  signal.throwIfAborted();
  const hosts = [...machines.keys()].sort().flatMap((host): HostLock[] => {
    const state = results.get(host);
    const gone = unreachable.find((u) => u.host === host);
    if (state !== undefined) return [{ host, is: 'known', state }];
    return gone === undefined ? [] : [{ host, is: 'unreachable', because: gone.because }];
  });
  const holders = [...results.values()].map((state) => state.holder).filter((holder) => holder !== null);
  return {
    holder: majorityHolder([...results.values()], machines.size),
    hosts,
    dead: [...new Set(holders.filter(isDead).map((holder) => holder.run))],
  };
}

function majorityHolder(states: readonly LockState[], all: number): LockHolder | null {
  for (const { holder } of states) {
    if (holder === null) continue;
    const on = states.filter((s) => s.holder?.run === holder.run && s.holder.fence === holder.fence).length;
    if (on > all / 2) return holder;
  }
  return null;
}

/**
 * Rejects with `lock.held`: before a person is asked about a plan that could not be run, and before a run has a journal, which would stand
 * before that of the run at work. `on` are the machines that the run would lock, all by default.
 */
export async function refuseLocked(
  machines: ReadonlyMap<HostId, Machine>,
  isDead: (holder: LockHolder) => boolean,
  signal: AbortSignal,
  on: readonly HostId[] = [...machines.keys()],
): Promise<void> {
  const locks = [...machines.values()].map((m) => m.lock).filter((lock) => on.includes(lock.id));
  await refuseHeld(locks, { isDead }, signal);
}

/** See `stealLock`: rejects with nothing done when the id is wrong, or when a machine is unreachable and not in `except`. */
export async function unlock(
  machines: ReadonlyMap<HostId, Machine>,
  id: string,
  except: readonly string[],
  signal: AbortSignal,
): Promise<StealReport> {
  const locks = [...machines.values()].map((m) => m.lock);
  return stealLock(locks, id as RunId, { except: except as readonly HostId[] }, signal);
}

/**
 * Gives back what a killed process of this very machine has left: another operator's machine cannot know that its owner is dead, and
 * would be refused.
 */
export async function releaseDeadLock(
  machines: ReadonlyMap<HostId, Machine>,
  isDead: (holder: LockHolder) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const locks = [...machines.values()].map((m) => m.lock);
  const { results } = await reach(locks, (lock) => lock.state(signal));
  await Promise.all(
    locks.map(async (lock) => {
      const holder = results.get(lock.id)?.holder ?? null;
      if (holder !== null && isDead(holder)) await lock.release(holder.run, signal);
    }),
  );
}
