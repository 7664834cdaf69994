import type { ErrorCode } from '../../../src/model/codes.ts';
import { asKeelsonError, type KeelsonError } from '../../../src/model/errors.ts';
import { planWithMembersBack } from '../../../src/operations/await-members.ts';
import { makePlan, type Ran, refused, runPlan } from '../../../src/operations/run.ts';
import type { Policy } from '../../../src/plan/policy.ts';
import type { Intent, Plan } from '../../../src/plan/types.ts';
import type { SimCluster } from '../../../src/testing/sim/cluster.ts';
import type { SimProcess } from '../../../src/testing/sim/process.ts';
import { type Shape, policy as standard, subjectOf } from './world.ts';

/** How one `keelson apply` ended. */
export type Applied = { is: 'done' | 'nothing-to-do' | 'died' } | { is: 'failed'; error: KeelsonError };

export interface ApplyOptions {
  policy?: Policy;
  /** `keelson apply` by default. */
  intent?: Intent;
  /** SIGINT, and the second one. */
  cancel?: AbortSignal;
  stop?: AbortSignal;
  note?: (text: string) => void;
}

const never = new AbortController().signal;

/** Plans, approves the plan, and runs it, as the command does. The process ends with it. */
export async function apply(process: SimProcess, shape: Shape, options: ApplyOptions = {}): Promise<Applied> {
  const { policy = standard, intent = { kind: 'apply' }, cancel = never, stop = never } = options;
  const subject = subjectOf(shape);

  return ended(process, async () => {
    const signal = AbortSignal.any([cancel, stop]);
    const { clock } = process.ports;
    const note = options.note ?? (() => {});
    const made = await planWithMembersBack(() => makePlan(subject, process.ports, intent, signal, policy), {
      clock,
      note,
      signal,
    });
    if (!made.result.ok) throw refused(made.result.refusals);
    const { plan } = made.result;
    if (plan.steps.length === 0) return 'nothing-to-do';
    return runPlan(
      subject,
      process.ports,
      process,
      { intent, approved: plan, seen: made.view, emit: () => {}, note, signals: { cancel, stop } },
      policy,
    );
  });
}

/** Lets a command run to its end, or to its process' death; the process ends with it. */
export async function ended(process: SimProcess, command: () => Promise<Ran | 'nothing-to-do'>): Promise<Applied> {
  try {
    const end = await Promise.race([command(), process.gate.death]);
    if (typeof end === 'string') return { is: end };
    return end.error === undefined ? { is: 'done' } : { is: 'failed', error: end.error };
  } catch (error) {
    return { is: 'failed', error: asKeelsonError(error) };
  } finally {
    process.exit();
  }
}

export function describeApplied(applied: Applied): string {
  return applied.is === 'failed' ? `${applied.error.code}: ${applied.error.message}` : applied.is;
}

export function codeOf(applied: Applied): ErrorCode | null {
  return applied.is === 'failed' ? applied.error.code : null;
}

/** What `keelson plan` shows: the plan, or the refusals. */
export async function planOf(
  sim: SimCluster,
  shape: Shape,
  policy: Policy = standard,
): Promise<{ plan: Plan } | { refusals: readonly { code: string; message: string; host?: string }[] }> {
  const process = sim.process();
  const made = await sim.clock.drive(makePlan(subjectOf(shape), process.ports, { kind: 'apply' }, never, policy));
  process.exit();
  return made.result.ok ? { plan: made.result.plan } : { refusals: made.result.refusals };
}
