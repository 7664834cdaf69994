import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One run of one case. A line of bench/results/BENCHMARK.jsonl. */
export interface RunRecord {
  readonly benchmark: string;
  readonly case: string;
  /** From 1; 0 is the warm-up, which no statistic uses. */
  readonly round: number;
  /** Which of the round's cases this was, from 1. */
  readonly position: number;
  readonly at: string;
  readonly outcome: 'ok' | 'failed';
  /** Of a failed run: what it said at last. */
  readonly said?: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly quiet: Quietness;
}

/** What else this computer did during a run. */
export interface Quietness {
  readonly loadBefore: number;
  readonly loadAfter: number;
  /** Processors' worth of work that belonged neither to the case nor to the machines nor to the observer. */
  readonly foreign: number;
  /** Share of the processors' time that the hypervisor gave to others. */
  readonly stolen: number;
  readonly disturbed: boolean;
}

/** The records of one benchmark in one file. A killed writer leaves at most half a line, which is not read. */
export interface RecordFile {
  readonly all: () => readonly RunRecord[];
  readonly add: (record: RunRecord) => void;
}

export function openRecords(folder: string, benchmark: string, resume: boolean): RecordFile {
  const path = recordPath(folder, benchmark);
  mkdirSync(dirname(path), { recursive: true });
  if (!resume) rmSync(path, { force: true });
  const found = existsSync(path) ? parseRecords(readFileSync(path, 'utf8')) : [];
  writeFileSync(path, found.map(line).join(''));
  const records = [...found];
  return {
    all: () => records,
    add: (record) => {
      records.push(record);
      appendFileSync(path, line(record));
    },
  };
}

export function readRecords(folder: string, benchmark: string): readonly RunRecord[] {
  const path = recordPath(folder, benchmark);
  return existsSync(path) ? parseRecords(readFileSync(path, 'utf8')) : [];
}

export function parseRecords(text: string): RunRecord[] {
  return text.split('\n').flatMap((one, index, lines) => {
    if (one.trim() === '') return [];
    try {
      return [JSON.parse(one) as RunRecord];
    } catch (error) {
      // Only the last line can be the one that was being written.
      if (index === lines.length - 1) return [];
      throw error;
    }
  });
}

/** Rounds that count: not the warm-up, and no run in them was disturbed, unless `disturbedToo`. */
export function countingRounds(records: readonly RunRecord[], disturbedToo: boolean): RunRecord[] {
  const disturbed = new Set(records.filter(({ quiet }) => quiet.disturbed).map(({ round }) => round));
  return records.filter(({ round }) => round > 0 && (disturbedToo || !disturbed.has(round)));
}

/** Both cases' values of a metric, round by round, where both runs succeeded. */
export function pairsOf(
  records: readonly RunRecord[],
  metric: string,
  of: string,
  to: string,
): readonly (readonly [number, number])[] {
  const value = (name: string, round: number): number | undefined =>
    records.find((record) => record.case === name && record.round === round && record.outcome === 'ok')?.metrics[
      metric
    ];
  return [...new Set(records.map(({ round }) => round))].flatMap((round) => {
    const [first, second] = [value(of, round), value(to, round)];
    return first === undefined || second === undefined ? [] : [[first, second] as const];
  });
}

export function valuesOf(records: readonly RunRecord[], metric: string, name: string): number[] {
  return records.flatMap((record) => {
    const value = record.metrics[metric];
    return record.case === name && record.outcome === 'ok' && value !== undefined ? [value] : [];
  });
}

/** Those that no later try has made good. */
export function failedRuns(records: readonly RunRecord[]): RunRecord[] {
  const isGood = (run: RunRecord): boolean =>
    records.some((one) => one.case === run.case && one.round === run.round && one.outcome === 'ok');
  return records.filter((run) => run.round > 0 && run.outcome === 'failed' && !isGood(run));
}

/** How many rounds count so far. */
export function countedRounds(records: readonly RunRecord[], disturbedToo: boolean): number {
  return new Set(countingRounds(records, disturbedToo).map(({ round }) => round)).size;
}

function recordPath(folder: string, benchmark: string): string {
  return join(folder, `${benchmark}.jsonl`);
}

function line(record: RunRecord): string {
  return `${JSON.stringify(record)}\n`;
}
