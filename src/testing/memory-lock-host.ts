import { KeelsonError } from '../model/errors.ts';
import { type HostId, hostId, type RunId } from '../model/ids.ts';
import type { LockHolder, LockHost, LockState, RunningUnit } from '../ports/host.ts';

export type LockCall = 'state' | 'take' | 'release' | 'raise' | 'settle-units';

/** One machine's lock files and units. Several operators each get their own `LockHost` over the same machine. */
export interface MemoryLockMachine {
  readonly id: HostId;
  fence: number;
  holder: LockHolder | null;
  units: RunningUnit[];
  /** Calls in the order in which the machine answered them. */
  readonly calls: LockCall[];
}

export interface MemoryLockOptions {
  /** Waited for before the machine acts; throwing is a connection lost on the way there. */
  before?: (call: LockCall, machine: MemoryLockMachine) => Promise<void> | void;
  /** Waited for before the answer; throwing is an answer lost on the way back. */
  after?: (call: LockCall, machine: MemoryLockMachine) => Promise<void> | void;
}

export function memoryLockMachine(name: string): MemoryLockMachine {
  return { id: hostId(name), fence: 0, holder: null, units: [], calls: [] };
}

/** The rules of `lockTake`, `lockRelease` and `fenceRaise`, without a machine. */
export function memoryLockHost(machine: MemoryLockMachine, options: MemoryLockOptions = {}): LockHost {
  async function call<T>(name: LockCall, act: () => T, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    await options.before?.(name, machine);
    signal.throwIfAborted();
    machine.calls.push(name);
    const result = act();
    await options.after?.(name, machine);
    return result;
  }

  function state(): LockState {
    return { fence: machine.fence, holder: machine.holder, last: null, units: [...machine.units] };
  }

  function take(holder: LockHolder, insteadOf: RunId | null): 'taken' | LockState {
    const old = machine.holder?.run;
    const own = old === holder.run;
    if (old !== undefined && !own && old !== insteadOf) return state();
    if (holder.fence <= machine.fence && !own) return state();
    machine.fence = holder.fence;
    machine.holder = holder;
    return 'taken';
  }

  return {
    id: machine.id,
    state: (signal) => call('state', state, signal),
    take: (holder, insteadOf, signal) => call('take', () => take(holder, insteadOf), signal),
    release: (run, signal) =>
      call(
        'release',
        () => {
          if (machine.holder?.run === run) machine.holder = null;
        },
        signal,
      ),
    raise: (fence, signal) =>
      call(
        'raise',
        () => {
          machine.fence = Math.max(machine.fence, fence);
          machine.holder = null;
          machine.units = [];
        },
        signal,
      ),
    settleUnits: (_deadlineMs, signal) => call('settle-units', () => machine.units.splice(0), signal),
  };
}

export function unreachable(host: HostId): KeelsonError {
  return new KeelsonError('host.unreachable', `${host} does not answer`, { host });
}
