import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keelsonCommand } from '../contenders/keelson.ts';
import { cleanEnvironment } from '../contenders/types.ts';
import { type MeasuredCommand, measure, mustSucceed } from '../lib/measured.ts';
import { watchQuiet } from '../lib/quiet.ts';
import { runRounds } from './rounds.ts';
import type { Bench, CaseResult, Suite } from './types.ts';

/** Short runs, so more of them. */
const TIMES = 3;

/** How long the command line takes to say anything, and an empty program of the same Node. */
export const startSuite: Suite = {
  name: 'start',
  run: async (bench) => {
    const folder = mkdtempSync(join(tmpdir(), 'keelson-bench-'));
    try {
      const place = { folder, home: join(folder, 'home') };
      mkdirSync(place.home);
      const node: MeasuredCommand = { argv: [process.execPath, '-e', '0'], cwd: folder, env: cleanEnvironment(place) };
      const cases = [
        { name: 'keelson-version', run: () => started(keelsonCommand(place, ['version']), bench) },
        { name: 'keelson-help', run: () => started(keelsonCommand(place, ['--help']), bench) },
        { name: 'empty-node', run: () => started(node, bench) },
      ];
      await runRounds('start', cases, bench, bench.rounds * TIMES);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function started(command: MeasuredCommand, bench: Bench): Promise<CaseResult> {
  let ownCpu = (): number => 0;
  const quiet = watchQuiet(() => ownCpu());
  const ran = await measure(command, {
    name: 'start',
    signal: bench.signal,
    onMeter: (cpuSeconds) => {
      ownCpu = cpuSeconds;
    },
  });
  ownCpu = () => ran.cpuSeconds;
  const seen = quiet.end();
  mustSucceed(ran, command.argv.join(' '));
  const { ms, cpuSeconds, peakMiB } = ran;
  return { metrics: { ms, cpuSeconds, peakMiB }, quiet: seen, summary: `${ms.toFixed(0)} ms` };
}
