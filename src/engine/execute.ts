import { asKeelsonError, KeelsonError } from '../model/errors.ts';
import { OPERATOR, type StepId } from '../model/ids.ts';
import type { Plan, PlannedStep } from '../plan/types.ts';
import { type EventLog, eventLog } from './event-log.ts';
import { hostGates, machineOf, type RunContext } from './run-context.ts';
import { runStep } from './run-step.ts';
import { assertRunnable, nextToStart } from './schedule.ts';
import { inStep, newStepRun, type StepRun } from './step-run.ts';
import type { EngineDeps, RunOutcome, RunSignals, StepEnd } from './types.ts';
import { viewStore } from './view-store.ts';

/**
 * Obeys a plan. The journal comes first: a step's `step.started` is on the disk before any port is called for it. Resolves however
 * the run ends; rejects, before anything is journaled, only for a plan that could never run.
 */
export async function executePlan(plan: Plan, deps: EngineDeps, signals: RunSignals): Promise<RunOutcome> {
  const hard = new AbortController();
  const ended: { by?: KeelsonError; step?: StepId } = {};
  const abort = (error: KeelsonError, step?: StepId) => {
    if (ended.by !== undefined) return;
    ended.by = error;
    if (step !== undefined) ended.step = step;
    hard.abort(error);
  };
  const log = eventLog({
    run: deps.holder.run,
    clock: deps.clock,
    journal: deps.journal,
    emit: deps.emit,
    onFailure: (error) => abort(asKeelsonError(error)),
  });
  const ctx: RunContext = {
    deps,
    log,
    store: viewStore(deps.view, deps.readView),
    hard: hard.signal,
    cancel: signals.cancel,
    abort,
    gate: hostGates(),
    fenced: new Set(deps.locked),
    lost: new Set(),
  };
  const steps = bindSteps(plan, ctx);

  const onStop = () =>
    abort(new KeelsonError('interrupted', 'stopped at once; what the running steps did is not known'));
  if (signals.stop.aborted) onStop();
  signals.stop.addEventListener('abort', onStop, { once: true });
  try {
    await recordStart(plan, deps, log);
    const ends = await runAll(plan, steps, ctx, ended);
    return await finish(plan, ends, ctx, ended.by);
  } finally {
    signals.stop.removeEventListener('abort', onStop);
    await log.close();
  }
}

function bindSteps(plan: Plan, ctx: RunContext): ReadonlyMap<StepId, StepRun> {
  assertRunnable(plan.steps);
  const kinds = new Map(ctx.deps.kinds.map((k) => [k.kind, k]));
  return new Map(
    plan.steps.map((planned) => {
      const kind = kinds.get(planned.kind);
      if (kind === undefined)
        throw new KeelsonError('internal', `the plan holds a step of unknown kind ${planned.kind}`);
      if (planned.on !== OPERATOR) machineOf(ctx, planned.on);
      return [planned.id, newStepRun(planned, kind.bind(planned.params, planned.on))];
    }),
  );
}

async function recordStart(plan: Plan, deps: EngineDeps, log: EventLog): Promise<void> {
  const { command, user, operator, fence } = deps.holder;
  const steps = plan.steps.map(({ id, kind, on, title, risk, needs }) => ({ id, kind, on, title, risk, needs }));
  // A journal that cannot be written has ended the run by `onFailure`.
  await log
    .record({
      type: 'run.started',
      command,
      cluster: deps.cluster,
      user,
      operator,
      plan: { digest: plan.digest, steps },
      fence,
    })
    .catch(() => {});
}

type Ended = { by?: KeelsonError; step?: StepId };

async function runAll(
  plan: Plan,
  steps: ReadonlyMap<StepId, StepRun>,
  ctx: RunContext,
  ended: Ended,
): Promise<ReadonlyMap<StepId, StepEnd>> {
  const ends = new Map<StepId, StepEnd>();
  const done = new Set<StepId>();
  const running = new Map<StepId, { planned: PlannedStep; end: Promise<void> }>();
  let failed = false;

  async function runOne(step: StepRun): Promise<void> {
    const end = await endOf(step, ctx, ended);
    ends.set(step.planned.id, end);
    if (end.outcome === 'failed' || end.outcome === 'unknown') failed = true;
    else done.add(step.planned.id);
    await recordEnd(step, end, ctx.log);
    running.delete(step.planned.id);
  }

  for (;;) {
    for (;;) {
      if (failed || ctx.cancel.aborted || ctx.hard.aborted) break;
      const waiting = plan.steps.filter((s) => !ends.has(s.id) && !running.has(s.id));
      const planned = nextToStart(
        waiting,
        [...running.values()].map((r) => r.planned),
        done,
        ctx.deps.limits,
      );
      const step = planned === undefined ? undefined : steps.get(planned.id);
      if (planned === undefined || step === undefined) break;
      step.horizon = horizonOf(planned, steps);
      running.set(planned.id, { planned, end: runOne(step) });
    }
    if (running.size === 0) return ends;
    await Promise.race([...running.values()].map((r) => r.end));
  }
}

function horizonOf(planned: PlannedStep, steps: ReadonlyMap<StepId, StepRun>): StepRun['horizon'] {
  const found = new Map<StepRun['planned']['on'], number>();
  for (const id of planned.needs) {
    const needed = steps.get(id);
    if (needed === undefined) continue;
    const own: [StepRun['planned']['on'], number] = [needed.planned.on, needed.appliedAt];
    for (const [place, moment] of [...needed.horizon, own]) found.set(place, Math.max(found.get(place) ?? 0, moment));
  }
  return found;
}

/** How the step ended; at a stop it is left where it is, because a call to a machine may never come back. */
async function endOf(step: StepRun, ctx: RunContext, ended: Ended): Promise<StepEnd> {
  const work = runStep(step, ctx);
  try {
    return await unlessAborted(work, ctx.hard);
  } catch (error) {
    const by = ended.by ?? asKeelsonError(error);
    return { outcome: ended.step === step.planned.id ? 'failed' : 'unknown', error: inStep(by, step) };
  }
}

async function recordEnd({ planned }: StepRun, end: StepEnd, log: EventLog): Promise<void> {
  // As in `recordStart`.
  await log
    .record(
      'error' in end
        ? { type: 'step.finished', step: planned.id, outcome: end.outcome, error: end.error.toJSON() }
        : { type: 'step.finished', step: planned.id, outcome: end.outcome },
    )
    .catch(() => {});
}

async function finish(
  plan: Plan,
  steps: ReadonlyMap<StepId, StepEnd>,
  ctx: RunContext,
  by: KeelsonError | undefined,
): Promise<RunOutcome> {
  const errors = [...steps.values()].flatMap((end) => ('error' in end ? [end.error] : []));
  const left = steps.size < plan.steps.length;
  const error =
    by ??
    errors.find((e) => e.code !== 'interrupted') ??
    errors[0] ??
    (left ? new KeelsonError('interrupted', 'interrupted; the steps that were running have ended') : undefined);
  const outcome = error === undefined ? 'done' : error.code === 'interrupted' ? 'cancelled' : 'failed';
  await ctx.log
    .record({ type: 'run.finished', outcome, ...(error === undefined ? {} : { error: error.toJSON() }) })
    .catch(() => {});
  return { outcome, ...(error === undefined ? {} : { error }), steps, view: ctx.store.current() };
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    // When the signal came first the work's own end, good or bad, is dropped here.
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
