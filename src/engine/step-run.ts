import { KeelsonError } from '../model/errors.ts';
import { type HostId, OPERATOR } from '../model/ids.ts';
import { factProblem } from '../plan/facts.ts';
import type { PlannedStep } from '../plan/types.ts';
import type { BoundStep, Check, View } from '../steps/types.ts';
import { awaitReturn } from './return-of-host.ts';
import type { RunContext } from './run-context.ts';

/** One step on its way. */
export interface StepRun {
  planned: PlannedStep;
  bound: BoundStep;
  /** For each place, the moment (of the view store) at which the last step there that it needs, directly or not, changed something. */
  horizon: ReadonlyMap<HostId, number>;
  /** The moment at which it last changed something itself; 0 while nothing was applied. */
  appliedAt: number;
  applies: number;
  failures: number;
  losses: number;
  /** Until then (the clock's monotonic time) a machine that came back may still be starting its services. */
  graceUntil: number;
}

// A machine that comes and goes more often than this is not one to go on with.
const MOST_LOSSES = 3;
const LOSS_PAUSE_MS = 1000;
const GRACE_MS = 60_000;

export function newStepRun(planned: PlannedStep, bound: BoundStep): StepRun {
  return { planned, bound, horizon: new Map(), appliedAt: 0, applies: 0, failures: 0, losses: 0, graceUntil: 0 };
}

/** The step's own verdict. A fact that it rests on and that is unknown blocks it, as it does in a plan. */
export function checkOf({ planned, bound }: StepRun, view: View): Check {
  const finding = factProblem(bound.reads, view, planned.on);
  return finding === null ? bound.judge(view) : { is: 'blocked', finding };
}

export function remaining(check: Check): string {
  if (check.is === 'satisfied') return '';
  return check.is === 'blocked' ? check.finding.message : check.changes.map((c) => c.summary).join('; ');
}

export function noteOf({ planned }: StepRun, ctx: RunContext): (text: string) => void {
  return (text) => ctx.log.note(planned.id, text);
}

/** Waits for machines that went away during the step. */
export async function awaitHosts(
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
  for (const host of hosts) {
    ctx.fenced.delete(host);
    ctx.lost.add(host);
  }
  const end = await awaitReturn(ctx, {
    hosts,
    pauseMs: LOSS_PAUSE_MS * 2 ** (step.losses - 1),
    note: noteOf(step, ctx),
    ...(needless === undefined ? {} : { needless }),
  });
  step.graceUntil = ctx.deps.clock.monotonicMs() + GRACE_MS;
  return end;
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
