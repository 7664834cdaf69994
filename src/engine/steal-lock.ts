import { KeelsonError } from '../model/errors.ts';
import type { HostId, RunId } from '../model/ids.ts';
import type { LockHolder, LockHost, LockState } from '../ports/host.ts';
import { describeHolder, highest, inNameOrder, reach } from './lock.ts';

export type StolenHost =
  | { host: HostId; is: 'raised'; fence: number }
  | { host: HostId; is: 'unreachable'; because: string }
  /** Another run holds the lock there: it was left alone. */
  | { host: HostId; is: 'held-by-another'; holder: LockHolder };

export interface StealReport {
  /** The run whose lock was released. */
  from: LockHolder;
  /** In name order. */
  hosts: readonly StolenHost[];
  /** Every machine that was not excepted has the higher number. */
  complete: boolean;
}

/**
 * `keelson unlock ID`: raises the fencing number on all hosts, so that the holder can write nothing more, and ends what it still
 * runs. Rejects, with nothing done, when no host is locked by that run (`lock.unknown-id`), or when one cannot be reached
 * (`lock.host-unreachable`) and is not in `except`.
 */
export async function stealLock(
  hosts: readonly LockHost[],
  lockId: RunId,
  options: { except: readonly HostId[] },
  signal: AbortSignal,
): Promise<StealReport> {
  const ordered = inNameOrder(hosts);
  const seen = await reach(ordered, (host) => host.state(signal));
  signal.throwIfAborted();
  const missing = seen.unreachable.filter((u) => !options.except.includes(u.host));
  if (missing.length > 0) throw unreachableHosts(missing.map((u) => u.host));

  const from = holderWith(lockId, seen.results);
  const others = new Map<HostId, LockHolder>();
  for (const [host, { holder }] of seen.results) {
    if (holder !== null && holder.run !== lockId) others.set(host, holder);
  }
  // Beside another holder only this run's own marks are removed, and its number is not passed by more than it must be: the other
  // may be at work.
  const top = highest(seen.results);
  const fence = others.size > 0 && from.fence < top ? top : top + 1;
  const targets = ordered.filter((host) => {
    const state = seen.results.get(host.id);
    return state !== undefined && (others.size === 0 || state.holder?.run === lockId);
  });
  const raised = await reach(targets, (host) => host.raise(fence, signal));
  signal.throwIfAborted();

  const unreachable = new Map([...seen.unreachable, ...raised.unreachable].map((u) => [u.host, u.because]));
  const report: StolenHost[] = [];
  for (const { id } of ordered) {
    const because = unreachable.get(id);
    const holder = others.get(id);
    if (because !== undefined) report.push({ host: id, is: 'unreachable', because });
    else if (holder !== undefined) report.push({ host: id, is: 'held-by-another', holder });
    else if (raised.results.has(id)) report.push({ host: id, is: 'raised', fence });
  }
  const complete = report.every((r) => r.is !== 'unreachable' || options.except.includes(r.host));
  return { from, hosts: report, complete };
}

function holderWith(lockId: RunId, states: ReadonlyMap<HostId, LockState>): LockHolder {
  const holders = [...states.values()].flatMap((s) => (s.holder === null ? [] : [s.holder]));
  const own = holders.filter((h) => h.run === lockId).sort((a, b) => b.fence - a.fence)[0];
  if (own !== undefined) return own;
  const [other] = holders;
  throw new KeelsonError(
    'lock.unknown-id',
    other === undefined ? 'nobody holds the lock' : `the lock is not held by ${lockId}: ${describeHolder(other)}`,
  );
}

function unreachableHosts(hosts: readonly HostId[]): KeelsonError {
  const flags = hosts.map((h) => `--except ${h}`).join(' ');
  return new KeelsonError(
    'lock.host-unreachable',
    `not reached, so the holder could still write there: ${hosts.join(', ')}`,
    {
      action: `Bring them back; or add ${flags}: a later run raises their number before anything else.`,
    },
  );
}
