import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from './digest.ts';

/** A built program in the cache. */
export interface CachedProgram {
  readonly path: string;
  readonly version: string;
  readonly seconds: number;
  readonly reused: boolean;
}

/** Makes the program at `output` in an empty work folder and gives its version. */
export type Make = (workDir: string, output: string) => Promise<string>;

/**
 * Gives a program from the cache, or makes it. `key` is all that decides what is made. A program gets its place in the
 * cache by one rename once it is complete, so an interrupted build loses the program it was at and no other.
 */
export async function cachedProgram(
  programsDir: string,
  name: string,
  key: unknown,
  make: Make,
): Promise<CachedProgram> {
  const started = performance.now();
  const dir = join(programsDir, `${name}-${shortDigest(key)}`);
  const path = join(dir, name);
  const known = await readVersion(dir);
  if (known !== undefined) {
    return { path, version: known, seconds: 0, reused: true };
  }
  await mkdir(programsDir, { recursive: true });
  const workDir = await mkdtemp(join(programsDir, unfinished));
  const finished = join(workDir, 'finished');
  await mkdir(finished);
  const sources = join(workDir, 'sources');
  await mkdir(sources);
  const version = await make(sources, join(finished, name));
  await writeFile(join(finished, versionFile), `${version}\n`);
  await rm(dir, { recursive: true, force: true });
  await rename(finished, dir);
  await rm(workDir, { recursive: true, force: true });
  return { path, version, seconds: (performance.now() - started) / 1000, reused: false };
}

/** Names that begin so are work that did not end; whoever holds the lock may remove them. */
export const unfinished = '.unfinished-';

const versionFile = 'version';

export function shortDigest(key: unknown): string {
  return sha256(JSON.stringify(key)).slice(0, 12);
}

async function readVersion(dir: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dir, versionFile), 'utf8')).trim();
  } catch {
    return undefined;
  }
}
