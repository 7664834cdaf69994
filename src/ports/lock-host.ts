import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import type { Clock } from './clock.ts';
import type { ReadCommand, WriteCommand } from './command.ts';
import { fenceRaise, lockRelease, lockState, lockTake, parseLockState, stopUnits } from './commands/lock.ts';
import type { CommandResult, LockHost, LockState, RunningUnit } from './host.ts';

/** Runs a command as it is, without the fencing wrapper: only the lock's own commands may go this way. */
export type RunRaw = (command: ReadCommand | WriteCommand, signal: AbortSignal) => Promise<CommandResult>;

const POLL_MS = 500;

/** The lock's protocol over a machine's commands: the same code for real machines and for the simulation. */
export function lockHostOver(id: HostId, run: RunRaw, clock: Clock): LockHost {
  async function must(command: WriteCommand, signal: AbortSignal): Promise<CommandResult> {
    const result = await run(command, signal);
    if (result.exitCode !== 0) {
      throw new KeelsonError(
        'host.command-failed',
        `the lock command ${command.builder} ended with exit code ${result.exitCode}`,
        {
          host: id,
          output: result.stderr || result.stdout,
        },
      );
    }
    return result;
  }

  async function state(signal: AbortSignal): Promise<LockState> {
    return parseLockState((await run(lockState(), signal)).stdout);
  }

  async function settleUnits(deadlineMs: number, signal: AbortSignal): Promise<readonly RunningUnit[]> {
    const end = clock.monotonicMs() + deadlineMs;
    let units = (await state(signal)).units;
    while (units.some((u) => u.state === 'running') && clock.monotonicMs() < end) {
      await clock.sleep(POLL_MS, signal);
      units = (await state(signal)).units;
    }
    if (units.length > 0) await must(stopUnits(units.map((u) => u.name)), signal);
    return units;
  }

  return {
    id,
    state,
    settleUnits,
    take: async (holder, insteadOf, signal) => {
      const result = await run(lockTake(holder, insteadOf), signal);
      if (result.exitCode === 0) return 'taken';
      if (result.exitCode === 10 || result.exitCode === 11) return parseLockState(result.stdout);
      throw new KeelsonError('host.command-failed', `the lock could not be taken (exit code ${result.exitCode})`, {
        host: id,
        output: result.stderr,
      });
    },
    release: async (runId, signal) => {
      await must(lockRelease(runId), signal);
    },
    raise: async (fence, signal) => {
      await must(fenceRaise(fence), signal);
    },
  };
}
