import { KeelsonError } from '../../model/errors.ts';
import { Secret } from '../../model/secret.ts';
import type { Clock } from '../../ports/clock.ts';
import type { WriteCommand } from '../../ports/command.ts';
import type { CommandResult, WriteHost } from '../../ports/host.ts';
import { lockHostOver } from '../../ports/lock-host.ts';
import type { Machine, WriteBinding } from '../../ports/machine.ts';
import type { Actor } from './etcd.ts';
import type { Call, Gate } from './gate.ts';
import { fail, type HandlerWorld, ok } from './handler.ts';
import { asTransient, handle } from './handlers.ts';
import type { SimMachine, SimTransient } from './machine.ts';

export interface RunMachineWorld extends HandlerWorld {
  /** The process' own clock. */
  clock: Clock;
  /** Whether the operator reaches the machine. */
  reachable: (machine: SimMachine) => boolean;
  /** Milliseconds until nobody holds the machine's lock file any more. */
  heldMs: (machine: SimMachine) => number;
  /** On whose account a write of this process happens, as things are now. */
  actor: (run: string) => Actor;
  /** Does something on the machine after a while, unless it loses power before. */
  later: (machine: SimMachine, ms: number, effect: () => void) => void;
  /** A write was let in by the fence. */
  received: (machine: SimMachine, binding: WriteBinding, what: string) => void;
}

/** `flock` on the machine gave up. */
const BUSY = 75;

/** One machine as one process of an operator sees it. */
export function runMachine(machine: SimMachine, gate: Gate, world: RunMachineWorld): Machine {
  const { id } = machine;

  function reached<T>(what: string, effect: (portion: number) => T, more: Partial<Call<T>> = {}): Promise<T> {
    return gate.call({
      what,
      host: id,
      effect: (portion) => {
        if (!machine.up || !world.reachable(machine))
          throw new KeelsonError('host.unreachable', `${id} does not answer`, { host: id });
        return effect(portion);
      },
      ...more,
    });
  }

  const runAll: WriteHost['runAll'] = (commands) =>
    reached(`read ${commands.map((c) => c.builder).join(',')}`, () => commands.map((c) => handle(machine, c, world)));

  const lock = lockHostOver(
    id,
    (command) => {
      const state = command.builder === 'lock-state';
      const held = state ? {} : { heldMs: () => world.heldMs(machine), onBusy: () => fail(BUSY) };
      return reached(command.builder, () => handle(machine, command, world), held);
    },
    world.clock,
  );

  return { id, read: { id, runAll }, lock, bind: (binding) => boundHost(machine, binding, { runAll, reached, world }) };
}

interface Access {
  runAll: WriteHost['runAll'];
  reached: <T>(what: string, effect: (portion: number) => T, more?: Partial<Call<T>>) => Promise<T>;
  world: RunMachineWorld;
}

function boundHost(machine: SimMachine, binding: WriteBinding, { runAll, reached, world }: Access): WriteHost {
  const { id } = machine;
  let longCommands = 0;
  const now = (): number => world.wallMs() / 1000;

  /** Under the machine's lock file: compare, record, act, record. */
  function fenced<T>(what: string, act: (portion: number) => T, exitCode: (result: T) => number): Promise<T> {
    let actor: Actor | null = null;
    return reached(
      what,
      (portion) => {
        if (machine.fence !== binding.fence)
          throw new KeelsonError('lock.lost', `another run has taken over ${id}`, { host: id });
        world.received(machine, binding, what);
        machine.last = { ...binding };
        const result = onAccountOf(actor, () => act(portion));
        machine.last = { ...binding, exitCode: exitCode(result) };
        return result;
      },
      {
        heldMs: () => world.heldMs(machine),
        onBusy: () => {
          throw new KeelsonError('host.timeout', `another command of keelson kept ${id} busy for 15 s`, { host: id });
        },
        onIssue: () => {
          actor = world.actor(binding.run);
        },
      },
    );
  }

  function onAccountOf<T>(actor: Actor | null, act: () => T): T {
    const before = world.etcd.actor;
    world.etcd.actor = actor;
    try {
      return act();
    } finally {
      world.etcd.actor = before;
    }
  }

  async function run(command: WriteCommand): Promise<CommandResult> {
    if (command.mayBeLong) return runLong(command);
    return fenced(
      command.builder,
      () => handle(machine, command, world),
      (result) => result.exitCode,
    );
  }

  /** A transient unit: started under the fence, it goes on by itself; the run looks until it has ended. */
  async function runLong(command: WriteCommand): Promise<CommandResult> {
    longCommands += 1;
    const first = longCommands === 1;
    const stem = `keelson-${binding.run}-${binding.step}`;
    const name = `${stem}${first ? '' : `-${longCommands}`}.service`;
    let pollMs = 0;
    await fenced(
      `start ${command.builder}`,
      () => {
        // What an earlier attempt of the same step may still be doing is ended first.
        if (first) machine.transients = machine.transients.filter((t) => !t.name.startsWith(stem));
        pollMs = startTransient(command, name);
      },
      () => 0,
    );
    for (;;) {
      await world.clock.sleep(pollMs + 200);
      const ended = await reached(`poll ${command.builder}`, () => machine.transients.find((t) => t.name === name));
      if (ended === undefined)
        throw new KeelsonError('host.unreachable', `${id} was restarted, or somebody stopped ${name}`, { host: id });
      if (ended.state === 'running') continue;
      return reached(`collect ${command.builder}`, () => {
        machine.transients = machine.transients.filter((t) => t.name !== name);
        return ended.result;
      });
    }
  }

  function startTransient(command: WriteCommand, name: string): number {
    const { etcd } = world;
    const actor = etcd.actor;
    const { pollMs, work } = asTransient(machine, command, world);
    const transient: SimTransient = { name, builder: command.builder, state: 'running', result: ok() };
    machine.transients.push(transient);
    const goOn = (): void => {
      if (!machine.transients.includes(transient) || transient.state === 'ended') return;
      const next = onAccountOf(actor, () => work.next());
      if (next.done !== true) {
        world.later(machine, next.value, goOn);
        return;
      }
      transient.result = next.value;
      transient.state = 'ended';
    };
    goOn();
    return pollMs;
  }

  return {
    id,
    runAll,
    run,
    putFiles: (files) =>
      fenced(
        `put ${files.map((f) => f.path).join(',')}`,
        (portion) => {
          // In order, each at once and for good: a power cut leaves the first of them.
          const done = files.slice(0, Math.ceil(files.length * portion)).map((file) => {
            const content = file.content instanceof Secret ? Secret.valueOf(file.content) : file.content;
            const old = machine.files.get(file.path);
            if (old?.type === 'file' && old.content === content && old.mode === file.mode && old.owner === 'root')
              return 'unchanged' as const;
            machine.putFile(file.path, content, file.mode, now());
            return 'written' as const;
          });
          world.etcd.settle();
          return done;
        },
        () => 0,
      ),
    putArtefact: (artefact) =>
      fenced(
        `artefact ${artefact.path}`,
        (portion) => {
          const old = machine.files.get(artefact.path);
          if (
            old?.sha256 === artefact.sha256 &&
            machine.stamps.get(artefact.path) === `${artefact.sha256}|${machine.numbersOf(artefact.path)}`
          )
            return 'unchanged' as const;
          if (portion > 0.5) machine.placeArtefact(artefact, now());
          return 'written' as const;
        },
        () => 0,
      ),
  };
}
