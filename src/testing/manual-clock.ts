import type { Clock } from '../ports/clock.ts';

export interface ManualClock extends Clock {
  /** Moves time forward, waking sleepers in the order of their time; those who sleep again within the span are woken again. */
  readonly advance: (ms: number) => Promise<void>;
  /** Jumps from sleeper to sleeper until `work` settles; gives its result. Fails when nobody sleeps, or after `limitMs`. */
  readonly drive: <T>(work: Promise<T>, limitMs?: number) => Promise<T>;
  /** Lets everything run that needs no time. */
  readonly idle: () => Promise<void>;
  readonly sleepers: () => number;
}

interface Sleeper {
  at: number;
  wake: () => void;
}

/** Time that stands still until it is told to move. Sleepers with the same time wake in the order in which they lay down. */
export function manualClock(start = '2026-01-01T00:00:00.000Z'): ManualClock {
  const origin = Date.parse(start);
  let now = 0;
  let sleepers: Sleeper[] = [];

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper: Sleeper = { at: now + Math.max(0, ms), wake };
      const onAbort = () => {
        sleepers = sleepers.filter((s) => s !== sleeper);
        reject(signal?.reason);
      };
      function wake() {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      sleepers.push(sleeper);
    });
  }

  // A turn of the event loop drains all promise jobs; a few turns also let in those that a port put off by one.
  async function idle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  function next(): Sleeper | undefined {
    return sleepers.reduce<Sleeper | undefined>(
      (first, s) => (first === undefined || s.at < first.at ? s : first),
      undefined,
    );
  }

  async function wakeNext(sleeper: Sleeper): Promise<void> {
    now = Math.max(now, sleeper.at);
    sleepers = sleepers.filter((s) => s !== sleeper);
    sleeper.wake();
    await idle();
  }

  async function advance(ms: number): Promise<void> {
    const end = now + ms;
    await idle();
    for (let due = next(); due !== undefined && due.at <= end; due = next()) await wakeNext(due);
    now = end;
  }

  async function drive<T>(work: Promise<T>, limitMs = 24 * 3_600_000): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    work.then(done, done);
    const end = now + limitMs;
    await idle();
    while (!settled) {
      const due = next();
      if (due === undefined) throw new Error('nothing sleeps, and the work does not end');
      if (due.at > end) throw new Error(`the work did not end within ${limitMs} ms`);
      await wakeNext(due);
    }
    return work;
  }

  return {
    now: () => new Date(origin + now),
    monotonicMs: () => now,
    sleep,
    advance,
    drive,
    idle,
    sleepers: () => sleepers.length,
  };
}
