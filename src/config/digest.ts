import { digestOf } from '../model/canonical-json.ts';
import type { Digest } from '../model/ids.ts';
import type { ClusterConfig } from './schema.ts';

/** Equal for configurations that mean the same, however the file was written. */
export function configDigest(config: ClusterConfig): Digest {
  return digestOf(config);
}
