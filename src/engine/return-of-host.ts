import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { waitFor } from './conditions.ts';
import { isLoss } from './connection.ts';
import { ensureFence } from './lock.ts';
import { machineOf, type RunContext } from './run-context.ts';

/**
 * Brings a machine (back) under this run: its number first, before any write, then whatever still runs there from a lost
 * connection, or from an earlier run, ends. No step of ours runs on the machine meanwhile.
 */
export async function rejoin(
  ctx: RunContext,
  host: HostId,
  note: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await ctx.gate(host).alone(async () => {
    signal.throwIfAborted();
    const { lock } = machineOf(ctx, host);
    await ensureFence(lock, ctx.deps.holder, signal);
    ctx.fenced.add(host);
    for (const unit of await lock.settleUnits(ctx.deps.limits.leftoverMs, signal)) {
      const end = unit.state === 'ended' ? `had ended with exit code ${unit.exitCode ?? '?'}` : 'was stopped';
      note(`${host}: ${unit.name} ${end}`);
    }
  });
}

export interface Absence {
  hosts: readonly HostId[];
  /** Pause before the first look: a machine that is going down answers for a little while. */
  pauseMs: number;
  note: (text: string) => void;
  /** Ends the wait when it turns true: what the machine was needed for is so without it. */
  needless?: () => Promise<boolean>;
}

/** 'back', 'needless', or the error that names the machine that stayed away. */
export async function awaitReturn(ctx: RunContext, absence: Absence): Promise<'back' | 'needless' | KeelsonError> {
  const { clock, limits } = ctx.deps;
  const signal = AbortSignal.any([ctx.hard, ctx.cancel]);
  const away = new Map<HostId, string>(absence.hosts.map((host) => [host, 'no answer']));
  const names = absence.hosts.join(', ');
  absence.note(`waiting for ${names} to return`);

  async function look(host: HostId): Promise<void> {
    try {
      await rejoin(ctx, host, absence.note, signal);
      away.delete(host);
    } catch (error) {
      if (!isLoss(error)) throw error;
      away.set(host, error.message);
    }
  }

  try {
    await clock.sleep(absence.pauseMs, signal);
    const waited = await waitFor<'back' | 'needless'>({
      name: `${names} to return`,
      until: async () => {
        const [needless] = await Promise.all([absence.needless?.() ?? false, ...[...away.keys()].map(look)]);
        if (needless) return { is: 'met', value: 'needless' };
        if (away.size === 0) return { is: 'met', value: 'back' };
        return { is: 'waiting', state: [...away].map(([host, because]) => `${host}: ${because}`).join('; ') };
      },
      everyMs: { from: 500, to: 2000 },
      deadlineMs: limits.hostReturnMs - absence.pauseMs,
      clock,
      signal,
    });
    if (waited.is === 'late') return stayedAway([...away.keys()], limits.hostReturnMs, waited.state);
    if (away.size === 0) absence.note(`${names} is back`);
    return waited.value;
  } catch (error) {
    ctx.hard.throwIfAborted();
    const answered = error instanceof KeelsonError && error.code !== 'interrupted';
    if (!ctx.cancel.aborted || answered) throw error;
    return new KeelsonError(
      'interrupted',
      `interrupted while waiting for ${names} to return`,
      hostDetail([...away.keys()]),
    );
  }
}

function stayedAway(hosts: readonly HostId[], hostReturnMs: number, output: string): KeelsonError {
  const seconds = Math.round(hostReturnMs / 1000);
  return new KeelsonError('step.host-lost', `${hosts.join(', ')} did not return within ${seconds} s`, {
    ...hostDetail(hosts),
    output,
  });
}

function hostDetail(hosts: readonly HostId[]): { host?: HostId } {
  const [host] = hosts;
  return host === undefined ? {} : { host };
}
