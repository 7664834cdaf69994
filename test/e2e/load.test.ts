import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type LoadReport, startLoad, tooQuiet, violations } from './load.ts';

/** A cluster in memory, that can be told to lose what it has promised. */
function members(put: (key: string, value: string, store: Map<string, string>) => void) {
  const store = new Map<string, string>();
  const member = {
    put: async (key: string, value: string): Promise<void> => {
      await Promise.resolve();
      put(key, value, store);
    },
  };
  return { store, all: [member, member, member] };
}

async function loaded(put: (key: string, value: string, store: Map<string, string>) => void) {
  const { store, all } = members(put);
  const load = startLoad(all, { name: 'load', pauseMs: 1 });
  while (load.acknowledgedSoFar() < 60) await sleep(1);
  return { store, report: await load.stop() };
}

describe('the checker of acknowledged writes', () => {
  it('has nothing to say when all was kept', async () => {
    const { store, report } = await loaded((key, value, kept) => kept.set(key, value));
    expect(report.acknowledged.size).toBeGreaterThanOrEqual(60);
    expect(violations(report, store)).toEqual([]);
  });

  it('finds one write that was acknowledged and lost', async () => {
    const { store, report } = await loaded((key, value, kept) => {
      if (key !== 'load/key/1-7') kept.set(key, value);
    });
    expect(violations(report, store)).toEqual(['lost: load/key/1-7']);
  });

  it('finds a value that was changed, one that went back, and a key that nobody wrote', async () => {
    const { store, report } = await loaded((key, value, kept) => kept.set(key, value));
    store.set('load/key/0-3', 'other');
    store.set('load/counter', '1');
    store.set('load/key/9-9', 'x');
    expect(violations(report, store)).toEqual([
      'changed: load/key/0-3 is "other", not "load 0 3"',
      `went back: load/counter from ${report.counter.acknowledged} to 1`,
      'made up: load/key/9-9',
    ]);
  });

  it('allows a write without an answer to have happened, or not', async () => {
    const { store, report } = await loaded((key, value, kept) => {
      if (key !== 'load/key/2-5') kept.set(key, value);
      if (/2-[4-6]$/.test(key)) throw new Error('no answer');
    });
    expect([...report.uncertain.keys()]).toEqual(['load/key/2-4', 'load/key/2-5', 'load/key/2-6']);
    expect(violations(report, store)).toEqual([]);
    store.set('load/key/2-6', 'another value');
    expect(violations(report, store)).toEqual(['made up: load/key/2-6']);
  });

  it('refuses a load that wrote hardly anything', () => {
    const quiet: LoadReport = {
      acknowledged: new Map([['a', 'b']]),
      uncertain: new Map(),
      counter: { key: 'c', acknowledged: 0, tried: 0 },
      seconds: 10,
      perSecond: 0.1,
      longestSilenceMs: 9_000,
    };
    expect(tooQuiet(quiet, { perSecond: 10, count: 100 })).toEqual([
      'only 1 writes were acknowledged, not 100',
      'only 0.1 writes a second were acknowledged, not 10',
    ]);
    expect(tooQuiet({ ...quiet, perSecond: 11 }, { perSecond: 10, count: 1 })).toEqual([]);
  });

  it('knows how long nothing was acknowledged', async () => {
    let silentUntil = 0;
    let writes = 0;
    const { report } = await loaded(() => {
      writes += 1;
      if (writes === 20) silentUntil = performance.now() + 120;
      if (performance.now() < silentUntil) throw new Error('no answer');
    });
    expect(report.longestSilenceMs).toBeGreaterThanOrEqual(100);
    expect(report.longestSilenceMs).toBeLessThan(2_000);
  });
});
