import type { PlannedStep } from '../types.ts';

/** The machine's part in the cluster ends with the step: there is no quorum to keep, and no data. */
export function endsMember({ kind }: Pick<PlannedStep, 'kind'>): boolean {
  return kind === 'reset-host';
}

/** The whole cluster goes: nobody is spared by clearing one machine after the other. */
export function endsCluster({ kind, params }: Pick<PlannedStep, 'kind' | 'params'>): boolean {
  return (
    endsMember({ kind }) && typeof params === 'object' && params !== null && Reflect.get(params, 'scope') === 'cluster'
  );
}
