import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const conflict = 75;

/**
 * Runs `body` while this process holds an exclusive lock on a file. The kernel holds the lock for a `flock` process that
 * ends with its standard input, so that a builder which was killed, however hard, never leaves a lock behind.
 */
export async function withLock<T>(path: string, onWait: () => void, body: () => Promise<T>): Promise<T> {
  let holder = await acquire(path, ['--nonblock']);
  if (holder === undefined) {
    onWait();
    holder = await acquire(path, []);
  }
  if (holder === undefined) {
    throw new Error(`the lock ${path} could not be taken`);
  }
  try {
    return await body();
  } finally {
    const ended = once(holder, 'close');
    holder.stdin?.end();
    await ended;
  }
}

async function acquire(path: string, flags: readonly string[]): Promise<ChildProcess | undefined> {
  const args = ['--exclusive', ...flags, '--conflict-exit-code', String(conflict), path, 'sh', '-c', 'echo; exec cat'];
  // In a session of its own: Ctrl-C goes to the builder, which decides when the lock is given up.
  const child = spawn('flock', args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  const held = new Promise<'held'>((resolve) => child.stdout.once('data', () => resolve('held')));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const outcome = await Promise.race([held, ended]);
  if (outcome === 'held') {
    return child;
  }
  if (outcome === conflict) {
    return undefined;
  }
  throw new Error(`flock ${path} ended with exit status ${outcome}`);
}
