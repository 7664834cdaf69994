import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a Unix socket's path may be long: 104 bytes on some systems, of which ssh wants 17 for a temporary name. */
const LONGEST_BASE = 60;

/** A folder for sockets that only this user can look into, named after this process. What a killed process left is removed. */
export async function makePrivateFolder(): Promise<string> {
  const base = await baseFolder();
  await sweep(base);
  // mkdtemp makes it 0700.
  return mkdtemp(join(base, `keelson-${process.pid}-`));
}

async function baseFolder(): Promise<string> {
  const own = process.env.XDG_RUNTIME_DIR;
  if (own === undefined || own.length > LONGEST_BASE) return '/tmp';
  const found = await stat(own).catch(() => null);
  return found?.isDirectory() === true && found.uid === process.getuid?.() ? own : '/tmp';
}

async function sweep(base: string): Promise<void> {
  const names = await readdir(base).catch(() => []);
  for (const name of names) {
    const pid = /^keelson-(\d+)-\w{6}$/.exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    const path = join(base, name);
    const found = await stat(path).catch(() => null);
    if (found?.isDirectory() === true && found.uid === process.getuid?.())
      await rm(path, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

export async function writePrivately(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
}
