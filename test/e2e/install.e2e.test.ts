import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientCredentials, type EtcdGateway, etcdGateway } from './etcd-gateway.ts';
import { createTestCluster, type TestCluster } from './harness.ts';
import type { Ran } from './keelson-process.ts';
import { ofAll, processesOf, treeDifferences, treeOf } from './machine-state.ts';

const names = ['etcd-0', 'etcd-1', 'etcd-2'];

describe('three bare machines', () => {
  let cluster: TestCluster;
  let members: readonly EtcdGateway[];
  let plan: Ran;
  let applied: Ran;
  beforeAll(async () => {
    cluster = await createTestCluster({ name: 'e2e-install', source: 'bundle' });
    await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
    plan = await cluster.keelsonEnds(2, ['plan', '--detailed-exitcode']);
    applied = await cluster.keelsonEnds(0, ['apply', '--yes']);
    members = await cluster.gateways();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('the plan says what will be done on each machine', () => {
    expect(plan.stdout).toContain('found etcd member etcd-0');
    expect(plan.stdout).toContain('place /usr/local/bin/kubelet');
    for (const [n, name] of names.entries()) {
      const { address } = cluster.machine(name);
      // The same work on another machine is told in one line.
      expect(plan.stdout).toMatch(new RegExp(`${name} ${address}${n === 0 ? '' : ': the same as etcd-0'}`));
    }
  });

  it('apply says what it did on each machine, and how it ended', () => {
    for (const name of names)
      expect(applied.stderr).toMatch(new RegExp(`\\[${name}\\] .*done: found etcd member ${name}`));
    expect(applied.stdout).toMatch(/done|changed/);
  });

  it('become one etcd cluster, as etcd itself says', async () => {
    const answers = await Promise.all(members.map((m) => Promise.all([m.status(), m.members()])));
    expect(new Set(answers.map(([status]) => status.clusterId)).size).toBe(1);
    const leaders = new Set(answers.map(([status]) => status.leader));
    expect(leaders.size).toBe(1);
    expect(answers.map(([status]) => status.memberId)).toContain([...leaders][0]);
    for (const [, list] of answers) {
      expect([...list].map(({ id: _, ...member }) => member).sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
        cluster.machines().map(({ name, address }) => ({
          name,
          isLearner: false,
          peerUrls: [`https://${address}:2380`],
          clientUrls: [`https://${address}:2379`],
        })),
      );
    }
  });

  it('a key that is written through one member is read through each', async () => {
    for (const [n, member] of members.entries()) await member.put(`try/${n}`, `value ${n}`);
    const wanted = new Map(names.map((_, n) => [`try/${n}`, `value ${n}`]));
    for (const member of members) expect(await member.list('try/')).toEqual(wanted);
  });

  it('etcd answers nobody without a certificate of the cluster', async () => {
    const machine = cluster.machine('etcd-0');
    const { ca } = await clientCredentials(machine);
    const nobody = etcdGateway('nobody', machine.address, { ca });
    await expect(nobody.status()).rejects.toThrow(/certificate required|bad certificate/);
    nobody.close();
  });

  it('status says the same as etcd, and is content', async () => {
    const status = await cluster.document(0, ['status']);
    const [first] = members;
    const told = await first?.status();
    expect(status).toMatchObject({
      apiVersion: 'keelson.dev/v1alpha1',
      kind: 'Status',
      cluster: 'lab',
      healthy: true,
      etcd: {
        clusterId: BigInt(told?.clusterId ?? 0).toString(16),
        topology: 'external',
        quorum: { voters: 3, healthy: 3, tolerates: 1 },
      },
    });
    expect(status.findings.filter((f: { severity: string }) => f.severity === 'error')).toEqual([]);
    const list = (await first?.members()) ?? [];
    const leader = list.find(({ id }) => id === BigInt(told?.leader ?? 0).toString(16));
    expect(status.etcd.leader).toBe(leader?.name);
    for (const { id, name } of list) {
      expect(status.etcd.members).toContainEqual(
        expect.objectContaining({
          id,
          name,
          host: name,
          role: 'voter',
          leader: name === leader?.name,
          healthy: true,
          version: told?.version,
          problems: [],
        }),
      );
    }
    const served = status.certificates.filter((c: { served: boolean | null }) => c.served !== null);
    expect(served).toHaveLength(6);
    expect(served.every((c: { served: boolean }) => c.served)).toBe(true);
  });

  it('hardened: no member could ever found a second cluster', async () => {
    for (const name of names) {
      const manifest = await cluster.machine(name).readFile('/etc/kubernetes/manifests/etcd.yaml');
      expect(manifest).toContain('--initial-cluster-state=existing');
      expect(manifest).toContain(`--initial-cluster=${name}=https://${cluster.machine(name).address}:2380\n`);
      expect(manifest).toMatch(/InitialCorruptCheck=true|--experimental-initial-corrupt-check=true/);
    }
  });

  it('then the plan is empty, and a second apply changes nothing at all', async () => {
    const look = async () => ({
      trees: await ofAll(cluster.machines(), (m) => treeOf(m)),
      processes: await ofAll(cluster.machines(), processesOf),
    });
    const before = await look();
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
    const { steps, refusals } = await cluster.document(0, ['plan']);
    expect([steps, refusals]).toEqual([[], []]);
    await cluster.keelsonEnds(0, ['apply', '--yes']);
    const after = await look();
    for (const name of names) {
      const [old, now] = [before.trees[name], after.trees[name]];
      if (old === undefined || now === undefined) throw new Error(`${name} was not looked at`);
      expect(old.get('/etc/kubernetes/manifests/etcd.yaml')?.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(old.get('/usr/local/bin/kubelet')?.inode).toMatch(/^\d+$/);
      expect(treeDifferences(old, now)).toEqual([]);
      expect(before.processes[name]).toMatchObject({ kubelet: [{}], containerd: [{}], etcd: [{}] });
    }
    expect(after.processes).toEqual(before.processes);
  });

  it('the watch over files and processes would have seen a difference', async () => {
    const machine = cluster.machine('etcd-1');
    const before = await treeOf(machine);
    await machine.exec([
      'sh',
      '-c',
      'cp -p /etc/keelson/kubelet.yaml /root/k && cat /root/k > /etc/keelson/kubelet.yaml && touch -r /root/k /etc/keelson/kubelet.yaml',
    ]);
    expect(treeDifferences(before, await treeOf(machine))).toEqual(['/etc/keelson/kubelet.yaml: changed']);
    const processes = await processesOf(machine);
    await machine.exec(['systemctl', 'restart', 'kubelet']);
    expect((await processesOf(machine)).kubelet).not.toEqual(processes.kubelet);
    expect((await processesOf(machine)).etcd).toEqual(processes.etcd);
  });
});
