import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../lib/run-command.ts';
import { type Tally, tallyOf } from './vitest-report.ts';

export interface VitestRun {
  readonly root: string;
  readonly project: 'fast' | 'e2e';
  /** Only this file. */
  readonly file?: string;
  /** How people see it; `dot` is kept back, and given as output. */
  readonly reporter: 'dot' | 'verbose';
  readonly timeoutMs?: number;
}

export interface VitestOutcome {
  readonly tally: Tally;
  readonly output: string;
}

export async function runVitest(run: VitestRun): Promise<VitestOutcome> {
  const { root, project, file, reporter, timeoutMs } = run;
  const folder = mkdtempSync(join(tmpdir(), 'keelson-vitest-'));
  const report = join(folder, 'report.json');
  try {
    const reporting = [`--reporter=${reporter}`, '--reporter=json', `--outputFile.json=${report}`];
    const argv = [
      'vitest',
      'run',
      '--project',
      project,
      '--allowOnly=false',
      ...reporting,
      ...(file === undefined ? [] : [file]),
    ];
    const limit = timeoutMs === undefined ? {} : { timeoutMs };
    const { code, output, timedOut } = await runCommand(argv, { cwd: root, show: reporter === 'verbose', ...limit });
    const what = file ?? project;
    const text = existsSync(report) ? readFileSync(report, 'utf8') : undefined;
    const tally = tallyOf(text?.replaceAll(`${root}/`, ''), code, what);
    if (!timedOut) return { tally, output };
    const problem = `${what}: killed after ${Math.round((timeoutMs ?? 0) / 60_000)} minutes`;
    return { tally: { passed: 0, failed: 1, skipped: 0, problems: [problem] }, output };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
