import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Observations, SecretWatchData } from './secret-watch-worker.ts';

export interface SecretWatch {
  readonly stop: () => Promise<Observations>;
}

/** Looks at all processes of this computer and at the files of these folders until it is stopped. */
export async function watchForSecrets(folders: readonly string[]): Promise<SecretWatch> {
  const data: SecretWatchData = { folders };
  const worker = new Worker(join(import.meta.dirname, 'secret-watch-worker.ts'), { workerData: data });
  await once(worker, 'message');
  return {
    stop: async () => {
      const answer = once(worker, 'message');
      worker.postMessage('stop');
      const [seen] = (await answer) as [Observations];
      return seen;
    },
  };
}

/** A secret, and pieces of it by which it is found, also where its lines are wrapped in another way. */
export interface Needle {
  readonly name: string;
  readonly pieces: readonly string[];
}

/** By the private number alone: the file of a key holds the public one, too, as every certificate does. */
export function keyNeedle(name: string, pem: string): Needle {
  const number = Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d ?? '', 'base64url');
  // Base64 writes three bytes at a time: it depends on what stands before where in the number it begins anew.
  const inBase64 = [0, 1, 2].map((skip) => number.subarray(skip, skip + 24).toString('base64'));
  const inBase64Url = [0, 1, 2].map((skip) => number.subarray(skip, skip + 24).toString('base64url'));
  return { name, pieces: [...new Set([...inBase64, ...inBase64Url, number.toString('hex')])] };
}

/** Names of the secrets that a text holds. */
export function secretsIn(text: string, needles: readonly Needle[]): string[] {
  return needles.filter(({ pieces }) => pieces.some((piece) => text.includes(piece))).map(({ name }) => name);
}
