import type { FactRef } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import { type HostId, OPERATOR } from '../model/ids.ts';
import { factProblem } from '../plan/facts.ts';
import type { PlannedStep } from '../plan/types.ts';
import { isFounded } from '../ports/vault.ts';
import type { Risk, View } from '../steps/types.ts';
import { waitFor } from './conditions.ts';
import { goneOf, suspects } from './connection.ts';
import { rejoin } from './return-of-host.ts';
import type { RunContext } from './run-context.ts';
import { awaitHosts, checkOf, noteOf, remaining, type StepRun } from './step-run.ts';

export type Prepared = { is: 'apply'; view: View } | { is: 'satisfied' } | { is: 'refused'; error: KeelsonError };

/** `by: 'rules'` may pass by itself: a member elects a leader, or comes back after its machine did. */
type Verdict = Exclude<Prepared, { is: 'refused' }> | { is: 'refused'; error: KeelsonError; by: 'judge' | 'rules' };

const RULES_GRACE_MS = 30_000;
const RULES_POLL = { from: 500, to: 2000 };
const RANK: Readonly<Record<Risk, number>> = { safe: 0, disruptive: 1, destructive: 2 };

/**
 * Decides whether to apply. A safe step whose facts are those of the plan goes ahead; one that needs steps which changed something has
 * the facts it rests on read again; a step that is not safe has all facts read, and all rules asked.
 */
export async function prepare(step: StepRun, ctx: RunContext): Promise<Prepared> {
  const refs = await refsToRead(step, ctx);
  if (refs.length === 0) return fromKnown(step, ctx);
  let graceMs = RULES_GRACE_MS;
  for (;;) {
    const looked = await look(step, ctx, refs, graceMs);
    if (looked.is !== 'gone' && looked.is !== 'late') return looked;
    if (looked.is === 'gone') {
      const back = await awaitHosts(step, ctx, looked.hosts);
      if (back instanceof KeelsonError) return { is: 'refused', error: back };
    } else if (graceMs >= ctx.deps.limits.hostReturnMs || !disturbed(ctx)) {
      return { is: 'refused', error: looked.error };
    }
    if (disturbed(ctx)) graceMs = Math.max(graceMs, ctx.deps.limits.hostReturnMs);
  }
}

/** Nothing has to be read. What the steps before it have read since the plan may still show something else. */
function fromKnown(step: StepRun, ctx: RunContext): Prepared {
  const view = ctx.store.current();
  const asPlanned = [...step.horizon.values()].every((moment) => moment === 0);
  return asPlanned ? { is: 'apply', view } : judge(step, ctx, view);
}

async function refsToRead(step: StepRun, ctx: RunContext): Promise<readonly FactRef[] | 'all'> {
  const { on, risk } = step.planned;
  // A machine that could not be reached when the lock was taken, or was lost since: its number first.
  const joining = on !== OPERATOR && !ctx.fenced.has(on);
  if (joining) await rejoin(ctx, on, noteOf(step, ctx), ctx.hard);
  if (risk !== 'safe') return 'all';
  if (joining || step.applies > 0 || step.losses > 0) return step.bound.reads;
  // A reading for another step may have failed since, and what the plan rested on is no longer known.
  if (factProblem(step.bound.reads, ctx.store.current(), on) !== null) return step.bound.reads;
  return ctx.store.olderThan(step.bound.reads, (ref) => changedAt(ref, step.horizon));
}

/**
 * When what a fact tells of was last changed by a step that came before: a step on a machine changes that machine, one of the operator's
 * the vault, and any of them etcd and the cluster. What kubeadm makes of its configuration depends on the vault, too.
 */
function changedAt(ref: FactRef, horizon: StepRun['horizon']): number {
  if (ref === 'etcd' || ref === 'kube') return Math.max(0, ...horizon.values());
  const byOperator = horizon.get(OPERATOR) ?? 0;
  if (ref === 'vault') return byOperator;
  return Math.max(horizon.get(ref.on) ?? 0, ref.fact === 'manifests' ? byOperator : 0);
}

type Look = Prepared | { is: 'gone'; hosts: readonly HostId[] } | { is: 'late'; error: KeelsonError };

/** Reads and asks, until there is an answer that will not change by itself. */
async function look(step: StepRun, ctx: RunContext, refs: readonly FactRef[] | 'all', graceMs: number): Promise<Look> {
  let looks = 0;
  let refusal: KeelsonError | null = null;
  const waited = await waitFor<Look>({
    name: `“${step.planned.title}” to be allowed`,
    until: async () => {
      looks += 1;
      const view = await ctx.store.read(refs, ctx.hard);
      const verdict = judge(step, ctx, view);
      if (verdict.is !== 'refused') return { is: 'met', value: verdict };
      const doubtful = suspects(view, refs);
      const hosts = await goneOf(doubtful, ctx.deps.machines, ctx.hard);
      if (hosts.length > 0) return { is: 'met', value: { is: 'gone', hosts } };
      refusal = verdict.error;
      // A machine may have come back between the two questions: what is unknown is asked for once more.
      const passing = verdict.by === 'rules' || (doubtful.size > 0 && looks === 1);
      if (!passing) return { is: 'met', value: { is: 'refused', error: verdict.error } };
      if (ctx.cancel.aborted) return { is: 'met', value: { is: 'refused', error: interrupted(verdict.error) } };
      return { is: 'waiting', state: verdict.error.message };
    },
    everyMs: RULES_POLL,
    deadlineMs: graceMs,
    clock: ctx.deps.clock,
    signal: ctx.hard,
    onState: (state) => ctx.log.note(step.planned.id, `waiting: ${state}`),
  });
  if (waited.is === 'met') return waited.value;
  return { is: 'late', error: refusal ?? new KeelsonError('internal', waited.state) };
}

function judge(step: StepRun, ctx: RunContext, view: View): Verdict {
  const { planned, bound } = step;
  const check = checkOf(step, view);
  if (check.is === 'satisfied') return { is: 'satisfied' };
  if (check.is === 'blocked') return { is: 'refused', by: 'judge', error: fromFindings([check.finding]) };
  const risk = check.risk ?? bound.risk;
  if (RANK[risk] > RANK[planned.risk] && !foundingRun(ctx, view)) {
    return { is: 'refused', by: 'judge', error: riskier(planned, risk, remaining(check)) };
  }
  if (planned.risk !== 'safe') {
    const refusals = ctx.deps.rules.flatMap((rule) => rule(planned, view)).filter((f) => f.severity === 'error');
    if (refusals.length > 0) return { is: 'refused', by: 'rules', error: fromFindings(refusals) };
  }
  return { is: 'apply', view };
}

/** The run that founds the cluster may restart its members until it hands the cluster over: nobody can be disturbed yet. */
function foundingRun(ctx: RunContext, view: View): boolean {
  return !isFounded(ctx.deps.view.desired.cluster.phase) && view.desired.cluster.phase !== 'handed-over';
}

/** A machine went away during this run, or has been booted again since the plan was made: its member needs time. */
function disturbed(ctx: RunContext): boolean {
  if (ctx.lost.size > 0) return true;
  const now = ctx.store.current().facts.hosts;
  return [...ctx.deps.view.facts.hosts].some(([id, { machine }]) => {
    const fact = now.get(id)?.machine;
    return machine.is === 'known' && fact?.is === 'known' && fact.value.bootId !== machine.value.bootId;
  });
}

function fromFindings(findings: readonly Finding[]): KeelsonError {
  const [first] = findings;
  if (first === undefined) return new KeelsonError('internal', 'refused without a finding');
  const { code, message, action, host } = first;
  return new KeelsonError(code, message, { action, findings, ...(host === undefined ? {} : { host }) });
}

function interrupted({ message }: KeelsonError): KeelsonError {
  return new KeelsonError('interrupted', `interrupted while waiting: ${message}`);
}

function riskier(planned: PlannedStep, risk: Risk, changes: string): KeelsonError {
  return new KeelsonError('step.riskier', `this was planned as ${planned.risk} and would now be ${risk}: ${changes}`);
}
