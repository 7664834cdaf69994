import type { ErrorCode } from '../model/codes.ts';
import { asKeelsonError, KeelsonError } from '../model/errors.ts';
import { type HostId, OPERATOR } from '../model/ids.ts';
import type { View } from '../steps/types.ts';
import { goneOf, isLoss } from './connection.ts';
import { prepare } from './prepare.ts';
import { type RunContext, worldFor } from './run-context.ts';
import { settle } from './settle.ts';
import { awaitHosts, inStep, noteOf, type StepRun } from './step-run.ts';
import type { StepEnd } from './types.ts';

const RETRY_PAUSE_MS = 1000;
const GRACE_PAUSE_MS = 2000;
/** After these nothing is tried again: the lock is another's, this is another machine, or the wait for it is over. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'lock.lost',
  'host.key-changed',
  'host.key-unknown',
  'step.host-lost',
  'interrupted',
]);

/** Runs one step to its end. Rejects only when the whole run is being ended. */
export async function runStep(step: StepRun, ctx: RunContext): Promise<StepEnd> {
  await ctx.log.record({ type: 'step.started', step: step.planned.id, attempt: 1 });
  for (;;) {
    ctx.hard.throwIfAborted();
    try {
      const end = await attempt(step, ctx);
      if (end !== 'again') return end;
    } catch (error) {
      const end = await afterError(step, ctx, error).catch((later) => endedBy(step, ctx, later));
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
  const seconds = Math.round(step.bound.settleMs / 1000);
  return giveUp(
    step,
    new KeelsonError('step.not-settled', `applied, and after ${seconds} s still not so: ${settled.late}`),
  );
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

/** Whether to try again. Nothing is repeated blindly: `prepare` looks first. */
async function afterError(step: StepRun, ctx: RunContext, thrown: unknown): Promise<StepEnd | 'again'> {
  ctx.hard.throwIfAborted();
  const error = asKeelsonError(thrown);
  if (FINAL.has(error.code)) return endedBy(step, ctx, error);
  const gone = await goneAt(step, ctx, error);
  if (gone.length > 0) {
    const back = await awaitHosts(step, ctx, gone);
    return back instanceof KeelsonError ? giveUp(step, back) : 'again';
  }
  if (ctx.cancel.aborted) return giveUp(step, error);
  const { clock } = ctx.deps;
  const recovering = clock.monotonicMs() < step.graceUntil;
  if (!recovering) step.failures += 1;
  if (step.failures >= step.bound.attempts) return giveUp(step, error);
  noteOf(step, ctx)(`failed: ${error.message}; trying again`);
  await clock.sleep(recovering ? GRACE_PAUSE_MS : RETRY_PAUSE_MS, ctx.hard);
  return 'again';
}

function endedBy(step: StepRun, ctx: RunContext, thrown: unknown): StepEnd {
  ctx.hard.throwIfAborted();
  const error = asKeelsonError(thrown);
  if (error.code === 'lock.lost') ctx.abort(error, step.planned.id);
  return giveUp(step, error);
}

/** Machines whose absence explains the error. A step that watches the members fails for any of them. */
async function goneAt(step: StepRun, ctx: RunContext, error: KeelsonError): Promise<readonly HostId[]> {
  const { machines } = ctx.deps;
  const host = error.details.host ?? step.planned.on;
  if (isLoss(error)) return machines.has(host) ? [host] : [];
  const watchesAll = step.planned.on === OPERATOR || step.bound.reads.includes('etcd');
  return goneOf(watchesAll ? machines.keys() : [step.planned.on], machines, ctx.hard);
}

/** A machine that stayed away leaves unknown what was applied; every other failure is known. */
function giveUp(step: StepRun, error: KeelsonError): StepEnd {
  const away = error.code === 'step.host-lost' || error.code === 'interrupted';
  return { outcome: away && step.applies > 0 ? 'unknown' : 'failed', error: inStep(error, step) };
}
