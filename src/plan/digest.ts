import { createHash } from 'node:crypto';
import type { Digest, HostId, StepId } from '../model/ids.ts';

/** JSON with sorted keys: equal values have equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

export function digestOf(value: unknown): Digest {
  return `sha256:${createHash('sha256').update(canonicalJson(value)).digest('hex')}` as Digest;
}

export function stepId(kind: string, on: HostId, params: unknown): StepId {
  return createHash('sha256').update(canonicalJson([kind, on, params])).digest('hex').slice(0, 16) as StepId;
}
