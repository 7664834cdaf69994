import { KeelsonError } from '../model/errors.ts';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { WriteCommand } from '../ports/command.ts';
import { stopUnits } from '../ports/commands/lock.ts';
import type { CommandResult, ReadHost, WriteHost } from '../ports/host.ts';
import type { WriteBinding } from '../ports/machine.ts';
import type { Connection, ShellUse } from './connection.ts';
import { metFullDisk } from './disk-full.ts';
import { fenced } from './fence.ts';
import { collectUnit, parsePoll, pollUnit, startUnit, unitGone, unitName, unitOverdue } from './long-command.ts';
import { putArtefact } from './put-artefact.ts';
import { putFilesRequest } from './put-files.ts';
import type { ShellRequest } from './remote-shell.ts';

/** Looks at a long command come quickly at first: most end within a second. */
const POLL_MS = { first: 25, growth: 1.3, longest: 500 };
/** Beyond its own time a unit needs ten seconds to be killed, and a little to say so. */
const OVERDUE_MS = 20_000;

export function createWriteHost(
  read: ReadHost,
  connection: Connection,
  binding: WriteBinding,
  stateDirectory: string,
  clock: Clock,
): WriteHost {
  const { id } = read;
  let longCommands = 0;

  async function raw(use: ShellUse, request: ShellRequest, signal: AbortSignal): Promise<CommandResult> {
    return one(await connection.run(use, [request], signal));
  }

  async function act(request: ShellRequest, signal: AbortSignal): Promise<CommandResult> {
    const fence = fenced(id, binding, stateDirectory, request.argv);
    return fence.resultOf(await raw('main', { ...request, argv: fence.argv }, signal));
  }

  async function runLong(command: WriteCommand, signal: AbortSignal): Promise<CommandResult> {
    longCommands += 1;
    const unit = unitName(binding, longCommands);
    try {
      const started = await act(startUnit(unit, longCommands, command, bytesOf(command.stdin)), signal);
      if (started.exitCode !== 0) {
        const failed = new KeelsonError('host.command-failed', `${id} could not start the unit of ${command.builder}`, {
          host: id,
          output: started.stderr,
        });
        throw metFullDisk(id, command.builder, started) ?? failed;
      }
      const begin = clock.monotonicMs();
      const exitCode = await waitForUnit(unit, command, begin, signal);
      const result = await act(collectUnit(unit, exitCode, command.outputLimit), signal);
      const late = clock.monotonicMs() - begin >= command.timeoutMs * 0.95;
      if ((exitCode === 124 || exitCode === 137) && late) throw unitOverdue(id, command, result);
      return result;
    } catch (error) {
      if (signal.aborted) await stop(unit);
      throw error;
    }
  }

  async function waitForUnit(unit: string, command: WriteCommand, begin: number, signal: AbortSignal): Promise<number> {
    let pause = POLL_MS.first;
    for (;;) {
      await clock.sleep(pause, signal);
      const state = parsePoll((await raw('main', pollUnit(unit), signal)).stdout);
      if (state.is === 'ended') return state.exitCode;
      if (state.is === 'gone') throw unitGone(id, unit);
      if (clock.monotonicMs() - begin > command.timeoutMs + OVERDUE_MS) {
        await stop(unit);
        throw new KeelsonError('host.timeout', `${command.builder} on ${id} did not end in time and was stopped`, {
          host: id,
        });
      }
      pause = Math.min(POLL_MS.longest, pause * POLL_MS.growth);
    }
  }

  /**
   * As well as it can be done: if the machine does not answer now, the next run finds the unit. Behind the machine's lock file, because
   * an abort may fall while the unit is being started: it could begin after it was stopped.
   */
  async function stop(unit: string): Promise<void> {
    const patience = AbortSignal.timeout(15_000);
    await act(stopUnits([`${unit}.service`]), patience).catch(() => undefined);
  }

  return {
    ...read,
    run: async (command, signal) => {
      const result = await (command.mayBeLong ? runLong(command, signal) : act(command, signal));
      const full = metFullDisk(id, command.builder, result);
      if (full !== null) throw full;
      return result;
    },
    putFiles: async (files, signal) => {
      if (files.length === 0) return [];
      const put = putFilesRequest(id, files);
      return put.outcomeOf(await act(put.request, signal));
    },
    putArtefact: (artefact, signal) =>
      putArtefact(id, artefact, binding, `${stateDirectory}/artefacts`, {
        look: (use, request) => raw(use, request, signal),
        act: (request) => act(request, signal),
      }),
  };
}

export function one(results: readonly CommandResult[]): CommandResult {
  const [result] = results;
  if (result === undefined) throw new KeelsonError('internal', 'a command gave no result');
  return result;
}

function bytesOf(stdin: string | Secret | undefined): Buffer {
  return Buffer.from(stdin instanceof Secret ? reveal(stdin) : (stdin ?? ''));
}
