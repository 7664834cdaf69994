import type { PlanReport } from '../plan-report.ts';
import { type Document, document } from './document.ts';

/**
 * The document of `plan -o json` and `plan --out`. A refused plan has no digest and no steps; one that is refused only because machines are
 * not fit has both.
 */
export function planDocument({ cluster, intent, basis, result, unfit }: PlanReport): Document {
  const head = { cluster, intent };
  if (result.ok) {
    const { digest, basis: own, steps } = result.plan;
    return document('Plan', { ...head, digest, basis: own, steps, warnings: result.warnings, refusals: unfit });
  }
  return document('Plan', {
    ...head,
    digest: null,
    basis,
    steps: [],
    warnings: result.warnings,
    refusals: result.refusals,
  });
}
