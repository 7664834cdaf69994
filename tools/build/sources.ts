import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A file's modification time is that of the kernel's last tick, which may be some milliseconds before the moment. */
const TICK_MS = 20;

/** What the launcher compares with the sources: its modification time is the start of the build. */
export const stampFile = '.built';

/** When a build that starts now has to say it started, so that whatever is changed from now on is younger. */
export function startOfBuild(): Date {
  return new Date(Date.now() - TICK_MS);
}

/** Whether nothing that goes into the build changed since it started. The launcher asks the same in shell. */
export function isBuilt(root: string): boolean {
  const stamp = join(root, 'dist', stampFile);
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  return !sourcesOf(root).some((path) => statSync(path).mtimeMs > built);
}

// Folders as well: one that lost a file is younger.
function sourcesOf(root: string): string[] {
  const source = join(root, 'src');
  const below = readdirSync(source, { recursive: true, encoding: 'utf8' }).map((path) => join(source, path));
  return [source, ...below, join(root, 'package.json'), join(root, 'package-lock.json')];
}
