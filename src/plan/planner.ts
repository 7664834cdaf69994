import { digestOf } from '../model/canonical-json.ts';
import type { ErrorCode } from '../model/codes.ts';
import type { Finding } from '../model/finding.ts';
import type { Digest, StepId } from '../model/ids.ts';
import { isFounded } from '../ports/vault.ts';
import { mendable } from '../steps/certificate-problems.ts';
import type { BoundStep, Step, View } from '../steps/types.ts';
import { applyCandidates, type Candidate } from './candidates.ts';
import { stepId } from './digest.ts';
import { factProblem } from './facts.ts';
import type { Policy } from './policy.ts';
import { quorumMargin } from './quorum.ts';
import { resetCandidates, resetWarnings } from './reset.ts';
import { restartStages } from './restart-founding.ts';
import { endsCluster, endsMember } from './rules/ends-member.ts';
import type { Stage } from './stage.ts';
import type { Intent, Plan, PlannedStep, PlanResult } from './types.ts';

/** Makes every choice of a run: which steps, in which order, and whether any of it may be done at all. */
export function plan(view: View, intent: Intent, policy: Policy, config: Digest, now: string): PlanResult {
  const early = policy.refusals(view, intent);
  const restShown = intent.kind === 'apply' && intent.restartFounding !== true && early.every(isOfOneMachine);
  if (early.length > 0 && !restShown) return { ok: false, refusals: unique(early), warnings: [] };

  const stages = stagesOf(view, intent, policy);
  const judged = stages.flatMap((stage) => stage.candidates.map((candidate) => judge(candidate, stage.view, policy)));
  const refusals = judged.flatMap((j) => (j.is === 'refused' ? [j.finding] : []));
  const drafts = judged.flatMap((j) => (j.is === 'needed' ? [j.draft] : []));
  const steps = order(
    drafts,
    stages.flatMap((stage) => stage.candidates),
    view,
  );
  if (early.length > 0) {
    const hosts = new Set(early.map((f) => f.host));
    return { ok: false, refusals: unique(early), warnings: [], wanted: steps.filter((s) => !hosts.has(s.on)) };
  }
  refusals.push(...ruleFindings(steps, view, policy));
  if (refusals.length > 0) return { ok: false, refusals: unique(refusals), warnings: [], wanted: steps };
  const warnings = intent.kind === 'reset' ? resetWarnings(view, intent) : [];
  return { ok: true, plan: seal(intent, config, now, steps), warnings };
}

/** It says nothing of the other machines: what differs there is known all the same. */
function isOfOneMachine({ code, host }: Finding): boolean {
  return host !== undefined && (code.startsWith('host.') || code === 'safety.data-gone');
}

function stagesOf(view: View, intent: Intent, policy: Policy): Stage[] {
  if (intent.kind === 'reset') return [{ view, candidates: resetCandidates(view, intent) }];
  if (intent.restartFounding === true) return restartStages(view, policy.desire);
  return [{ view, candidates: applyCandidates(view) }];
}

interface Draft {
  candidate: Candidate;
  bound: BoundStep;
  changes: PlannedStep['changes'];
  risk: PlannedStep['risk'];
  effect: string | undefined;
}

type Judged = { is: 'satisfied' } | { is: 'needed'; draft: Draft } | { is: 'refused'; finding: Finding };

function judge(candidate: Candidate, view: View, policy: Policy): Judged {
  const bound = bind(policy.kinds, candidate);
  const problem = factProblem(bound.reads, view, candidate.on);
  if (problem !== null) return { is: 'refused', finding: problem };
  const check = bound.judge(view);
  if (check.is === 'satisfied') return check;
  if (check.is === 'blocked') return { is: 'refused', finding: check.finding };
  return {
    is: 'needed',
    draft: { candidate, bound, changes: check.changes, risk: check.risk ?? bound.risk, effect: check.effect },
  };
}

function bind(kinds: readonly Step[], candidate: Candidate): BoundStep {
  const kind = kinds.find((k) => k.kind === candidate.kind);
  if (kind === undefined) throw new Error(`no step kind ${candidate.kind}`);
  return kind.bind(candidate.params, candidate.on);
}

/**
 * Needs of steps that are already right pass to what they needed. Steps that are not safe form one chain, in the candidates' order, but for
 * those that end the whole cluster.
 */
function order(drafts: readonly Draft[], candidates: readonly Candidate[], view: View): PlannedStep[] {
  const byKey = new Map(candidates.map((c) => [c.key, c]));
  const kept = new Map(drafts.map((d) => [d.candidate.key, d]));
  const idOf = (c: Candidate): StepId => stepId(c.kind, c.on, c.params);
  const resolve = (keys: readonly string[]): Set<StepId> => {
    const found = new Set<StepId>();
    for (const key of keys) {
      const candidate = byKey.get(key);
      if (candidate === undefined) throw new Error(`a step needs ${key}, which is none`);
      if (kept.has(key)) found.add(idOf(candidate));
      else for (const id of resolve(candidate.needs)) found.add(id);
    }
    return found;
  };
  const steps: PlannedStep[] = [];
  let previous: StepId | null = null;
  for (const draft of drafts) {
    const needs = resolve(draft.candidate.needs);
    const careful = draft.risk !== 'safe' && !endsCluster(draft.candidate);
    if (careful && previous !== null) needs.add(previous);
    const id = idOf(draft.candidate);
    if (careful) previous = id;
    steps.push({
      id,
      kind: draft.candidate.kind,
      on: draft.candidate.on,
      params: draft.candidate.params,
      title: draft.bound.title,
      risk: draft.risk,
      changes: draft.changes,
      ...(draft.effect === undefined ? {} : { effect: draft.effect }),
      needs: [...needs],
      why: draft.candidate.why,
      ...(careful && keepsQuorum(draft, view) ? { quorum: quorumMargin(view, draft.candidate.on) } : {}),
    });
  }
  return steps;
}

/** Before the founding, and when the machine is given up, there is none to keep. */
function keepsQuorum({ candidate }: Draft, view: View): boolean {
  return isFounded(view.desired.cluster.phase) && !endsMember(candidate);
}

/**
 * At plan time the rules see the state before the first careful step. Later ones are asked again by the engine, on the facts of their own
 * moment: asking here would refuse a plan that first brings a member back and then goes on.
 */
function ruleFindings(steps: readonly PlannedStep[], view: View, policy: Policy): Finding[] {
  const careful = steps.filter((s) => s.risk !== 'safe');
  const found = careful.slice(0, 1).flatMap((step) => policy.rules.flatMap((rule) => rule(step, view)));
  // Certificates that are mended before may be all that keeps members from being healthy.
  const mends = steps.some((s) => s.kind === 'etcd-certificates' && s.risk === 'safe' && mendable(view, s.on));
  return mends ? found.filter(({ code }) => !OF_HEALTH.has(code)) : found;
}

const OF_HEALTH: ReadonlySet<ErrorCode> = new Set(['safety.quorum', 'safety.others-unhealthy']);

function seal(intent: Intent, config: Digest, now: string, steps: readonly PlannedStep[]): Plan {
  return { digest: digestOf({ intent, config, steps }), intent, basis: { config, at: now }, steps };
}

function unique(findings: readonly Finding[]): Finding[] {
  const seen = new Set<string>();
  return findings.filter((f) => {
    const key = `${f.code} ${f.host ?? ''} ${f.message}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
