import type { Clock } from '../ports/clock.ts';

export type Progress<T> = { is: 'met'; value: T } | { is: 'waiting'; state: string };

export interface Condition<T> {
  /** What is waited for, as a person reads it: `etcd-1 to return`. */
  name: string;
  until: (signal: AbortSignal) => Promise<Progress<T>>;
  /** Pause between two looks; from `from` it grows to `to`. */
  everyMs: number | { from: number; to: number };
  /** Duration from now. There is always one look at the beginning and one at the deadline. */
  deadlineMs: number;
  clock: Clock;
  signal: AbortSignal;
  /** Told each time the state changes. */
  onState?: (state: string) => void;
}

export type Waited<T> =
  | { is: 'met'; value: T; tookMs: number }
  | { is: 'late'; name: string; state: string; tookMs: number };

const GROWTH = 1.5;

/** Waits for a named condition. Rejects only with what `until` rejects with, or with the signal's reason. */
export async function waitFor<T>(condition: Condition<T>): Promise<Waited<T>> {
  const { clock, signal, everyMs } = condition;
  const begin = clock.monotonicMs();
  let pause = typeof everyMs === 'number' ? everyMs : everyMs.from;
  const longest = typeof everyMs === 'number' ? everyMs : everyMs.to;
  let state = '';
  for (;;) {
    signal.throwIfAborted();
    const progress = await condition.until(signal);
    signal.throwIfAborted();
    const tookMs = clock.monotonicMs() - begin;
    if (progress.is === 'met') return { is: 'met', value: progress.value, tookMs };
    if (progress.state !== state) {
      state = progress.state;
      condition.onState?.(state);
    }
    const left = condition.deadlineMs - tookMs;
    if (left <= 0) return { is: 'late', name: condition.name, state, tookMs };
    await clock.sleep(Math.min(pause, left), signal);
    pause = Math.min(longest, pause * GROWTH);
  }
}
