import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../lib/records.ts';
import { rotated, runRounds } from './rounds.ts';
import type { Bench, Case } from './types.ts';

const quiet = { loadBefore: 0, loadAfter: 0, foreign: 0, stolen: 0, disturbed: false };

function bench(rounds: number, already: RunRecord[] = []): { bench: Bench; records: RunRecord[]; said: string[] } {
  const records = [...already];
  const said: string[] = [];
  const made: Bench = {
    bundle: '',
    kubernetesVersion: '',
    keelsonVersion: '',
    python: '',
    ansible: { is: 'missing', because: 'a test' },
    rounds,
    anyLoad: false,
    signal: new AbortController().signal,
    say: (line) => said.push(line),
    records: { all: () => records, add: (record) => records.push(record) },
  };
  return { bench: made, records, said };
}

function works(name: string): Case {
  return { name, run: async () => ({ metrics: { ms: 1 }, quiet, summary: 'well' }) };
}

describe('runRounds', () => {
  it('drops nothing, warms up once, and begins each round with another case', async () => {
    const { bench: made, records } = bench(2);
    await runRounds('x', [works('a'), works('b'), works('c')], made);
    expect(records.map((one) => `${one.round}${one.case}${one.position}`)).toEqual(
      '0a1 0b2 0c3 1b1 1c2 1a3 2c1 2a2 2b3'.split(' '),
    );
  });

  it('a case that fails is recorded with its words, and the others go on', async () => {
    const { bench: made, records, said } = bench(1);
    const fails: Case = { name: 'bad', run: () => Promise.reject(new Error('no such host')) };
    await runRounds('x', [fails, works('good')], made);
    expect(records.map(({ case: name, outcome }) => [name, outcome])).toEqual([
      ['bad', 'failed'],
      ['good', 'ok'],
      ['good', 'ok'],
      ['bad', 'failed'],
    ]);
    expect(records[0]?.said).toBe('no such host');
    expect(said.join('\n')).toContain('FAILED\nno such host');
  });

  it('runs others for disturbed rounds, half as many more at most', async () => {
    const { bench: made, records } = bench(4);
    const always: Case = {
      name: 'a',
      run: async () => ({ metrics: {}, quiet: { ...quiet, disturbed: true }, summary: '' }),
    };
    await runRounds('x', [always], made);
    expect(records.map(({ round }) => round)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const once = bench(4);
    let runs = 0;
    const second: Case = {
      name: 'a',
      run: async () => {
        runs += 1;
        return { metrics: {}, quiet: { ...quiet, disturbed: runs === 2 }, summary: '' };
      },
    };
    await runRounds('x', [second], once.bench);
    expect(once.records.map(({ round }) => round)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('goes on where an earlier run ended, and tries again what failed', async () => {
    const first = bench(1);
    await runRounds('x', [works('a'), { name: 'b', run: () => Promise.reject(new Error('no')) }], first.bench);
    const second = bench(1, first.records);
    await runRounds('x', [works('a'), works('b')], second.bench);
    expect(second.records.slice(first.records.length).map((one) => one.case)).toEqual(['b', 'b']);
  });
});

describe('rotated', () => {
  it('moves the beginning', () => {
    expect(rotated(['a', 'b', 'c'], 4)).toEqual(['b', 'c', 'a']);
  });
});
