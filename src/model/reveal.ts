import { Secret } from './secret.ts';

/** The text of a secret. A file of its own, so that the import law can say who may use it: adapters alone. */
export function reveal(secret: Secret): string {
  return Secret.valueOf(secret);
}
