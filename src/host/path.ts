import { KeelsonError } from '../model/errors.ts';

/** A path on a machine as the adapter accepts it: absolute, in its simplest form, one line. */
export function checkPath(path: string): void {
  const parts = path.split('/').slice(1);
  const plain = path.startsWith('/') && parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!plain || /\p{Cc}/u.test(path)) {
    throw new KeelsonError('internal', `${JSON.stringify(path)} is no path that a file can be put at`);
  }
}

export function checkMode(mode: string): void {
  if (!/^[0-7]{3}$/.test(mode)) throw new KeelsonError('internal', `${JSON.stringify(mode)} is no mode of a file`);
}

/** All folders above a path, from the root down. */
export function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(1, -1);
  return ['/', ...parts.map((_, n) => `/${parts.slice(0, n + 1).join('/')}`)];
}
