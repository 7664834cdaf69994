import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** A path as the configuration gives it: `~/` is the user's home, anything relative is relative to the file. */
export function resolvePath(path: string, folder: string): string {
  if (path === '~') return homedir();
  if (path.startsWith('~/')) return join(homedir(), path.slice(2));
  return isAbsolute(path) ? path : resolve(folder, path);
}
