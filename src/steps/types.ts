import type { FactRef, View } from '../facts/types.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import type { World } from '../ports/world.ts';

export type { View };

export type Risk = 'safe' | 'disruptive' | 'destructive';

/** One difference between what is and what must be. */
export interface Change {
  /** `create /etc/keelson/host.json (0600)`, `restart kubelet`. */
  summary: string;
  /** Lines of a unified diff without header; secrets never. */
  diff?: readonly string[];
}

export type Check =
  | { is: 'satisfied' }
  /**
   * `risk` when this difference is riskier, or safer, than the step usually is. `effect` says what it does to what runs, where the changes
   * do not.
   */
  | { is: 'needed'; changes: readonly Change[]; risk?: Risk; effect?: string }
  | { is: 'blocked'; finding: Finding };

export interface StepTraits {
  risk: Risk;
  /** How often apply may be tried. */
  attempts: number;
  /** Milliseconds that judge is polled for after apply, until it is satisfied. */
  settleMs: number;
}

/**
 * One kind of step. `kind` is in journals and saved plans: it is never renamed. All members are pure but `apply`.
 * Verification after `apply` is the same `judge` on facts read again.
 */
export interface StepKind<P> extends StepTraits {
  kind: string;
  /** Throws when params from a plan file do not fit. */
  parse: (params: unknown) => P;
  /** The same line in plan and progress. */
  title: (params: P, on: HostId) => string;
  /** Facts that the verdict rests on; an unknown one blocks. */
  reads: (params: P, on: HostId) => readonly FactRef[];
  judge: (params: P, view: View, on: HostId) => Check;
  apply: (params: P, world: World, view: View, on: HostId) => Promise<void>;
}

export interface BoundStep extends StepTraits {
  kind: string;
  title: string;
  reads: readonly FactRef[];
  judge: (view: View) => Check;
  apply: (world: World, view: View) => Promise<void>;
}

export interface Step {
  kind: string;
  bind: (params: unknown, on: HostId) => BoundStep;
}

export function defineStep<P>(kind: StepKind<P>): Step {
  return {
    kind: kind.kind,
    bind: (raw, on) => {
      const params = kind.parse(raw);
      return {
        kind: kind.kind,
        risk: kind.risk,
        attempts: kind.attempts,
        settleMs: kind.settleMs,
        title: kind.title(params, on),
        reads: kind.reads(params, on),
        judge: (view) => kind.judge(params, view, on),
        apply: (world, view) => kind.apply(params, world, view, on),
      };
    },
  };
}
