import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { KeelsonError } from '../model/errors.ts';
import type { Clock } from '../ports/clock.ts';
import { createAtomic, errorCode, type FileSystem, failingAs, readOptional } from './files.ts';
import { processState, thisProcess } from './local-process.ts';

const holderSchema = z.object({
  version: z.literal(1),
  host: z.string(),
  bootId: z.string(),
  pid: z.number(),
  pidStart: z.string(),
  since: z.string(),
  nonce: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

export interface LockOptions {
  fs: FileSystem;
  clock: Clock;
  /** How long to wait for a living holder; writes take milliseconds. */
  waitMs?: number;
}

const POLL_MS = 25;

/**
 * Runs the body while no other process of this machine does. The lock is a file that says whose it is; one whose owner has
 * died is taken over at once. Rejects with `vault.busy` when a living owner keeps it.
 */
export async function withFileLock<T>(path: string, options: LockOptions, body: () => Promise<T>): Promise<T> {
  const nonce = await acquire(path, options);
  try {
    return await body();
  } finally {
    await release(path, options.fs, nonce);
  }
}

async function acquire(path: string, { fs, clock, waitMs = 10_000 }: LockOptions): Promise<string> {
  const me: Holder = {
    version: 1,
    ...(await thisProcess()),
    since: clock.now().toISOString(),
    nonce: randomBytes(8).toString('hex'),
  };
  const deadline = clock.monotonicMs() + waitMs;
  for (;;) {
    if (await createAtomic(fs, path, `${JSON.stringify(me)}\n`)) return me.nonce;
    const text = await readOptional(fs, path);
    if (text === null) continue;
    const holder = parseHolder(text);
    // A lock is linked into place complete; one that cannot be read was cut off with the machine's power.
    const state = holder === null ? 'dead' : await processState(holder);
    if (state === 'dead') {
      await removeStale(path, fs, text);
      continue;
    }
    if (clock.monotonicMs() >= deadline) throw busy(path, holder, state);
    await clock.sleep(POLL_MS);
  }
}

/**
 * Another process may have taken over since the stale text was read. So the file is moved aside first, which only one process
 * can do, and put back when it turns out to be a living one's.
 */
async function removeStale(path: string, fs: FileSystem, staleText: string): Promise<void> {
  await failingAs(path, async () => {
    const aside = `${path}.${randomBytes(6).toString('hex')}.stale`;
    try {
      await fs.rename(path, aside);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      throw error;
    }
    if ((await readOptional(fs, aside)) !== staleText) await fs.link(aside, path).catch(() => undefined);
    await fs.unlink(aside);
  });
}

async function release(path: string, fs: FileSystem, nonce: string): Promise<void> {
  const text = await readOptional(fs, path).catch(() => null);
  if (text !== null && parseHolder(text)?.nonce === nonce) await fs.unlink(path).catch(() => undefined);
}

function parseHolder(text: string): Holder | null {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function busy(path: string, holder: Holder | null, state: 'alive' | 'unknown'): KeelsonError {
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host} since ${holder.since}`;
  return new KeelsonError('vault.busy', `The vault is being written by ${who}.`, {
    where: path,
    ...(state === 'unknown'
      ? { action: `That is another machine. If the process is gone there, remove ${path}.` }
      : {}),
  });
}
