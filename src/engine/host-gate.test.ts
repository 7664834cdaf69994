import { describe, expect, it } from 'vitest';
import { hostGate } from './host-gate.ts';

function task() {
  let finish = () => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return { done, finish };
}
function begins(started: string[], name: string, { done }: ReturnType<typeof task>) {
  return () => {
    started.push(name);
    return done;
  };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('hostGate', () => {
  it('lets shared work run side by side', async () => {
    const gate = hostGate();
    const [a, b] = [task(), task()];
    const started: string[] = [];
    const all = [gate.shared(begins(started, 'a', a)), gate.shared(begins(started, 'b', b))];
    await turn();
    expect(started).toEqual(['a', 'b']);
    a.finish();
    b.finish();
    await Promise.all(all);
  });

  it('lets work that must be alone wait for what runs, and new work wait for it', async () => {
    const gate = hostGate();
    const [a, alone, b] = [task(), task(), task()];
    const started: string[] = [];
    const all = [
      gate.shared(begins(started, 'a', a)),
      gate.alone(begins(started, 'alone', alone)),
      gate.shared(begins(started, 'b', b)),
    ];
    await turn();
    expect(started).toEqual(['a']);
    a.finish();
    await turn();
    expect(started).toEqual(['a', 'alone']);
    alone.finish();
    await turn();
    expect(started).toEqual(['a', 'alone', 'b']);
    b.finish();
    await Promise.all(all);
  });

  it('runs two lone works one after the other, and goes on after one that fails', async () => {
    const gate = hostGate();
    const first = task();
    const started: string[] = [];
    const failing = gate.alone(async () => {
      started.push('first');
      await first.done;
      throw new Error('no');
    });
    const second = gate.alone(async () => started.push('second'));
    const shared = gate.shared(async () => started.push('shared'));
    const failed = expect(failing).rejects.toThrow('no');
    await turn();
    expect(started).toEqual(['first']);
    first.finish();
    await failed;
    await Promise.all([second, shared]);
    expect(started).toEqual(['first', 'second', 'shared']);
  });
});
