import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { remainsOf } from './aftermath.ts';
import { parseEvent } from './events.ts';
import { createTestCluster, type TestCluster } from './harness.ts';
import { ended, type Ran } from './keelson-process.ts';

// etcd-0 has all that it writes on a disk of its own, the others etcd's data alone.
const SIZE_MIB = 1024;
const machines = [
  { name: 'etcd-0', disk: { sizeMiB: SIZE_MIB, holds: 'root' as const } },
  { name: 'etcd-1', disk: { sizeMiB: SIZE_MIB } },
  { name: 'etcd-2', disk: { sizeMiB: SIZE_MIB } },
];

// Which write is the first to find no block differs: a file, a folder, or the record of the write itself. Each names what is full.
const NO_ROOM = /found no room: .*\/|: the file system at \S+ is full/;

interface Finding {
  readonly code: string;
  readonly severity: string;
  readonly host: string;
  readonly message: string;
}

/** `apply --yes`; the machine's disk becomes full when a step of this kind begins on it. */
async function applyUntilFull(cluster: TestCluster, host: string, during: string): Promise<Ran> {
  let aim: string | undefined;
  let full: Promise<void> | undefined;
  const running = cluster.start(['apply', '--yes', '-o', 'json'], {
    onLine: (line) => {
      const event = parseEvent(line);
      if (event?.type === 'run.started') aim = event.plan?.steps.find((s) => s.kind === during && s.on === host)?.id;
      if (event?.type !== 'step.started' || event.step !== aim || full !== undefined) return;
      // Stopped meanwhile: else the step could be over before the disk is full.
      running.kill('SIGSTOP');
      full = cluster
        .machine(host)
        .fillDisk()
        .finally(() => running.kill('SIGCONT'));
    },
  });
  const ran = await running.done;
  if (full === undefined) throw new Error(`no ${during} began on ${host}: ${ran.stderr.slice(-3000)}`);
  await full;
  return ran;
}

describe('full and slow disks', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({
      name: 'e2e-disks',
      machines,
      config: (file) => {
        file.spec.timeouts = { memberHealthy: '30s' };
      },
    });
    await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
    await cluster.machine('etcd-1').fillDisk();
    await cluster.machine('etcd-2').limitWrites(50);
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('check names the full disk as an error, the slow one as a warning, and each on its machine alone', async () => {
    const { findings } = (await cluster.document(3, ['check'])) as { findings: readonly Finding[] };
    const disks = findings.filter((f) => ['check.disk-space', 'check.fsync'].includes(f.code));
    const space = disks.filter((f) => f.code === 'check.disk-space' && f.severity === 'error');
    expect(space.map((f) => f.host)).toEqual(['etcd-1']);
    expect(space[0]?.message).toMatch(/^\/var\/lib\/etcd on etcd-1 has 0 MiB free; 512 MiB are needed/);
    const slow = disks.filter((f) => f.code === 'check.fsync' && f.host === 'etcd-2');
    expect(slow).toMatchObject([{ severity: 'warning' }]);
    // Fifty a second are let through in bursts: whoever is not in one waits for long.
    const [, took] =
      /synchronous writes to \/var\/lib\/etcd on etcd-2 takes (\d+) ms or more/.exec(slow[0]?.message ?? '') ?? [];
    expect(Number(took), slow[0]?.message).toBeGreaterThan(40);
  });

  it('apply is refused before anything is founded', async () => {
    const ran = await cluster.keelson(['apply', '--yes']);
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stderr).toMatch(/check\.disk-space/);
    for (const machine of cluster.machines()) {
      const { stdout } = await machine.exec([
        'sh',
        '-c',
        'ls -A /etc/kubernetes/manifests /etc/keelson 2>/dev/null; true',
      ]);
      expect(stdout.split('\n').filter((line) => /yaml|json/.test(line))).toEqual([]);
    }
  });

  it('a disk that becomes full in the middle fails the step on that machine, for that reason', async () => {
    await cluster.machine('etcd-1').freeDisk();
    await cluster.machine('etcd-2').unlimitWrites();
    const ran = ended(await applyUntilFull(cluster, 'etcd-0', 'etcd-certificates'), 1);
    await cluster.machine('etcd-0').freeDisk();
    expectFailedFor(ran, 'etcd-0', NO_ROOM);
  });

  it('so does one that becomes full while a member is founded; with room again the same command converges', async () => {
    const ran = ended(await applyUntilFull(cluster, 'etcd-0', 'etcd-member-found'), 1);
    await cluster.machine('etcd-0').freeDisk();
    expect(errorOf(ran).host).toBe('etcd-0');
    await cluster.keelsonEnds(0, ['apply', '--yes']);
    await expectWhole(cluster);
  });

  it('a mend that is cut short by a full disk loses no write, and is made when there is room again', async () => {
    const members = await cluster.gateways();
    for (const member of members) await member.put(`kept/${member.name}`, member.name);
    const machine = cluster.machine('etcd-0');
    await machine.exec(['sh', '-c', 'echo "# changed" >> /etc/keelson/kubelet.yaml']);
    const ran = ended(await applyUntilFull(cluster, 'etcd-0', 'kubelet-service'), 1);
    await machine.freeDisk();
    expectFailedFor(ran, 'etcd-0', NO_ROOM);
    // Where not even the lock has room, no step begins.
    await machine.fillDisk();
    const unlocked = ended(await cluster.keelson(['apply', '--yes', '-o', 'json']), 1);
    await machine.freeDisk();
    expect(errorOf(unlocked)).toMatchObject({ code: 'host.disk-full', host: 'etcd-0' });
    await cluster.keelsonEnds(0, ['apply', '--yes']);
    await expectWhole(cluster);
    const wanted = new Map(members.map(({ name }) => [`kept/${name}`, name]));
    for (const member of members) expect(await member.list('kept/')).toEqual(wanted);
  });
});

interface ErrorLine {
  readonly code: string;
  readonly host?: string;
  readonly step?: string;
  readonly message: string;
}

function errorOf(ran: Ran): ErrorLine {
  return (JSON.parse(ran.stderr.trimEnd().split('\n').at(-1) ?? '') as { error: ErrorLine }).error;
}

function expectFailedFor(ran: Ran, host: string, why: RegExp): void {
  const message = expect.stringMatching(why);
  expect(errorOf(ran)).toMatchObject({ code: 'host.disk-full', host, step: expect.stringContaining(host), message });
}

async function expectWhole(cluster: TestCluster): Promise<void> {
  await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  const status = await cluster.document(0, ['status']);
  expect(status.etcd.quorum).toMatchObject({ voters: 3, healthy: 3, tolerates: 1 });
  expect(await remainsOf(cluster)).toEqual([]);
}
