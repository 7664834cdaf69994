import type { FactRef } from '../facts/types.ts';
import { asKeelsonError, KeelsonError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import { type HostId, OPERATOR } from '../model/ids.ts';
import type { PlannedStep } from '../plan/types.ts';
import type { BoundStep, Check, Risk, View } from '../steps/types.ts';
import { waitFor } from './conditions.ts';
import { goneOf, isLoss, suspects } from './connection.ts';
import { awaitReturn, rejoin } from './return-of-host.ts';
import { type RunContext, worldFor } from './run-context.ts';
import type { StepEnd } from './types.ts';

/** One step on its way. */
export interface StepRun {
  planned: PlannedStep;
  bound: BoundStep;
  /** The moment (of the view store) at which the last step that it needs, directly or not, changed something; 0 for none. */
  horizon: number;
  /** The moment at which it last changed something itself; 0 while nothing was applied. */
  appliedAt: number;
  applies: number;
  failures: number;
  losses: number;
}

// A machine that comes and goes more often than this is not one to go on with.
const MOST_LOSSES = 3;
const LOSS_PAUSE_MS = 1000;
const RETRY_PAUSE_MS = 1000;
const SETTLE_POLL = { from: 100, to: 1000 };
const RANK: Readonly<Record<Risk, number>> = { safe: 0, disruptive: 1, destructive: 2 };

type Prepared = { is: 'apply'; view: View } | { is: 'satisfied' } | { is: 'refused'; error: KeelsonError };
type Settled = 'settled' | 'again' | { late: string };

/** Runs one step to its end. Rejects only when the whole run is being ended. */
export async function runStep(step: StepRun, ctx: RunContext): Promise<StepEnd> {
  await ctx.log.record({ type: 'step.started', step: step.planned.id, attempt: 1 });
  for (;;) {
    ctx.hard.throwIfAborted();
    try {
      const end = await attempt(step, ctx);
      if (end !== 'again') return end;
    } catch (error) {
      ctx.hard.throwIfAborted();
      const end = await afterError(step, ctx, asKeelsonError(error));
      if (end !== 'again') return end;
    }
  }
}

async function attempt(step: StepRun, ctx: RunContext): Promise<StepEnd | 'again'> {
  const ready = await prepare(step, ctx);
  if (ready.is === 'refused') return giveUp(step, ready.error);
  if (ready.is === 'satisfied') return { outcome: step.applies === 0 ? 'already-right' : 'changed' };
  if (step.applies > 0)
    await ctx.log.record({ type: 'step.started', step: step.planned.id, attempt: step.applies + 1 });
  await applyOnce(step, ctx, ready.view);
  const settled = await settle(step, ctx);
  if (settled === 'settled') return { outcome: 'changed' };
  if (settled === 'again') return 'again';
  return giveUp(step, notSettled(step.bound, settled.late));
}

/** Decides, on facts as fresh as the step's risk asks for, whether to apply. */
async function prepare(step: StepRun, ctx: RunContext): Promise<Prepared> {
  const refs = await refsToRead(step, ctx);
  // Nothing it rests on has changed since the plan was made.
  if (refs.length === 0) return { is: 'apply', view: ctx.store.current() };
  let lookedTwice = false;
  for (;;) {
    const view = await ctx.store.read(refs, ctx.hard);
    const verdict = judge(step, ctx, view);
    if (verdict.is !== 'refused') return verdict;
    const doubtful = suspects(view, refs);
    if (doubtful.size === 0) return verdict;
    const gone = await goneOf(doubtful, ctx.deps.machines, ctx.hard);
    if (gone.length === 0) {
      // It may have come back between the two questions; an unknown fact that stays unknown is the verdict's own matter.
      if (lookedTwice) return verdict;
      lookedTwice = true;
      continue;
    }
    const error = await awaitHosts(step, ctx, gone);
    if (error instanceof KeelsonError) return { is: 'refused', error };
  }
}

/** Nothing for a safe step whose facts are those of the plan, or younger than what it needs. */
async function refsToRead(step: StepRun, ctx: RunContext): Promise<readonly FactRef[] | 'all'> {
  const { on, risk } = step.planned;
  const joining = on !== OPERATOR && !ctx.fenced.has(on);
  if (joining) await rejoin(ctx, on, (text) => ctx.log.note(step.planned.id, text), ctx.hard);
  if (risk !== 'safe') return 'all';
  if (joining || step.applies > 0) return step.bound.reads.length > 0 ? step.bound.reads : 'all';
  return ctx.store.olderThan(step.bound.reads, step.horizon);
}

function judge(step: StepRun, ctx: RunContext, view: View): Prepared {
  const { planned, bound } = step;
  const check = bound.judge(view);
  if (check.is === 'satisfied') return { is: 'satisfied' };
  if (check.is === 'blocked') return { is: 'refused', error: fromFindings([check.finding]) };
  const risk = check.risk ?? bound.risk;
  if (RANK[risk] > RANK[planned.risk]) return { is: 'refused', error: riskier(planned, risk, check) };
  if (planned.risk !== 'safe') {
    const refusals = ctx.deps.rules.flatMap((rule) => rule(planned, view)).filter((f) => f.severity === 'error');
    if (refusals.length > 0) return { is: 'refused', error: fromFindings(refusals) };
  }
  return { is: 'apply', view };
}

async function applyOnce(step: StepRun, ctx: RunContext, view: View): Promise<void> {
  const { id, on } = step.planned;
  const apply = () => {
    ctx.hard.throwIfAborted();
    step.applies += 1;
    return step.bound.apply(worldFor(ctx, id, on), view);
  };
  try {
    await (on === OPERATOR ? apply() : ctx.gate(on).shared(apply));
  } finally {
    step.appliedAt = ctx.store.mark();
  }
}

/** Reads the step's facts again and asks its judge, until it is satisfied or its time is over. */
async function settle(step: StepRun, ctx: RunContext): Promise<Settled> {
  const { bound } = step;
  let lost = false;
  for (;;) {
    const waited = await waitFor<'settled' | readonly HostId[]>({
      name: bound.title,
      until: async () => {
        const view = await ctx.store.read(bound.reads, ctx.hard);
        const check = bound.judge(view);
        if (check.is === 'satisfied') return { is: 'met', value: 'settled' };
        const gone = await goneOf(suspects(view, bound.reads), ctx.deps.machines, ctx.hard);
        if (gone.length > 0) return { is: 'met', value: gone };
        return { is: 'waiting', state: remaining(check) };
      },
      everyMs: SETTLE_POLL,
      deadlineMs: bound.settleMs,
      clock: ctx.deps.clock,
      signal: ctx.hard,
    });
    // What was applied may have been lost with the machine: the verdict on fresh facts decides whether to apply again.
    if (waited.is === 'late') return lost ? 'again' : { late: waited.state };
    if (waited.value === 'settled') return 'settled';
    lost = true;
    const back = await awaitHosts(step, ctx, waited.value, async () => {
      const view = await ctx.store.read(bound.reads, ctx.hard);
      return bound.judge(view).is === 'satisfied';
    });
    if (back instanceof KeelsonError) throw back;
    if (back === 'needless') return 'settled';
  }
}

async function afterError(step: StepRun, ctx: RunContext, error: KeelsonError): Promise<StepEnd | 'again'> {
  const { planned, bound } = step;
  if (error.code === 'lock.lost') {
    ctx.abort(error, planned.id);
    return giveUp(step, error);
  }
  if (error.code === 'step.host-lost' || error.code === 'interrupted') return giveUp(step, error);
  const host = error.details.host ?? planned.on;
  if (isLoss(error) && ctx.deps.machines.has(host)) {
    const back = await awaitHosts(step, ctx, [host]);
    return back instanceof KeelsonError ? giveUp(step, back) : 'again';
  }
  step.failures += 1;
  if (step.failures >= bound.attempts || step.applies === 0 || ctx.cancel.aborted) {
    return { outcome: 'failed', error: inStep(error, step) };
  }
  ctx.log.note(planned.id, `attempt ${step.applies} failed: ${error.message}`);
  await ctx.deps.clock.sleep(RETRY_PAUSE_MS, ctx.hard);
  return 'again';
}

async function awaitHosts(
  step: StepRun,
  ctx: RunContext,
  hosts: readonly HostId[],
  needless?: () => Promise<boolean>,
): Promise<'back' | 'needless' | KeelsonError> {
  step.losses += 1;
  if (step.losses > MOST_LOSSES) {
    const [host] = hosts;
    const where = host === undefined ? {} : { host };
    return new KeelsonError('step.host-lost', `${hosts.join(', ')} was lost again and again`, where);
  }
  for (const host of hosts) ctx.fenced.delete(host);
  return awaitReturn(ctx, {
    hosts,
    pauseMs: LOSS_PAUSE_MS * 2 ** (step.losses - 1),
    note: (text) => ctx.log.note(step.planned.id, text),
    ...(needless === undefined ? {} : { needless }),
  });
}

/** A machine that stayed away leaves what was applied unknown; everything else is a failure that is known. */
function giveUp(step: StepRun, error: KeelsonError): StepEnd {
  const away = error.code === 'step.host-lost' || error.code === 'interrupted';
  return { outcome: away && step.applies > 0 ? 'unknown' : 'failed', error: inStep(error, step) };
}

/** The same error with the step and its machine named. */
export function inStep(error: KeelsonError, { planned }: Pick<StepRun, 'planned'>): KeelsonError {
  const host = error.details.host ?? (planned.on === OPERATOR ? undefined : planned.on);
  return new KeelsonError(error.code, error.message, {
    ...error.details,
    ...(host === undefined ? {} : { host }),
    step: planned.title,
    cause: error,
  });
}

function fromFindings(findings: readonly Finding[]): KeelsonError {
  const [first] = findings;
  if (first === undefined) return new KeelsonError('internal', 'refused without a finding');
  const { code, message, action, host } = first;
  return new KeelsonError(code, message, { action, findings, ...(host === undefined ? {} : { host }) });
}

function riskier(planned: PlannedStep, risk: Risk, check: Check): KeelsonError {
  return new KeelsonError(
    'step.riskier',
    `this was planned as ${planned.risk} and would now be ${risk}: ${remaining(check)}`,
  );
}

function notSettled(bound: BoundStep, state: string): KeelsonError {
  const seconds = Math.round(bound.settleMs / 1000);
  return new KeelsonError('step.not-settled', `applied, and after ${seconds} s still not so: ${state}`);
}

function remaining(check: Check): string {
  if (check.is === 'satisfied') return '';
  return check.is === 'blocked' ? check.finding.message : check.changes.map((c) => c.summary).join('; ');
}
