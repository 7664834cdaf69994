import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Machine } from '../../lab/index.ts';
import { createTestCluster, type TestCluster } from './harness.ts';

const IMAGE = 'registry.k8s.io/etcd:3.6.8-0';
const CONFIG = '/etc/keelson/kubeadmcfg.yaml';

async function shell(machine: Machine, script: string): Promise<string> {
  return (await machine.exec(['sh', '-c', script])).stdout.trim();
}

async function tokenOn(machine: Machine): Promise<string> {
  return /initial-cluster-token\n\s*value: (\S+)/.exec(await machine.readFile(CONFIG))?.[1] ?? '';
}

/** With its inode, which tells whether the same file is still there. */
const logOn = (machine: Machine): Promise<string> =>
  shell(machine, 'ls -i /var/lib/etcd/member/wal 2>/dev/null || true');

describe('a founding of which one member of three could write', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({
      name: 'e2e-restart',
      config: (file) => {
        file.spec.timeouts = { memberHealthy: '15s' };
      },
    });
    await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
    // Two machines have no image of etcd, and no way to a registry.
    for (const name of ['etcd-1', 'etcd-2']) {
      const kept = `ctr -n k8s.io images export /root/etcd.tar ${IMAGE} && ctr -n k8s.io images rm ${IMAGE}`;
      await shell(cluster.machine(name), `${kept} 2>&1`);
    }
    const ran = await cluster.keelsonEnds(1, ['apply', '--yes']);
    expect(ran.stderr).toContain(`containerd has no image ${IMAGE}, and cannot pull it`);
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('begins so: all have their configuration and no manifest, one has written', async () => {
    const tokens = await Promise.all(cluster.machines().map(tokenOn));
    expect(new Set(tokens).size).toBe(1);
    for (const machine of cluster.machines()) {
      expect(await shell(machine, 'ls /etc/kubernetes/manifests')).toBe('');
    }
    expect(await Promise.all(cluster.machines().map(async (m) => (await logOn(m)) !== ''))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('the plan to start over says what goes, and does nothing', async () => {
    const before = await logOn(cluster.machine('etcd-0'));
    const { steps } = await cluster.document(0, ['plan', '--restart-founding']);
    const kinds = steps.map((s: { kind: string; on: string }) => `${s.kind} ${s.on}`);
    expect(kinds.slice(0, 3)).toEqual([
      'founding-stop etcd-0',
      'founding-clear etcd-0',
      'founding-restart the operator',
    ]);
    expect(kinds).toContain('etcd-handover the operator');
    expect(await logOn(cluster.machine('etcd-0'))).toBe(before);
  });

  it('starts over, under another token and without what was written; while the cause lasts it stops at the same place', async () => {
    const [machine] = cluster.machines();
    if (machine === undefined) throw new Error('no machine');
    const before = { token: await tokenOn(machine), log: await logOn(machine) };
    const ran = await cluster.keelsonEnds(1, ['apply', '--restart-founding', '--yes']);
    expect(ran.stderr).toContain(`containerd has no image ${IMAGE}, and cannot pull it`);
    const after = { token: await tokenOn(machine), log: await logOn(machine) };
    expect(after.token).not.toBe(before.token);
    expect(after.log).not.toBe('');
    expect(after.log).not.toBe(before.log);
  });

  it('with the cause mended it becomes a cluster', async () => {
    for (const name of ['etcd-1', 'etcd-2']) {
      const machine = cluster.machine(name);
      await shell(machine, 'ctr -n k8s.io images import /root/etcd.tar 2>&1');
    }
    const before = await tokenOn(cluster.machine('etcd-0'));
    await cluster.keelsonEnds(0, ['apply', '--restart-founding', '--yes']);
    const tokens = new Set(await Promise.all(cluster.machines().map(tokenOn)));
    expect([...tokens]).toHaveLength(1);
    expect([...tokens]).not.toContain(before);
    const status = await cluster.document(0, ['status']);
    expect(status.etcd.quorum).toMatchObject({ voters: 3, healthy: 3 });
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  });

  it('and is never started over again', async () => {
    for (const command of ['plan', 'apply']) {
      const ran = await cluster.keelsonEnds(5, [command, '--restart-founding', '--yes']);
      expect(`${ran.stdout}${ran.stderr}`).toContain('safety.founding-quorum');
    }
    expect((await cluster.document(0, ['status'])).healthy).toBe(true);
  });
});
