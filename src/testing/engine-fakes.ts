import type { EngineDeps, EngineLimits } from '../engine/types.ts';
import type { FactRef, HostFacts } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import type { RunEvent } from '../model/events.ts';
import type { Finding } from '../model/finding.ts';
import { type Digest, type HostId, hostId, OPERATOR, type RunId, type StepId } from '../model/ids.ts';
import type { Plan, PlannedStep, SafetyRule } from '../plan/types.ts';
import type { LockHolder, WriteHost } from '../ports/host.ts';
import type { Machine } from '../ports/machine.ts';
import type { EtcdPhase } from '../ports/vault.ts';
import { type Check, defineStep, type Risk, type Step, type View } from '../steps/types.ts';
import { type ManualClock, manualClock } from './manual-clock.ts';
import { type MemoryLockMachine, memoryLockHost, memoryLockMachine, unreachable } from './memory-lock-host.ts';

/** A machine as small as the engine needs it: things are done on it, it goes away and comes back. */
export interface FakeMachine {
  readonly id: HostId;
  up: boolean;
  bootId: string;
  readonly done: Set<string>;
  readonly lock: MemoryLockMachine;
}

/** What becomes of one write. `hangs` never answers; `deaf` overlooks an abort; `lost-reply` is done and not told. */
export type Fate = 'ok' | 'deaf' | 'no-effect' | 'lost' | 'lost-reply' | 'fails' | 'hangs' | 'lock-lost';

export interface FakeWorld {
  readonly clock: ManualClock;
  readonly machines: ReadonlyMap<HostId, FakeMachine>;
  /** All that happened, in order: `journal step.started a`, `on disk step.started a`, `write h1 a`, `read all`, `read h1.files`. */
  readonly trace: string[];
  readonly events: RunEvent[];
  /** Asked for each write, with how often this one was tried. */
  fate: (what: string, on: HostId, attempt: number) => Fate;
  /** How long a write takes on the fake clock. */
  writeMs: number;
  phase: EtcdPhase;
  /** Rejects when the journal's disk is full. */
  journalFails: (event: RunEvent) => boolean;
  readonly deps: EngineDeps;
  readonly machine: (name: string) => FakeMachine;
  readonly writes: () => string[];
}

export interface FakeStep {
  on?: string;
  needs?: readonly string[];
  risk?: Risk;
  attempts?: number;
  settleMs?: number;
  /** Facts beside the own machine's files. */
  reads?: readonly FactRef[];
  blocked?: Finding;
  riskNow?: Risk;
  noteText?: string;
  /** The step swallows what the machine answers: it must not be able to hide that the lock is lost. */
  hidesErrors?: boolean;
  /** How many writes it takes; one. */
  writes?: number;
}

interface ThingParams extends FakeStep {
  name: string;
}

/** One kind of step: a thing is done on a machine (or by the operator), by one write. */
function thingKind(params: ThingParams): Step {
  return defineStep<ThingParams>({
    kind: `thing-${params.name}`,
    risk: params.risk ?? 'safe',
    attempts: params.attempts ?? 1,
    settleMs: params.settleMs ?? 1000,
    parse: (p) => p as ThingParams,
    title: (p, on) => `do ${p.name} on ${on}`,
    reads: (p, on) => [
      ...(on === OPERATOR ? (['vault'] as const) : [{ on, fact: 'files' } as const]),
      ...(p.reads ?? []),
    ],
    judge: (p, view, on): Check => {
      if (p.blocked !== undefined) return { is: 'blocked', finding: p.blocked };
      if (doneIn(view, on).has(p.name)) return { is: 'satisfied' };
      const change = { summary: `${p.name} is missing` };
      return { is: 'needed', changes: [change], ...(p.riskNow === undefined ? {} : { risk: p.riskNow }) };
    },
    apply: async (p, world, _view, on) => {
      if (p.noteText !== undefined) world.note(p.noteText);
      if (on === OPERATOR) await world.vault.updateEtcd({ phase: 'new', clusterId: p.name });
      else {
        for (let i = 0; i < (p.writes ?? 1); i++) {
          const put = world.host.putFiles([{ path: p.name, content: '', mode: '600' }], world.signal);
          await (p.hidesErrors ? put.catch(() => {}) : put);
        }
      }
    },
  });
}

function doneIn(view: View, on: HostId): ReadonlySet<string> {
  const fact = on === OPERATOR ? view.facts.vault : view.facts.hosts.get(on)?.files;
  if (fact?.is !== 'known') throw new Error(`asked for an unknown fact of ${on}`);
  return (fact.value as unknown as { done: ReadonlySet<string> }).done;
}

export const fakeLimits: EngineLimits = { steps: 8, stepsPerHost: 4, hostReturnMs: 60_000, leftoverMs: 5000 };

export interface FakeOptions {
  hosts?: readonly string[];
  limits?: Partial<EngineLimits>;
  rules?: readonly SafetyRule[];
  locked?: readonly string[];
}

/** A plan of things, and a world to do them in. */
export function fakeRun(
  steps: Readonly<Record<string, FakeStep>>,
  options: FakeOptions = {},
): { plan: Plan; world: FakeWorld } {
  const things = Object.entries(steps).map(([name, step]) => ({ name, ...step }));
  const kinds = things.map(thingKind);
  const planned = things.map((thing, index): PlannedStep => {
    const on = thing.on === 'operator' ? OPERATOR : hostId(thing.on ?? 'h1');
    return {
      id: thing.name as StepId,
      kind: kinds[index]?.kind ?? '',
      on,
      params: thing,
      title: `do ${thing.name} on ${on}`,
      risk: thing.risk ?? 'safe',
      changes: [],
      needs: (thing.needs ?? []) as StepId[],
      why: '',
    };
  });
  const digest = 'sha256:0' as Digest;
  const plan: Plan = { digest, intent: { kind: 'apply' }, basis: { config: digest, at: '' }, steps: planned };
  return { plan, world: fakeWorld(kinds, options) };
}

function fakeWorld(kinds: readonly Step[], options: FakeOptions): FakeWorld {
  const clock = manualClock();
  const names = options.hosts ?? ['h1', 'h2', 'h3'];
  const machines = new Map(
    names.map((name): [HostId, FakeMachine] => [
      hostId(name),
      { id: hostId(name), up: true, bootId: 'boot-1', done: new Set(), lock: memoryLockMachine(name) },
    ]),
  );
  const holder: LockHolder = {
    run: 'run-1' as RunId,
    command: 'apply',
    user: 'ann',
    operator: 'desk',
    operatorMachineId: 'm',
    operatorBootId: 'b',
    pid: 1,
    pidStart: '1',
    since: '',
    fence: 5,
  };
  const locked = (options.locked ?? names).map(hostId);
  for (const id of locked) Object.assign(machines.get(id)?.lock ?? {}, { fence: holder.fence, holder });

  const trace: string[] = [];
  const tries = new Map<string, number>();
  const operatorDone = new Set<string>();
  const world: FakeWorld = {
    clock,
    machines,
    trace,
    events: [],
    fate: () => 'ok',
    writeMs: 10,
    phase: 'handed-over',
    journalFails: () => false,
    machine: (name) => {
      const machine = machines.get(hostId(name));
      if (machine === undefined) throw new Error(`no machine ${name}`);
      return machine;
    },
    writes: () => trace.filter((line) => line.startsWith('write ')),
    get deps() {
      return deps;
    },
  };

  async function write(on: HostId, what: string, done: Set<string>, signal: AbortSignal): Promise<void> {
    trace.push(`write ${on} ${what}`);
    const attempt = (tries.get(what) ?? 0) + 1;
    tries.set(what, attempt);
    const fate = world.fate(what, on, attempt);
    await clock.sleep(world.writeMs, fate === 'deaf' ? undefined : signal);
    if (fate === 'hangs') await new Promise<never>(() => {});
    if (fate === 'lost' || machines.get(on)?.up === false) throw unreachable(on);
    if (fate === 'lock-lost') throw new KeelsonError('lock.lost', 'the lock is bob’s', { host: on });
    if (fate === 'fails') throw new KeelsonError('host.command-failed', `${what} failed`);
    if (fate !== 'no-effect') done.add(what);
    trace.push(`done ${on} ${what}`);
    if (fate === 'lost-reply') throw unreachable(on);
  }

  function factsOf(machine: FakeMachine): HostFacts {
    const because = `${machine.id} does not answer`;
    const known = (value: unknown) => (machine.up ? { is: 'known', value, at: '' } : { is: 'unknown', because });
    return {
      machine: known({ bootId: machine.bootId }),
      files: known({ done: new Set(machine.done) }),
    } as unknown as HostFacts;
  }

  function endpointOf({ up }: FakeMachine) {
    return { status: up ? { is: 'ok' } : { is: 'failed', reason: 'unreachable' } };
  }

  function view(): View {
    return {
      desired: { cluster: { phase: world.phase } },
      facts: {
        hosts: new Map([...machines].map(([id, machine]) => [id, factsOf(machine)])),
        etcd: {
          is: 'known',
          value: { endpoints: new Map([...machines].map(([id, m]) => [id, endpointOf(m)])) },
          at: '',
        },
        vault: { is: 'known', value: { done: new Set(operatorDone) }, at: '' },
      },
    } as unknown as View;
  }

  function machinePort(machine: FakeMachine): Machine {
    const lock = memoryLockHost(machine.lock, {
      before: (call) => {
        trace.push(`${call} ${machine.id}`);
        if (!machine.up) throw unreachable(machine.id);
      },
    });
    const refuse = async (): Promise<never> => {
      throw new Error('not in this fake');
    };
    const read = { id: machine.id, runAll: refuse };
    const bind = (): WriteHost => ({
      ...read,
      run: refuse,
      putArtefact: refuse,
      putFiles: async (files, signal) => {
        for (const file of files) await write(machine.id, file.path, machine.done, signal);
        return files.map(() => 'written' as const);
      },
    });
    return { id: machine.id, read, lock, bind };
  }

  async function readView(refs: readonly FactRef[] | 'all', _last: View | null, signal: AbortSignal): Promise<View> {
    signal.throwIfAborted();
    trace.push(
      `read ${refs === 'all' ? 'all' : refs.map((r) => (typeof r === 'string' ? r : `${r.on}.${r.fact}`)).join(' ')}`,
    );
    return view();
  }

  const deps: EngineDeps = {
    cluster: 'lab',
    holder,
    locked,
    machines: new Map([...machines].map(([id, machine]) => [id, machinePort(machine)])),
    view: view(),
    readView,
    kinds,
    rules: options.rules ?? [],
    etcd: {} as EngineDeps['etcd'],
    kube: {} as EngineDeps['kube'],
    pki: {} as EngineDeps['pki'],
    vault: {
      // The thing's name travels as the cluster's id.
      updateEtcd: ({ clusterId }: { clusterId: string }) =>
        write(OPERATOR, clusterId, operatorDone, new AbortController().signal),
    } as unknown as EngineDeps['vault'],
    clock,
    random: {} as EngineDeps['random'],
    journal: {
      append: async (event) => {
        const name = 'step' in event ? `${event.type} ${event.step}` : event.type;
        trace.push(`journal ${name}`);
        await clock.sleep(1);
        if (world.journalFails(event))
          throw new KeelsonError('vault.write-failed', 'no space left on the journal’s disk');
        trace.push(`on disk ${name}`);
      },
      close: async () => {},
    },
    emit: (event) => world.events.push(event),
    limits: { ...fakeLimits, ...options.limits },
  };
  return world;
}
