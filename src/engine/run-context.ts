import { KeelsonError } from '../model/errors.ts';
import { type HostId, OPERATOR, type StepId } from '../model/ids.ts';
import type { WriteHost } from '../ports/host.ts';
import type { Machine } from '../ports/machine.ts';
import type { World } from '../ports/world.ts';
import type { EventLog } from './event-log.ts';
import { type HostGate, hostGate } from './host-gate.ts';
import type { EngineDeps } from './types.ts';
import type { ViewStore } from './view-store.ts';

/** What all steps of one run share. */
export interface RunContext {
  deps: EngineDeps;
  log: EventLog;
  store: ViewStore;
  /** Aborted when everything must end at once: a stop, the lock lost, the journal failing. */
  hard: AbortSignal;
  cancel: AbortSignal;
  /** Ends everything at once. The first reason counts. `step` is the one that found out. */
  abort: (error: KeelsonError, step?: StepId) => void;
  gate: (host: HostId) => HostGate;
  /** Machines known to carry this run's number. */
  fenced: Set<HostId>;
  /** Machines that went away during this run, whether or not they are back. */
  lost: Set<HostId>;
}

export function hostGates(): (host: HostId) => HostGate {
  const gates = new Map<HostId, HostGate>();
  return (host) => {
    const gate = gates.get(host) ?? hostGate();
    gates.set(host, gate);
    return gate;
  };
}

export function machineOf(ctx: RunContext, id: HostId): Machine {
  const machine = ctx.deps.machines.get(id);
  if (machine === undefined) throw new KeelsonError('internal', `the plan names ${id}, and no machine has that name`);
  return machine;
}

export function worldFor(ctx: RunContext, step: StepId, on: HostId): World {
  const { etcd, kube, pki, vault, clock, random, holder } = ctx.deps;
  const host =
    on === OPERATOR
      ? operatorHost()
      : guarded(machineOf(ctx, on).bind({ run: holder.run, step, fence: holder.fence }), ctx, step);
  return { host, etcd, kube, pki, vault, clock, random, signal: ctx.hard, note: (text) => ctx.log.note(step, text) };
}

/** After a stop nothing goes out, even if an adapter or a step overlooks the signal; a lost lock ends the run even if a step hides it. */
function guarded(host: WriteHost, ctx: RunContext, step: StepId): WriteHost {
  async function pass<T>(call: () => Promise<T>): Promise<T> {
    ctx.hard.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      if (error instanceof KeelsonError && error.code === 'lock.lost') ctx.abort(error, step);
      throw error;
    }
  }
  return {
    id: host.id,
    runAll: (commands, signal) => pass(() => host.runAll(commands, signal)),
    run: (command, signal) => pass(() => host.run(command, signal)),
    putFiles: (files, signal) => pass(() => host.putFiles(files, signal)),
    putArtefact: (artefact, signal) => pass(() => host.putArtefact(artefact, signal)),
  };
}

function operatorHost(): WriteHost {
  async function refuse(): Promise<never> {
    throw new KeelsonError('internal', 'a step of the operator asked for a machine');
  }
  return { id: OPERATOR, runAll: refuse, run: refuse, putFiles: refuse, putArtefact: refuse };
}
