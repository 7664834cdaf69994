import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestCluster, type TestCluster } from './harness.ts';
import type { Ran, Running } from './keelson-process.ts';

// Two people, or one person and a forgotten window, at the same cluster.
describe('two operators at once', () => {
  let cluster: TestCluster;
  let first: Running;
  beforeAll(async () => {
    cluster = await createTestCluster({ name: 'e2e-operators' });
    await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('the second gets exit 4, and is told who, what and since when, and how to take the lock', async () => {
    // Frozen in the middle of its work, as a laptop that was closed.
    const frozen = new Promise<void>((resolve) => {
      let seen = 0;
      first = cluster.start(['apply', '--yes', '-o', 'json'], {
        onLine: (line) => {
          if (!line.includes('"step.started"')) return;
          seen += 1;
          if (seen !== 6) return;
          first.kill('SIGSTOP');
          resolve();
        },
      });
    });
    await frozen;
    const second = await cluster.keelsonEnds(4, ['apply', '--yes']);
    expect(second.stderr).toMatch(/lock\.held/);
    expect(second.stderr).toMatch(/\S+@\S+ runs apply \(\d{8}t\d{6}z-[0-9a-f]{6}\) since \d{4}-\d\d-\d\d \d\d:/);
    expect(second.stderr).toMatch(/keelson unlock\s+\d{8}t\d{6}z-[0-9a-f]{6}/);
    expect(second.stderr).not.toMatch(/Plan for cluster/);
    expect(await cluster.document(0, ['runs', 'show', 'last'])).toMatchObject({ process: { pid: first.pid } });
  });

  it('lock shows the holder; a wrong id takes nothing', async () => {
    const lock = await cluster.document(0, ['lock']);
    expect(lock.holder).toMatchObject({ command: 'apply', pid: first.pid });
    const wrong = await cluster.keelson(['unlock', '20200101t000000z-000000', '--yes']);
    expect(wrong.exitCode).not.toBe(0);
    expect((await cluster.document(0, ['lock'])).holder).toMatchObject({ run: lock.holder.run });
  });

  it('a stolen lock’s first holder can write nothing more', async () => {
    const { holder } = await cluster.document(0, ['lock']);
    await cluster.keelsonEnds(0, ['unlock', holder.run, '--yes']);
    const before = await marks(cluster);
    first.kill('SIGCONT');
    const ran: Ran = await first.done;
    expect(ran.exitCode, ran.stderr.slice(-1500)).toBe(4);
    expect(ran.stderr).toMatch(/lock\.lost/);
    expect(await marks(cluster)).toEqual(before);
  });

  it('the second operator finishes the work', async () => {
    await cluster.keelsonEnds(0, ['apply', '--yes']);
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  });

  it('a lock whose owner on this machine was killed is taken over at once', async () => {
    await cluster.machine('etcd-1').exec(['chmod', '600', '/etc/kubernetes/pki/etcd/ca.crt']);
    const running = cluster.start(['apply', '--yes', '-o', 'json'], {
      onLine: (line) => {
        if (line.includes('"run.started"')) running.kill('SIGKILL');
      },
    });
    expect((await running.done).exitCode).toBe(137);
    expect((await cluster.document(0, ['lock'])).holder).toMatchObject({ pid: running.pid });
    await cluster.keelsonEnds(0, ['apply', '--yes']);
    expect((await cluster.document(0, ['lock'])).holder).toBeNull();
  });
});

/** What the machines hold of keelson's, down to the instant: any write shows. */
async function marks(cluster: TestCluster): Promise<string[]> {
  const script =
    'find /etc/keelson /etc/kubernetes /etc/systemd/system /var/lib/etcd -maxdepth 3 -type f -not -path "*/member/*" -printf "%p %i %C@\\n" 2>/dev/null | sort; cat /var/lib/keelson/fence';
  return Promise.all(cluster.machines().map(async (m) => (await m.exec(['sh', '-c', script])).stdout));
}
