import type { Finding } from '../model/finding.ts';
import type { Digest, HostId, StepId } from '../model/ids.ts';
import type { Change, Risk, View } from '../steps/types.ts';

export type Intent =
  | { kind: 'apply'; restartFounding?: boolean }
  /**
   * `cluster`: all of the cluster's machines but those left out; with the last of them the vault is put aside. `hosts`: machines that
   * are no longer members.
   */
  | { kind: 'reset'; scope: 'cluster' | 'hosts'; hosts: readonly HostId[]; except: readonly HostId[] };

export interface PlannedStep {
  /** Digest of kind, host and params: the same step has the same id in every plan. */
  id: StepId;
  kind: string;
  on: HostId;
  params: unknown;
  title: string;
  risk: Risk;
  changes: readonly Change[];
  /** What it does to what runs, where the changes do not say. */
  effect?: string;
  needs: readonly StepId[];
  /** Why the planner put it here, in a few words. */
  why: string;
  /** For a disruptive step: voters that stay up, and how many are needed. */
  quorum?: { stay: number; need: number };
}

/** Plain data: what a person reads, a file stores and the engine obeys. */
export interface Plan {
  digest: Digest;
  intent: Intent;
  basis: { config: Digest; at: string };
  steps: readonly PlannedStep[];
}

/** Asked while planning and again, on fresh facts, before every step that is not safe. One rule, one file, one code. */
export type SafetyRule = (step: PlannedStep, view: View) => readonly Finding[];

export type PlanResult =
  | { ok: true; plan: Plan; warnings: readonly Finding[] }
  /** `wanted`: the steps that would be in the plan, as far as that is known. Nothing runs them. */
  | { ok: false; refusals: readonly Finding[]; warnings: readonly Finding[]; wanted?: readonly PlannedStep[] };
