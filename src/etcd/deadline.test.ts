import { describe, expect, it, vi } from 'vitest';
import { orAborted, startDeadline } from './deadline.ts';

describe('startDeadline', () => {
  it('aborts when the time is over, and counts down to it', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const deadline = startDeadline(100, new AbortController().signal);
      vi.advanceTimersByTime(60);
      expect([deadline.isOver(), deadline.signal.aborted, deadline.remainingMs()]).toEqual([false, false, 40]);
      vi.advanceTimersByTime(40);
      expect([deadline.isOver(), deadline.signal.aborted, deadline.remainingMs()]).toEqual([true, true, 0]);
      startDeadline(100, new AbortController().signal).end();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each(['before', 'after'])('passes on the reason of a signal aborted %s it', (when) => {
    const controller = new AbortController();
    const why = new Error('enough');
    if (when === 'before') controller.abort(why);
    const deadline = startDeadline(1000, controller.signal);
    if (when === 'after') controller.abort(why);
    expect(deadline.signal.reason).toBe(why);
    expect(deadline.isOver()).toBe(false);
    deadline.end();
  });
});

describe('orAborted', () => {
  it('settles as the promise does', async () => {
    const { signal } = new AbortController();
    await expect(orAborted(Promise.resolve(1), signal)).resolves.toBe(1);
    await expect(orAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  });

  it('does not wait for a promise once the signal is aborted', async () => {
    const controller = new AbortController();
    const waiting = orAborted(new Promise(() => undefined), controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(orAborted(new Promise(() => undefined), controller.signal)).rejects.toThrow('enough');
  });
});
