import { globSync } from 'node:fs';
import { sweepAbandoned } from '../../lab/cleanup.ts';
import { describeError } from '../../lab/errors.ts';
import { describeMissing, prepareLabComputer } from '../lib/lab-computer.ts';
import { runVitest } from './run-vitest.ts';
import { report, say } from './terminal.ts';
import { sum, type Tally } from './vitest-report.ts';

/** A file that takes longer hangs, or should be two. */
const FILE_LIMIT_MS = 15 * 60_000;

const passed: Tally = { passed: 1, failed: 0, skipped: 0, problems: [] };

function failed(problem: string): Tally {
  return { passed: 0, failed: 1, skipped: 0, problems: [problem] };
}

/**
 * Runs every end-to-end file, one after the other: their machines share this computer's processors. A file that no time is
 * left for has failed. Whatever killed runs left behind is removed at the end; labs of other runs, and the demo's, stay.
 */
export async function runEndToEnd(root: string, deadline: number): Promise<Tally> {
  const files = globSync('{lab,src,test}/**/*.e2e.test.ts', { cwd: root }).sort();
  const lab = await prepare(files);
  if (lab.failed > 0) return lab;
  const tallies = [lab];
  for (const file of files) {
    const started = performance.now();
    const timeoutMs = Math.min(FILE_LIMIT_MS, deadline - started);
    if (timeoutMs <= 0) {
      tallies.push(failed(`${file}: not run, no time is left`));
      continue;
    }
    say(`\n${file}`);
    const { tally } = await runVitest({ root, project: 'e2e', file, reporter: 'verbose', timeoutMs });
    report(file, tally.failed + tally.skipped === 0 ? 'ok' : 'FAILED', started, `${tally.passed} passed`);
    tallies.push(tally);
  }
  await sweepAbandoned(undefined, say);
  return sum(tallies);
}

/** Installs and builds what lab machines need. Where there can be none, that is one failure, and says what is not run. */
async function prepare(files: readonly string[]): Promise<Tally> {
  const started = performance.now();
  try {
    // All software at once: built within a test, it would count for the test's time.
    const computer = await prepareLabComputer(say, 'cluster');
    if (computer.is === 'ready') {
      report('lab machines', 'ok', started);
      return passed;
    }
    report('lab machines', 'not run', started, 'they cannot run here:');
    for (const line of describeMissing(computer.missing)) say(`        ${line}`);
  } catch (error) {
    report('lab machines', 'FAILED', started);
    say(`        ${describeError(error)}`);
  }
  say(`        Not run: the ${files.length} files of end-to-end tests. All parts above were run.`);
  return failed(`${files.length} files of end-to-end tests were not run: no lab machines`);
}
