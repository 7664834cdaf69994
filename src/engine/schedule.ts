import { KeelsonError } from '../model/errors.ts';
import { type HostId, OPERATOR, type StepId } from '../model/ids.ts';
import { endsCluster } from '../plan/rules/ends-member.ts';
import type { PlannedStep } from '../plan/types.ts';
import type { EngineLimits } from './types.ts';

/**
 * The first step, in the plan's order, that may start now. A step that is not safe runs with nothing beside it, but for those that end the
 * whole cluster: they run side by side, one on a machine and on no more machines than may be worked on at once.
 */
export function nextToStart(
  waiting: readonly PlannedStep[],
  running: readonly PlannedStep[],
  done: ReadonlySet<StepId>,
  limits: Pick<EngineLimits, 'steps' | 'stepsPerHost'>,
): PlannedStep | undefined {
  if (running.length >= limits.steps || running.some((s) => s.risk !== 'safe' && !endsCluster(s))) return undefined;
  const ready = waiting.filter((s) => s.needs.every((id) => done.has(id)));
  const safe = ready.find((s) => s.risk === 'safe' && mayJoin(s.on, running, limits.stepsPerHost));
  if (safe !== undefined) return safe;
  const [first] = ready;
  if (running.length === 0) return first;
  const ending = ready.find(endsCluster);
  const machines = Math.max(1, Math.floor(limits.steps / limits.stepsPerHost));
  return running.every(endsCluster) && running.length < machines ? ending : undefined;
}

function mayJoin(on: HostId, running: readonly PlannedStep[], perHost: number): boolean {
  const beside = running.filter((s) => s.on === on).length;
  return beside < (on === OPERATOR ? 1 : perHost);
}

/** Refuses what could never run to its end: a step twice, a need that is not in the plan, a circle. */
export function assertRunnable(steps: readonly PlannedStep[]): void {
  const ids = new Set(steps.map((s) => s.id));
  if (ids.size < steps.length) throw new KeelsonError('internal', 'the plan holds a step twice');
  for (const step of steps) {
    for (const need of step.needs) {
      if (!ids.has(need))
        throw new KeelsonError('internal', `the step “${step.title}” needs one that is not in the plan`);
    }
  }
  const done = new Set<StepId>();
  let left = steps;
  while (left.length > 0) {
    const next = left.filter((s) => !s.needs.every((id) => done.has(id)));
    if (next.length === left.length)
      throw new KeelsonError('internal', `the plan’s steps need each other: ${left[0]?.title}`);
    for (const step of left) if (!next.includes(step)) done.add(step.id);
    left = next;
  }
}
