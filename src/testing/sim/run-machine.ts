import { KeelsonError } from '../../model/errors.ts';
import { hostId } from '../../model/ids.ts';
import { reveal } from '../../model/reveal.ts';
import { Secret } from '../../model/secret.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ReadCommand, WriteCommand } from '../../ports/command.ts';
import type { CommandResult, WriteHost } from '../../ports/host.ts';
import { lockHostOver } from '../../ports/lock-host.ts';
import type { Machine, WriteBinding } from '../../ports/machine.ts';
import type { Gate } from './gate.ts';
import { type HandlerWorld, handle } from './handlers.ts';
import type { SimMachine } from './machine.ts';

export interface RunMachineWorld extends HandlerWorld {
  clock: Clock;
  /** Whether the operator reaches the machine. */
  reachable: (machine: SimMachine) => boolean;
  /** Whatever earlier calls still had to do on the machine under its `flock` is done before the next one gets it. */
  flush: (machine: SimMachine) => void;
  /** A write arrived: for the invariant that the journal came first. */
  received: (machine: SimMachine, binding: WriteBinding, what: string) => void;
}

const LONG_MS = 3_000;

/** One machine as one run sees it. */
export function runMachine(machine: SimMachine, gate: Gate, world: RunMachineWorld): Machine {
  const reached = <T>(what: string, body: () => T): Promise<T> =>
    gate.call(what, machine.id, () => {
      if (!machine.up || !world.reachable(machine))
        throw new KeelsonError('host.unreachable', `${machine.id} does not answer`, { host: machine.id });
      return body();
    });
  const locked = <T>(what: string, body: () => T): Promise<T> =>
    reached(what, () => {
      world.flush(machine);
      return body();
    });
  const runAll = (commands: readonly ReadCommand[]): Promise<readonly CommandResult[]> =>
    reached(`read ${commands.map((c) => c.builder).join(',')}`, () => commands.map((c) => handle(machine, c, world)));

  return {
    id: machine.id,
    read: { id: machine.id, runAll },
    lock: lockHostOver(
      machine.id,
      (command) => locked(command.builder, () => handle(machine, command, world)),
      world.clock,
    ),
    bind: (binding) => writeHost(machine, binding, runAll, locked, world),
  };
}

type Locked = <T>(what: string, body: () => T) => Promise<T>;

function writeHost(
  machine: SimMachine,
  binding: WriteBinding,
  runAll: WriteHost['runAll'],
  locked: Locked,
  world: RunMachineWorld,
): WriteHost {
  /** The fencing wrapper: compare, record, act, record. */
  function fenced<T>(what: string, act: () => T, exitCode: (result: T) => number): T {
    if (machine.fence !== binding.fence) {
      throw new KeelsonError('lock.lost', `another run has taken over ${machine.id}`, { host: machine.id });
    }
    world.received(machine, binding, what);
    machine.last = { ...binding };
    const result = act();
    machine.last = { ...binding, exitCode: exitCode(result) };
    return result;
  }
  const codeOf = (result: CommandResult): number => result.exitCode;
  const now = (): number => world.wallMs() / 1000;

  async function run(command: WriteCommand): Promise<CommandResult> {
    if (!command.mayBeLong)
      return locked(command.builder, () => fenced(command.builder, () => handle(machine, command, world), codeOf));
    return runLong(command);
  }

  /** A transient unit: started under the fence, it goes on by itself; the run looks until it has ended. */
  async function runLong(command: WriteCommand): Promise<CommandResult> {
    const name = `keelson-${binding.run}-${binding.step}.service`;
    await locked(`start ${command.builder}`, () =>
      fenced(
        command.builder,
        () => {
          if (machine.transients.some((t) => t.name === name && t.state === 'running')) return;
          machine.transients.push({
            name,
            state: 'running',
            exitCode: 0,
            endsAt: world.nowMs() + LONG_MS,
            effect: () => void handle(machine, command, world),
          });
        },
        () => 0,
      ),
    );
    await world.clock.sleep(LONG_MS);
    return locked(`end ${command.builder}`, () => {
      machine.settleTransients(world.nowMs());
      machine.transients = machine.transients.filter((t) => t.name !== name);
      return { exitCode: 0, stdout: '', stderr: '' };
    });
  }

  return {
    id: hostId(machine.id),
    runAll,
    run,
    putFiles: (files) =>
      locked(`put ${files.map((f) => f.path).join(',')}`, () =>
        fenced(
          'put-files',
          () =>
            files.map((file) => {
              const content = file.content instanceof Secret ? reveal(file.content) : file.content;
              const old = machine.files.get(file.path);
              if (old?.type === 'file' && old.content === content && old.mode === file.mode && old.owner === 'root')
                return 'unchanged' as const;
              machine.putFile(file.path, content, file.mode, now());
              world.etcd.settle();
              return 'written' as const;
            }),
          () => 0,
        ),
      ),
    putArtefact: (artefact) =>
      locked(`artefact ${artefact.path}`, () =>
        fenced(
          'put-artefact',
          () => {
            const old = machine.files.get(artefact.path);
            if (old?.sha256 === artefact.sha256 && machine.stamps.has(artefact.path)) return 'unchanged' as const;
            machine.placeArtefact(artefact, now());
            return 'written' as const;
          },
          () => 0,
        ),
      ),
  };
}
