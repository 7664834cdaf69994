import { createHash } from 'node:crypto';
import type { Digest } from '../model/ids.ts';
import type { ClusterConfig } from './schema.ts';

/** Equal for configurations that mean the same, however the file was written. */
export function configDigest(config: ClusterConfig): Digest {
  return `sha256:${createHash('sha256').update(canonicalJson(config)).digest('hex')}` as Digest;
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (item === null || typeof item !== 'object' || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
