import { desire } from '../desired/desire.ts';
import { stepKinds } from '../steps/registry.ts';
import type { Step } from '../steps/types.ts';
import { planRefusals } from './refusals/index.ts';
import type { PlanRefusal } from './refusals/types.ts';
import { safetyRules } from './rules/index.ts';
import type { SafetyRule } from './types.ts';

/** Everything that decides what must be so and what may be done. The simulation shows that it finds a policy that is not safe. */
export interface Policy {
  readonly desire: typeof desire;
  readonly kinds: readonly Step[];
  /** Why a whole plan is refused. */
  readonly refusals: PlanRefusal;
  /** Asked for every step that is not safe. */
  readonly rules: readonly SafetyRule[];
}

export const standardPolicy: Policy = { desire, kinds: stepKinds, refusals: planRefusals, rules: safetyRules };
