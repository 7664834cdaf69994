import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { describeError } from '../lab/errors.ts';
import { removeLab } from '../lab/index.ts';
import { describeMissing, prepareLabComputer } from '../tools/lib/lab-computer.ts';
import { runCommand } from '../tools/lib/run-command.ts';
import { ensureAnsible } from './contenders/ansible.ts';
import { describeCommit, describeComputer, opensshVersion, writeDescription } from './lib/computer.ts';
import { ensurePython } from './lib/python.ts';
import { LOAD_LIMIT, loadNow } from './lib/quiet.ts';
import { failedRuns, openRecords } from './lib/records.ts';
import { ownResults, writeReport } from './report/write.ts';
import { fanOutSuite } from './suites/fan-out.ts';
import { contendersOf, installSuite } from './suites/install.ts';
import { noOpSuite } from './suites/no-op.ts';
import { startSuite } from './suites/start.ts';
import type { Bench, Suite } from './suites/types.ts';

// `make bench`. Writes bench/results/ and the report in bench/README.md; bench/README.md says what is measured, and how.

const root = join(import.meta.dirname, '..');
const suites: readonly Suite[] = [startSuite, noOpSuite, fanOutSuite, installSuite];
const labs = ['bench', 'bench-keelson', 'bench-ansible', 'bench-many', 'bench-bare'];

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    only: { type: 'string', multiple: true, default: [] },
    'any-load': { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    results: { type: 'string', default: ownResults },
  },
});
const began = performance.now();

function say(line: string): void {
  const minutes = (performance.now() - began) / 60_000;
  process.stdout.write(`[${minutes.toFixed(1)} min] ${line}\n`);
}

async function main(): Promise<number> {
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds needs a number from 1 on');
  const unknown = values.only.find((name) => !suites.some((suite) => suite.name === name));
  if (unknown !== undefined)
    throw new Error(`--only ${unknown}: there are ${suites.map(({ name }) => name).join(', ')}`);
  const anyLoad = values['any-load'];
  const load = loadNow();
  if (load > LOAD_LIMIT && !anyLoad) {
    say(
      `the 1-minute load of this computer is ${load}, above ${LOAD_LIMIT}: nothing measured now would mean anything.`,
    );
    say('Wait until it is quiet, or use --any-load to see that the benchmark works.');
    return 1;
  }
  const prepared = await prepare();
  if (prepared === undefined) return 1;
  const results = resolve(values.results);
  mkdirSync(results, { recursive: true });
  const { ansible, keelsonVersion, kubernetesVersion } = prepared;
  const missing = ansible.is === 'missing' ? [`Ansible cannot run here, and is left out: ${ansible.because}`] : [];
  for (const line of missing) say(line);
  writeDescription(results, {
    at: new Date().toISOString(),
    commit: await describeCommit(root),
    computer: await describeComputer(),
    versions: {
      Kubernetes: kubernetesVersion,
      Node: process.version,
      OpenSSH: await opensshVersion(),
      keelson: keelsonVersion,
    },
    contenders: Object.fromEntries(contendersOf(prepared).map(({ name, description }) => [name, description])),
    rounds,
    anyLoad,
    loadAtStart: load,
    missing,
  });

  const interrupted = new AbortController();
  const interrupt = (): void => {
    if (!interrupted.signal.aborted) say('interrupted: removing the machines');
    interrupted.abort(new Error('interrupted'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  let failed = 0;
  for (const suite of suites.filter(({ name }) => values.only.length === 0 || values.only.includes(name))) {
    const records = openRecords(results, suite.name, values.resume);
    const bench: Bench = { ...prepared, rounds, anyLoad, signal: interrupted.signal, say, records };
    try {
      await suite.run(bench);
    } catch (error) {
      if (interrupted.signal.aborted) break;
      failed += 1;
      say(`${suite.name}: FAILED: ${describeError(error)}`);
    }
    failed += failedRuns(records.all()).length;
  }
  for (const lab of labs) await removeLab(lab);
  if (interrupted.signal.aborted) {
    say(`what was measured is in ${results}; --resume goes on from there`);
    return 130;
  }
  say(`report: ${writeReport(results)}`);
  if (failed > 0) say(`${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** All that is built or downloaded, before anything is measured. */
async function prepare() {
  const computer = await prepareLabComputer(say);
  if (computer.is === 'unfit') {
    say('The benchmarks need lab machines, which cannot run here:');
    for (const line of describeMissing(computer.missing)) say(line);
    return undefined;
  }
  const built = await runCommand([process.execPath, 'tools/build.ts'], { cwd: root });
  if (built.code !== 0) throw new Error(`the build failed\n${built.output}`);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return {
    bundle: computer.bundle.dir,
    kubernetesVersion: computer.bundle.manifest.kubernetesVersion,
    keelsonVersion: version,
    python: await ensurePython(),
    ansible: await ensureAnsible(),
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${describeError(error)}\n`);
  process.exitCode = 1;
}
