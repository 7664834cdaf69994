import { isDeepStrictEqual, parseArgs } from 'node:util';
import { outcomeOf, remainsOf } from '../test/e2e/aftermath.ts';
import { parseEvent } from '../test/e2e/events.ts';
import { createTestCluster, type TestCluster } from '../test/e2e/harness.ts';
import { ofAll } from '../test/e2e/machine-state.ts';

// `make soak-lab`: one installation for each step of it, on fresh machines, killed without warning when that step has begun
// or has ended, and finished by a second apply. What is then on the machines has to be what an undisturbed one leaves.
// The end-to-end test of kills does them one after the other on the same machines, in less time. `--from` and `--to` are
// numbers of events.

const { values } = parseArgs({
  options: { from: { type: 'string', default: '1' }, to: { type: 'string', default: '1000' } },
});

// The same names and addresses for all, so that their outcomes compare.
const machines = [0, 1, 2].map((n) => ({ name: `etcd-${n}`, address: `10.79.2.1${n}` }));
const boundary = new Set(['step.started', 'step.finished']);

interface Attempt {
  /** False when the installation ended before the kill was due. */
  readonly killed: boolean;
  readonly event: string;
  readonly problems: readonly string[];
}

async function newCluster(): Promise<TestCluster> {
  const cluster = await createTestCluster({ name: 'soak-lab', machines });
  await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
  return cluster;
}

function outcomesOf(cluster: TestCluster) {
  return ofAll(cluster.machines(), outcomeOf);
}

async function undisturbed() {
  await using cluster = await newCluster();
  await cluster.keelsonEnds(0, ['apply', '--yes']);
  return await outcomesOf(cluster);
}

async function killedAt(number: number, control: unknown): Promise<Attempt> {
  await using cluster = await newCluster();
  let seen = 0;
  let event = '';
  const running = cluster.start(['apply', '--yes', '-o', 'json'], {
    onLine: (line) => {
      const found = parseEvent(line);
      if (found === null || !boundary.has(found.type)) return;
      seen += 1;
      if (seen !== number) return;
      event = `${found.type} of ${found.step ?? ''}`;
      running.kill('SIGKILL');
    },
  });
  const { exitCode } = await running.done;
  if (seen < number) return { killed: false, event, problems: exitCode === 0 ? [] : [`exit code ${exitCode}`] };
  await cluster.keelsonEnds(0, ['apply', '--yes']);
  await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  const problems = [...(await remainsOf(cluster))];
  if (!isDeepStrictEqual(await outcomesOf(cluster), control)) problems.push('the outcome is another one');
  return { killed: true, event, problems };
}

const control = await undisturbed();
let kills = 0;
let failed = 0;
for (let number = Number(values.from); number <= Number(values.to); number += 1) {
  const started = performance.now();
  const { killed, event, problems } = await killedAt(number, control).catch((error: unknown) => ({
    killed: true,
    event: '',
    problems: [error instanceof Error ? error.message : String(error)],
  }));
  if (killed) kills += 1;
  if (problems.length > 0) failed += 1;
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  if (killed || problems.length > 0) {
    process.stdout.write(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${number}  ${event}  ${seconds} s\n`);
    for (const problem of problems) process.stdout.write(`       ${problem}\n`);
  }
  if (!killed) break;
}
process.stdout.write(`\n${kills} kills, ${failed} failed\n`);
process.exitCode = failed === 0 && kills > 0 ? 0 : 1;
