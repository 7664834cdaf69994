import { describe, expect, it } from 'vitest';
import { manualClock } from '../testing/manual-clock.ts';
import { type Progress, waitFor } from './conditions.ts';

function condition(answers: readonly Progress<string>[], options: { deadlineMs: number; signal?: AbortSignal }) {
  const clock = manualClock();
  const looks: number[] = [];
  const states: string[] = [];
  const work = waitFor<string>({
    name: 'the thing',
    until: async () => {
      looks.push(clock.monotonicMs());
      return answers[Math.min(looks.length, answers.length) - 1] ?? { is: 'waiting', state: '' };
    },
    everyMs: { from: 100, to: 300 },
    deadlineMs: options.deadlineMs,
    clock,
    signal: options.signal ?? new AbortController().signal,
    onState: (state) => states.push(state),
  });
  return { clock, looks, states, work };
}

describe('waitFor', () => {
  it('looks at once and does not sleep when it is already so', async () => {
    const { clock, work } = condition([{ is: 'met', value: 'yes' }], { deadlineMs: 1000 });
    expect(await work).toEqual({ is: 'met', value: 'yes', tookMs: 0 });
    expect(clock.sleepers()).toBe(0);
  });

  it('pauses longer each time up to the limit, looks last at the deadline, and says what it waited for', async () => {
    const { clock, looks, work } = condition([{ is: 'waiting', state: 'not yet' }], { deadlineMs: 1000 });
    expect(await clock.drive(work)).toEqual({ is: 'late', name: 'the thing', state: 'not yet', tookMs: 1000 });
    expect(looks).toEqual([0, 100, 250, 475, 775, 1000]);
  });

  it('tells each state once, when it changes', async () => {
    const answers: Progress<string>[] = [
      { is: 'waiting', state: 'a' },
      { is: 'waiting', state: 'a' },
      { is: 'waiting', state: 'b' },
      { is: 'met', value: 'yes' },
    ];
    const { clock, states, work } = condition(answers, { deadlineMs: 10_000 });
    await clock.drive(work);
    expect(states).toEqual(['a', 'b']);
  });

  it('rejects with the signal’s reason while it sleeps', async () => {
    const abort = new AbortController();
    const { clock, work } = condition([{ is: 'waiting', state: 'a' }], { deadlineMs: 10_000, signal: abort.signal });
    const end = expect(work).rejects.toThrow('enough');
    await clock.advance(50);
    abort.abort(new Error('enough'));
    await end;
    expect(clock.sleepers()).toBe(0);
  });
});
