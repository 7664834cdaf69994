import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pLimit from 'p-limit';
import { missingPrerequisites } from '../lab/index.ts';
import { describeMissing } from './lib/lab-computer.ts';
import { Interrupted, runCommand } from './lib/run-command.ts';
import { runEndToEnd } from './test/end-to-end.ts';
import { runVitest } from './test/run-vitest.ts';
import { type Stage, stages } from './test/stages.ts';
import { quote, report, say } from './test/terminal.ts';
import { sum, type Tally } from './test/vitest-report.ts';

// `make check` (with --fast) and `make test`. Everything runs, whatever fails; the last line is `N passed, N failed`.

/** All of `make test` ends within the hour, whatever hangs. */
const LIMIT_MS = 56 * 60_000;

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { fast: { type: 'boolean', default: false } } });
const deadline = performance.now() + LIMIT_MS;

/** Side by side: none of them writes what another one reads. */
async function runStages(): Promise<Tally> {
  const few = pLimit(availableParallelism());
  const problems = await Promise.all(stages.map((stage) => few(() => runStage(stage))));
  const found = problems.filter((problem) => problem !== null);
  return { passed: stages.length - found.length, failed: found.length, skipped: 0, problems: found };
}

async function runStage({ name, argv }: Stage): Promise<string | null> {
  const started = performance.now();
  const { code, output } = await runCommand(argv, { cwd: root });
  report(name, code === 0 ? 'ok' : 'FAILED', started);
  if (code === 0) return null;
  quote(output);
  return `${name}: ${argv.join(' ')}`;
}

async function runFastTests(): Promise<Tally> {
  const started = performance.now();
  const { tally, output } = await runVitest({ root, project: 'fast', reporter: 'dot' });
  report('tests without machines', tally.failed === 0 ? 'ok' : 'FAILED', started, `${tally.passed} passed`);
  if (tally.failed > 0) quote(output);
  return tally;
}

/** At the start: who cannot run lab machines here wants to know it before the rest has run. */
async function sayWhatCannotRun(): Promise<void> {
  // Packages are installed when their turn comes.
  const missing = (await missingPrerequisites()).filter(({ code }) => code !== 'lab-missing-packages');
  if (missing.length === 0) return;
  say('End-to-end tests cannot run here, and count as not passed:');
  for (const line of describeMissing(missing)) say(`  ${line}`);
  say('What needs no machines is run now (that is make check).\n');
}

async function main(): Promise<number> {
  if (!values.fast) await sayWhatCannotRun();
  const tallies = [await runStages(), await runFastTests()];
  if (!values.fast) tallies.push(await runEndToEnd(root, deadline));
  const { passed, failed, skipped, problems } = sum(tallies);
  // Where lab machines can run, nothing has a reason not to.
  const excused = skipped > 0 && (await missingPrerequisites()).length > 0;
  if (problems.length > 0) say(`\nNot passed:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  if (excused)
    say(`\n${skipped} cases were not run, and count neither as passed nor as failed: they need lab machines.`);
  const allFailed = excused ? failed : failed + skipped;
  say(`\n${passed} passed, ${allFailed} failed`);
  return allFailed === 0 ? 0 : 1;
}

try {
  process.exit(await main());
} catch (error) {
  if (!(error instanceof Interrupted)) throw error;
  say('\ninterrupted');
  process.exit(error.exitCode);
}
