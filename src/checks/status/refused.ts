import type { PlanResult } from '../../plan/types.ts';

/** Findings whose own advice is `keelson apply` give this one instead while it would refuse. */
export function insteadOfApply(plan: PlanResult): { action?: string } {
  if (plan.ok) return {};
  return { action: 'See what keelson plan refuses, and why: keelson apply does nothing before that is mended.' };
}
