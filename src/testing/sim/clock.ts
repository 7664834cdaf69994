import type { ManualClock } from '../manual-clock.ts';

export interface SimClock extends ManualClock {
  /** Time stands still until this real work (making a key) is done: it takes no time in the simulation. */
  readonly outside: <T>(work: Promise<T>) => Promise<T>;
}

interface Sleeper {
  at: number;
  /** In which order they lay down. */
  order: number;
  wake: () => void;
}

/**
 * The manual clock for thousands of simulated runs: everything but the work told to `outside` is promise jobs, so that one turn of the
 * event loop is enough to know that all is idle.
 */
export function simClock(start: string): SimClock {
  const origin = Date.parse(start);
  const sleepers = heap();
  const outsiders = new Set<Promise<unknown>>();
  let now = 0;
  let laidDown = 0;

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      laidDown += 1;
      const sleeper: Sleeper = { at: now + Math.max(0, ms), order: laidDown, wake: resolve };
      if (signal !== undefined) {
        const onAbort = (): void => {
          // It stays among the sleepers, and waking it does nothing.
          sleeper.wake = () => {};
          reject(signal.reason);
        };
        signal.addEventListener('abort', onAbort, { once: true });
        sleeper.wake = () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
      }
      sleepers.push(sleeper);
    });
  }

  async function idle(): Promise<void> {
    await turn();
    while (outsiders.size > 0) {
      await Promise.allSettled(outsiders);
      await turn();
    }
  }

  async function wakeNext(): Promise<void> {
    const sleeper = sleepers.pop();
    if (sleeper === undefined) return;
    now = Math.max(now, sleeper.at);
    sleeper.wake();
    await idle();
  }

  async function advance(ms: number): Promise<void> {
    const end = now + ms;
    await idle();
    for (let due = sleepers.first(); due !== undefined && due.at <= end; due = sleepers.first()) await wakeNext();
    now = end;
  }

  async function drive<T>(work: Promise<T>, limitMs = 24 * 3_600_000): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    const end = now + limitMs;
    await idle();
    while (!settled) {
      const due = sleepers.first();
      if (due === undefined) throw new Error('nothing sleeps, and the work does not end');
      if (due.at > end) throw new Error(`the work did not end within ${limitMs} ms`);
      await wakeNext();
    }
    return work;
  }

  async function outside<T>(work: Promise<T>): Promise<T> {
    outsiders.add(work);
    try {
      return await work;
    } finally {
      outsiders.delete(work);
    }
  }

  return {
    now: () => new Date(origin + now),
    monotonicMs: () => now,
    sleep,
    advance,
    drive,
    idle,
    outside,
    sleepers: sleepers.size,
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Sleepers by time, and by the order in which they lay down. */
function heap() {
  const list: Sleeper[] = [];
  const before = (a: Sleeper, b: Sleeper): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
  const at = (n: number): Sleeper => list[n] as Sleeper;

  function swap(a: number, b: number): void {
    const kept = at(a);
    list[a] = at(b);
    list[b] = kept;
  }

  function push(sleeper: Sleeper): void {
    list.push(sleeper);
    for (let n = list.length - 1; n > 0; ) {
      const parent = (n - 1) >> 1;
      if (before(at(parent), at(n))) return;
      swap(n, parent);
      n = parent;
    }
  }

  function pop(): Sleeper | undefined {
    const first = list[0];
    const last = list.pop();
    if (first === undefined || last === undefined || list.length === 0) return first;
    list[0] = last;
    for (let n = 0; ; ) {
      const [left, right] = [2 * n + 1, 2 * n + 2];
      let least = n;
      if (left < list.length && before(at(left), at(least))) least = left;
      if (right < list.length && before(at(right), at(least))) least = right;
      if (least === n) return first;
      swap(n, least);
      n = least;
    }
  }

  return { push, pop, first: (): Sleeper | undefined => list[0], size: (): number => list.length };
}
