import { digestOf } from '../model/canonical-json.ts';
import type { HostId, StepId } from '../model/ids.ts';

export function stepId(kind: string, on: HostId, params: unknown): StepId {
  return digestOf([kind, on, params]).slice('sha256:'.length, 'sha256:'.length + 16) as StepId;
}
