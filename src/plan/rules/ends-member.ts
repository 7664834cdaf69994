import type { PlannedStep } from '../types.ts';

/** The machine's part in the cluster ends with the step: there is no quorum to keep, and no data. */
export function endsMember({ kind }: Pick<PlannedStep, 'kind'>): boolean {
  return kind === 'reset-host';
}
