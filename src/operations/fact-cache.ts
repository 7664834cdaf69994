import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import type { Cache } from '../ports/cache.ts';

/**
 * In the user's cache folder, where what Node compiled of this program lies, too: neither may be open to others. One file for each vault,
 * so that clusters do not meet.
 */
export function factCache(vaultFolder: string, from: { env: NodeJS.ProcessEnv; home: string } = here()): Cache {
  const xdg = from.env.XDG_CACHE_HOME;
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(from.home, '.cache');
  const name = createHash('sha256').update(vaultFolder).digest('hex').slice(0, 16);
  const file = join(base, 'keelson', 'facts', `${name}.json`);
  return {
    read: async () => readFile(file, 'utf8').catch(() => null),
    write: async (text) => {
      const temporary = `${file}.${randomBytes(6).toString('hex')}`;
      try {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
        await rename(temporary, file);
      } catch {
        await rm(temporary, { force: true }).catch(() => undefined);
      }
    },
  };
}

function here(): { env: NodeJS.ProcessEnv; home: string } {
  return { env: process.env, home: homedir() };
}
