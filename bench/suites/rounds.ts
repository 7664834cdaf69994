import { loadNow } from '../lib/quiet.ts';
import { countedRounds, type RunRecord } from '../lib/records.ts';
import type { Bench, Case } from './types.ts';

/** Times the rounds that were asked for. */
const MOST = 1.5;

/**
 * Runs the cases interleaved, in an order that moves on by one each round, after one warm-up round. What the file of records
 * holds already is not run again, and for disturbed rounds others are run, up to a limit. A case that fails is recorded with what it said, and the others go on.
 */
export async function runRounds(
  benchmark: string,
  cases: readonly Case[],
  bench: Bench,
  rounds = bench.rounds,
): Promise<void> {
  const enough = (round: number): boolean =>
    round > rounds && (round > rounds * MOST || countedRounds(bench.records.all(), bench.anyLoad) >= rounds);
  for (let round = 0; !enough(round); round += 1) {
    for (const [index, one] of rotated(cases, round).entries()) {
      bench.signal.throwIfAborted();
      if (isDone(bench.records.all(), one.name, round)) continue;
      const label = `${benchmark} ${round === 0 ? 'warm-up' : `round ${round}/${rounds}`}  ${one.name}`;
      const record = await runOne(one, bench, label);
      bench.records.add({ ...record, benchmark, case: one.name, round, position: index + 1 });
    }
  }
}

type Ran = Pick<RunRecord, 'at' | 'outcome' | 'said' | 'metrics' | 'quiet'>;

async function runOne(one: Case, bench: Bench, label: string): Promise<Ran> {
  const at = new Date().toISOString();
  const loadBefore = loadNow();
  try {
    const { metrics, quiet, summary } = await one.run();
    bench.say(`${label}: ${summary}${quiet.disturbed ? `  (disturbed: foreign ${quiet.foreign})` : ''}`);
    return { at, outcome: 'ok', metrics, quiet };
  } catch (error) {
    bench.signal.throwIfAborted();
    const said = error instanceof Error ? error.message : String(error);
    bench.say(`${label}: FAILED\n${said}`);
    const quiet = { loadBefore, loadAfter: loadNow(), foreign: 0, stolen: 0, disturbed: false };
    return { at, outcome: 'failed', said: said.slice(-8000), metrics: {}, quiet };
  }
}

export function rotated<T>(items: readonly T[], by: number): T[] {
  return items.map((_, index) => items[(index + by) % items.length] as T);
}

function isDone(records: readonly RunRecord[], name: string, round: number): boolean {
  return records.some((record) => record.case === name && record.round === round && record.outcome === 'ok');
}
