import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { commandEnvironment } from './command.ts';

export interface FileLock extends AsyncDisposable {
  readonly release: () => Promise<void>;
}

// The lock is held by a child that waits for the end of its standard input, so the kernel frees it however this process
// ends. A file that its last holder removed is no lock any more, hence the comparison after the wait.
const holder = `
exec 9>>"$1"
flock $2 --exclusive 9 || exit 74
[ "$1" -ef /proc/self/fd/9 ] || exit 75
echo locked
read -r answer || exit 0
[ "$answer" != remove ] || rm -f "$1"
`;

/** Waits for an exclusive lock on a file. */
export async function lockFile(path: string): Promise<FileLock> {
  const lock = await take(path, '');
  if (lock === undefined) throw new Error(`cannot lock ${path}`);
  return lock;
}

/** The lock, or undefined where another process holds it. */
export function tryLockFile(path: string): Promise<FileLock | undefined> {
  return take(path, '--nonblock');
}

export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await using _lock = await lockFile(path);
  return await work();
}

async function take(path: string, mode: string): Promise<FileLock | undefined> {
  mkdirSync(dirname(path), { recursive: true });
  for (;;) {
    const result = await takeOnce(path, mode);
    if (result !== 'replaced') return result;
  }
}

function takeOnce(path: string, mode: string): Promise<FileLock | 'replaced' | undefined> {
  const child = spawn('/bin/sh', ['-c', holder, 'lock', path, mode], {
    env: commandEnvironment(),
    stdio: ['pipe', 'pipe', 'inherit'],
    // In a session of its own: Ctrl-C must not free the lock while this process still cleans up.
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return new Promise((resolve, reject) => {
    const release = async (): Promise<void> => {
      // The file is removed only while the lock is held, by its holder.
      child.stdin.end('remove\n');
      await ended;
    };
    child.on('error', reject);
    child.stdin.on('error', () => {});
    child.stdout.once('data', () => resolve({ release, [Symbol.asyncDispose]: release }));
    child.on('close', (code) => {
      if (code === 74) resolve(undefined);
      else if (code === 75) resolve('replaced');
      else reject(new Error(`cannot lock ${path} (exit ${code})`));
    });
  });
}
