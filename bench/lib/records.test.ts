import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  countingRounds,
  failedRuns,
  openRecords,
  pairsOf,
  parseRecords,
  type RunRecord,
  readRecords,
  valuesOf,
} from './records.ts';

function record(name: string, round: number, change: Partial<RunRecord> = {}, disturbed = false): RunRecord {
  return {
    benchmark: 'install',
    case: name,
    round,
    position: 1,
    at: '2026-01-01T00:00:00Z',
    outcome: 'ok',
    metrics: { ms: round * 10 },
    quiet: { loadBefore: 0, loadAfter: 0, foreign: 0, stolen: 0, disturbed },
    ...change,
  };
}

describe('the file of a benchmark', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'keelson-bench-records-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('begins anew, or goes on after the last whole line', () => {
    openRecords(folder, 'install', false).add(record('a', 1));
    const path = join(folder, 'install.jsonl');
    writeFileSync(path, `${readFileSync(path, 'utf8')}{"benchmark":"inst`);
    const resumed = openRecords(folder, 'install', true);
    resumed.add(record('b', 1));
    expect(readRecords(folder, 'install').map((one) => one.case)).toEqual(['a', 'b']);
    expect(resumed.all()).toHaveLength(2);
    expect(openRecords(folder, 'install', false).all()).toEqual([]);
  });

  it('does not pass over a broken line in its middle', () => {
    expect(() => parseRecords(`{"a":\n${JSON.stringify(record('a', 1))}\n`)).toThrow();
  });
});

describe('what counts', () => {
  const records = [
    record('a', 0),
    record('a', 1),
    record('b', 1),
    record('a', 2),
    record('b', 2, {}, true),
    record('a', 3),
    record('b', 3, { outcome: 'failed' }),
  ];

  it('is neither the warm-up nor any run of a round in which one was disturbed', () => {
    expect(countingRounds(records, false).map(({ round }) => round)).toEqual([1, 1, 3, 3]);
    expect(countingRounds(records, true).map(({ round }) => round)).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it('a failure is one until a later try succeeds', () => {
    expect(failedRuns(records).map((one) => [one.case, one.round])).toEqual([['b', 3]]);
    expect(failedRuns([...records, record('b', 3)])).toEqual([]);
  });

  it('a failed run gives no value, and its round no pair', () => {
    const counting = countingRounds(records, true);
    expect(valuesOf(counting, 'ms', 'b')).toEqual([10, 20]);
    expect(pairsOf(counting, 'ms', 'a', 'b')).toEqual([
      [10, 10],
      [20, 20],
    ]);
  });
});
