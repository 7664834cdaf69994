import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestCluster, type TestCluster } from './harness.ts';

/** Nothing of keelson's is on the machine. */
async function untouched(cluster: TestCluster, name: string): Promise<boolean> {
  const machine = cluster.machine(name);
  const { code } = await machine.exec(['sh', '-c', '! [ -e /etc/keelson ] && ! [ -e /var/lib/keelson/fence ]'], {
    allowFailure: true,
  });
  return code === 0;
}

// Whoever is not known for certain to be ours is refused before anything is written.
describe('machines that are not what they seem', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({ name: 'e2e-strangers' });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());
  const names = ['etcd-0', 'etcd-1', 'etcd-2'];

  it('an unknown host key stops apply; only hosts trust records it', async () => {
    const ran = await cluster.keelson(['apply', '--yes']);
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stderr).toMatch(/host\.key-unknown|host key/);
    expect(ran.stderr).toMatch(/keelson hosts trust/);
    for (const name of names) expect(await untouched(cluster, name)).toBe(true);
  });

  it('off a terminal hosts trust asks for --yes; it shows what it records', async () => {
    const asked = await cluster.keelson(['hosts', 'trust']);
    expect(asked.exitCode).toBe(1);
    expect(asked.stderr).toContain('--yes');
    const trusted = await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
    for (const name of names)
      expect(trusted.stdout + trusted.stderr).toContain(cluster.machine(name).hostKeyFingerprint());
  });

  it('a changed host key is a hard stop, for hosts trust too', async () => {
    await cluster.machine('etcd-1').changeHostKey();
    const ran = await cluster.keelson(['apply', '--yes']);
    expect([1, 5]).toContain(ran.exitCode);
    expect(ran.stderr).toMatch(/host\.key-changed/);
    const trust = await cluster.keelson(['hosts', 'trust', '--yes']);
    expect(trust.exitCode).toBe(5);
    for (const name of names) expect(await untouched(cluster, name)).toBe(true);
    // A person who has found out why removes the old line by hand.
    rmSync(join(cluster.vault, 'known_hosts'));
    await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
  });

  it('twins, two machines with one machine-id, are refused', async () => {
    const id = await cluster.machine('etcd-0').readFile('/etc/machine-id');
    const own = await cluster.machine('etcd-2').readFile('/etc/machine-id');
    await cluster.machine('etcd-2').exec(['sh', '-c', 'printf %s "$1" >/etc/machine-id', 'sh', id]);
    const ran = await cluster.keelsonEnds(5, ['apply', '--yes']);
    expect(ran.stderr).toMatch(/safety\.twin/);
    expect(ran.stderr).toMatch(/etcd-2/);
    for (const name of names) expect(await untouched(cluster, name)).toBe(true);
    await cluster.machine('etcd-2').exec(['sh', '-c', 'printf %s "$1" >/etc/machine-id', 'sh', own]);
  });

  it('data that nobody knows is refused', async () => {
    const machine = cluster.machine('etcd-0');
    await machine.exec([
      'sh',
      '-c',
      'mkdir -p /var/lib/etcd/member/snap && echo precious >/var/lib/etcd/member/snap/db',
    ]);
    const ran = await cluster.keelsonEnds(5, ['apply', '--yes']);
    expect(ran.stderr).toMatch(/safety\.foreign-data/);
    expect(await machine.readFile('/var/lib/etcd/member/snap/db')).toBe('precious\n');
    for (const name of names) expect(await untouched(cluster, name)).toBe(true);
    await machine.exec(['rm', '-rf', '/var/lib/etcd/member']);
  });

  it('another control plane’s machine is refused', async () => {
    const machine = cluster.machine('etcd-1');
    await machine.writeFile('/etc/kubernetes/manifests/kube-apiserver.yaml', 'apiVersion: v1\nkind: Pod\n', 0o600);
    const ran = await cluster.keelsonEnds(5, ['apply', '--yes']);
    expect(ran.stderr).toMatch(/safety\.foreign-control-plane/);
    for (const name of names) expect(await untouched(cluster, name)).toBe(true);
    await machine.exec(['rm', '/etc/kubernetes/manifests/kube-apiserver.yaml']);
  });

  it('a machine of another cluster is refused, from that other cluster’s side and without its vault', async () => {
    await cluster.keelsonEnds(0, ['apply', '--yes']);
    const other = mkdtempSync(join(tmpdir(), 'keelson-other-'));
    const vault = join(other, 'vault');
    // Somebody else's folder: knows the machines by their keys, and nothing of the cluster.
    cpSync(join(cluster.vault, 'known_hosts'), join(vault, 'known_hosts'));
    const record = await cluster.machine('etcd-0').readFile('/etc/keelson/host.json');
    const ran = await cluster.keelsonEnds(5, ['apply', '--yes', '--vault', vault, '--identity', join(other, 'id.txt')]);
    expect(ran.stderr).toMatch(/safety\.(?:vault-lost|foreign-host)/);
    expect(await cluster.machine('etcd-0').readFile('/etc/keelson/host.json')).toBe(record);
    rmSync(other, { recursive: true, force: true });
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  });
});
