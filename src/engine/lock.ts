import { KeelsonError } from '../model/errors.ts';
import type { HostId, RunId } from '../model/ids.ts';
import { moment } from '../model/text.ts';
import type { LockHolder, LockHost, LockState, RunningUnit } from '../ports/host.ts';
import { isLoss } from './connection.ts';

export interface UnreachableHost {
  host: HostId;
  because: string;
}

export interface AcquireOptions {
  /** True only when the holder's operator is this very machine and its process is gone, or the machine has been rebooted since. */
  isDead: (holder: LockHolder) => boolean;
}

export interface AcquiredLock {
  fence: number;
  holder: LockHolder;
  taken: readonly HostId[];
  unreachable: readonly UnreachableHost[];
  /** Dead or superseded runs whose locks were taken over; their commands may still run: `settleLeftovers`. */
  tookOver: readonly LockHolder[];
}

const ROUNDS = 5;

/**
 * Takes the cluster's lock on a majority of all hosts. Rejects with `lock.held` (who, what, since when) or `lock.no-majority`,
 * and then holds nothing.
 */
export async function acquireLock(
  hosts: readonly LockHost[],
  owner: Omit<LockHolder, 'fence'>,
  options: AcquireOptions,
  signal: AbortSignal,
): Promise<AcquiredLock> {
  const ordered = inNameOrder(hosts);
  for (let round = 1; ; round++) {
    const seen = await readStates(ordered, signal);
    const result = await tryRound(ordered, seen, owner, options, signal);
    if (result !== 'overtaken') return result;
    // Another run came and went between our look and our take: the numbers are too low now. Look again.
    if (round === ROUNDS) {
      throw new KeelsonError('lock.held', 'other runs keep taking the lock', { action: 'Run the same command again.' });
    }
  }
}

/** Rejects with `lock.held` where `acquireLock` would now; takes nothing, so that the answer may be old at once. */
export async function refuseHeld(
  hosts: readonly LockHost[],
  options: AcquireOptions,
  signal: AbortSignal,
): Promise<void> {
  const { states } = await readStates(inNameOrder(hosts), signal);
  for (const { holder } of states.values())
    if (holder !== null && !mayBeTakenOver(holder, states, hosts.length, options)) throw heldBy(holder);
}

interface Seen {
  states: ReadonlyMap<HostId, LockState>;
  unreachable: readonly UnreachableHost[];
}

async function readStates(hosts: readonly LockHost[], signal: AbortSignal): Promise<Seen> {
  const read = await reach(hosts, (host) => host.state(signal));
  signal.throwIfAborted();
  return { states: read.results, unreachable: read.unreachable };
}

async function tryRound(
  hosts: readonly LockHost[],
  seen: Seen,
  owner: Omit<LockHolder, 'fence'>,
  options: AcquireOptions,
  signal: AbortSignal,
): Promise<AcquiredLock | 'overtaken'> {
  const stale = new Map<HostId, LockHolder>();
  for (const [host, { holder }] of seen.states) {
    if (holder === null || holder.run === owner.run) continue;
    if (!mayBeTakenOver(holder, seen.states, hosts.length, options)) throw heldBy(holder);
    stale.set(host, holder);
  }
  const need = majority(hosts.length);
  if (seen.states.size < need) throw noMajority(hosts.length, seen.unreachable);

  const holder: LockHolder = { ...owner, fence: highest(seen.states) + 1 };
  const taken: HostId[] = [];
  const unreachable = [...seen.unreachable];
  const touched: LockHost[] = [];
  try {
    for (const host of hosts) {
      if (!seen.states.has(host.id)) continue;
      touched.push(host);
      const answer = await takeOn(host, holder, stale.get(host.id)?.run ?? null, signal);
      if (answer === 'taken') taken.push(host.id);
      else if ('because' in answer) unreachable.push(answer);
      else if (isOvertaken(answer, holder.fence, stale.get(host.id))) {
        await giveBack(touched, owner.run);
        return 'overtaken';
      } else throw answer.holder === null ? unreadableHolder(host.id) : heldBy(answer.holder);
    }
    if (taken.length < need) throw noMajority(hosts.length, unreachable);
  } catch (error) {
    await giveBack(touched, owner.run);
    throw error;
  }
  return { fence: holder.fence, holder, taken, unreachable, tookOver: distinct(stale.values()) };
}

function isOvertaken(answer: LockState, fence: number, stale: LockHolder | undefined): boolean {
  return answer.fence >= fence && (answer.holder === null || answer.holder.run === stale?.run);
}

async function takeOn(
  host: LockHost,
  holder: LockHolder,
  insteadOf: RunId | null,
  signal: AbortSignal,
): Promise<'taken' | LockState | UnreachableHost> {
  try {
    return await host.take(holder, insteadOf, signal);
  } catch (error) {
    if (!isLoss(error)) throw error;
    return { host: host.id, because: error.message };
  }
}

/** Also where a take got no answer: it may have happened. Our own interruption must not keep us from it. */
async function giveBack(touched: readonly LockHost[], run: RunId): Promise<void> {
  await Promise.allSettled(touched.map((host) => host.release(run, new AbortController().signal)));
}

function mayBeTakenOver(
  holder: LockHolder,
  states: ReadonlyMap<HostId, LockState>,
  all: number,
  { isDead }: AcquireOptions,
): boolean {
  return isDead(holder) || superseded(holder, states, all);
}

/** A majority has moved on to a higher number, so this holder cannot act for the cluster any more, wherever its mark remains. */
function superseded(holder: LockHolder, states: ReadonlyMap<HostId, LockState>, all: number): boolean {
  let beyond = 0;
  for (const { fence } of states.values()) if (fence > holder.fence) beyond += 1;
  return beyond >= majority(all);
}

/**
 * Makes sure that a machine carries this run's number, and no higher one, before the run's first write there. Rejects with
 * `lock.lost` when another run has taken over.
 */
export async function ensureFence(host: LockHost, holder: LockHolder, signal: AbortSignal): Promise<void> {
  let insteadOf: RunId | null = null;
  for (let round = 0; round < 3; round++) {
    const answer = await host.take(holder, insteadOf, signal);
    if (answer === 'taken') return;
    if (answer.fence > holder.fence) throw lockLost(host.id, answer.holder);
    // We hold the majority, so nobody else can hold this number: a run that lost the race for the lock left it here.
    if (answer.fence === holder.fence) return;
    // What an older run, whose number the majority has passed, left on a machine that nobody could reach.
    insteadOf = answer.holder?.run ?? null;
  }
  throw lockLost(host.id, null);
}

export interface ReleaseReport {
  released: readonly HostId[];
  /** The lock stays there; this machine's next run takes it over, for others it needs `unlock`. */
  unreachable: readonly UnreachableHost[];
}

export async function releaseLock(hosts: readonly LockHost[], run: RunId, signal: AbortSignal): Promise<ReleaseReport> {
  const { results, unreachable } = await reach(inNameOrder(hosts), (host) => host.release(run, signal), 'any error');
  return { released: [...results.keys()], unreachable };
}

export interface LeftoverReport {
  /** How the commands of earlier runs ended, where there were any. */
  ended: readonly { host: HostId; units: readonly RunningUnit[] }[];
  unreachable: readonly UnreachableHost[];
}

/** Waits for, or at the deadline stops, what earlier runs still do on the machines: after taking the lock, before reading facts. */
export async function settleLeftovers(
  hosts: readonly LockHost[],
  deadlineMs: number,
  signal: AbortSignal,
): Promise<LeftoverReport> {
  const { results, unreachable } = await reach(inNameOrder(hosts), (host) => host.settleUnits(deadlineMs, signal));
  signal.throwIfAborted();
  const ended = [...results].filter(([, units]) => units.length > 0).map(([host, units]) => ({ host, units }));
  return { ended, unreachable };
}

/** Asks all hosts at once. A lost connection is a result; any other error rejects, once all have answered. */
export async function reach<T>(
  hosts: readonly LockHost[],
  ask: (host: LockHost) => Promise<T>,
  tolerate: 'losses' | 'any error' = 'losses',
): Promise<{ results: ReadonlyMap<HostId, T>; unreachable: readonly UnreachableHost[] }> {
  const answers = await Promise.allSettled(hosts.map(ask));
  const results = new Map<HostId, T>();
  const unreachable: UnreachableHost[] = [];
  for (const [index, host] of hosts.entries()) {
    const answer = answers[index];
    if (answer?.status === 'fulfilled') results.set(host.id, answer.value);
    else if (isLoss(answer?.reason) || tolerate === 'any error')
      unreachable.push({ host: host.id, because: messageOf(answer?.reason) });
    else throw answer?.reason;
  }
  return { results, unreachable };
}

export function highest(states: ReadonlyMap<HostId, LockState>): number {
  let fence = 0;
  for (const state of states.values()) fence = Math.max(fence, state.fence, state.holder?.fence ?? 0);
  return fence;
}

export function inNameOrder(hosts: readonly LockHost[]): readonly LockHost[] {
  return [...hosts].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** `ops@desk runs apply (20261121t101500z-3f9a1c) since 2026-11-21 10:15:00Z`. */
export function describeHolder(holder: LockHolder): string {
  return `${holder.user}@${holder.operator} runs ${holder.command} (${holder.run}) since ${moment(holder.since)}`;
}

function heldBy(holder: LockHolder): KeelsonError {
  return new KeelsonError('lock.held', `the cluster is locked: ${describeHolder(holder)}`, {
    action: `Wait for it to end. If it is gone for good: keelson unlock ${holder.run}`,
  });
}

function unreadableHolder(host: HostId): KeelsonError {
  return new KeelsonError('lock.held', `the lock on ${host} is held, and its file does not say by whom`, {
    host,
    action: 'Look at /var/lib/keelson/lock on that machine; its first line is the ID for keelson unlock.',
  });
}

function noMajority(all: number, unreachable: readonly UnreachableHost[]): KeelsonError {
  const which = unreachable.map((u) => `${u.host} (${u.because})`).join(', ');
  return new KeelsonError(
    'lock.no-majority',
    `the lock needs ${majority(all)} of ${all} machines; unreachable: ${which}`,
  );
}

function lockLost(host: HostId, holder: LockHolder | null): KeelsonError {
  const who = holder === null ? 'it was released by keelson unlock, or another run took it' : describeHolder(holder);
  return new KeelsonError('lock.lost', `the lock was lost on ${host}: ${who}`, { host });
}

function majority(all: number): number {
  return Math.floor(all / 2) + 1;
}

function distinct(holders: Iterable<LockHolder>): LockHolder[] {
  return [...new Map([...holders].map((h) => [h.run, h])).values()];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
