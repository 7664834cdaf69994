import { restartProblem } from '../../steps/restart-founding.ts';
import type { PlanRefusal } from './types.ts';

/** A founding starts over only when it is certain that it never had a quorum. What is not known about data, the founding itself refuses. */
export const restartFounding: PlanRefusal = (view, intent) => {
  if (intent.kind !== 'apply' || intent.restartFounding !== true) return [];
  const problem = restartProblem(view);
  return problem === null ? [] : [problem];
};
