import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Machine } from '../../lab/index.ts';
import { privateKeysOn, publicKeyOf, readCertificate, shellOn } from './certificate-reader.ts';
import { type ClusterYaml, createTestCluster, type TestCluster } from './harness.ts';
import { ended } from './keelson-process.ts';
import { treeDifferences, treeOf } from './machine-state.ts';

const PKI = '/etc/kubernetes/pki';
const names = ['etcd-0', 'etcd-1', 'etcd-2'];

/** Each member has what the others write, and status is content. */
async function expectWorks(cluster: TestCluster): Promise<void> {
  const members = await cluster.gateways();
  for (const member of members) await member.put(`from/${member.name}`, member.name);
  const wanted = new Map(names.map((name) => [`from/${name}`, name]));
  for (const member of members) expect(await member.list('from/')).toEqual(wanted);
}

const inventoryOf = async (machine: Machine): Promise<string[]> =>
  (await shellOn(machine)(`cd ${PKI} && find . -type f -printf '%P\\n' | sort`)).trim().split('\n');

describe('users with sudo, and RSA', () => {
  const PASSWORD = 'a p4ss word$(touch /tmp/canary)';
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({
      name: 'e2e-sudo',
      config: (file) => {
        file.spec.pki = { algorithm: 'rsa-2048' };
        file.spec.hosts[1].ssh = { user: 'ops' };
        file.spec.hosts[2].ssh = { user: 'admin', become: 'sudo' };
      },
    });
    const authorizedKey = cluster.lab.publicKey();
    await cluster.machine('etcd-1').addUser({ name: 'ops', sudo: 'nopasswd', authorizedKey });
    await cluster.machine('etcd-2').addUser({ name: 'admin', sudo: 'password', password: PASSWORD, authorizedKey });
    await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  const askedForPassword = { when: /sudo password of admin/i, type: `${PASSWORD}\r` };

  it('off a terminal nobody can be asked: it says so, and nothing is written', async () => {
    const machine = cluster.machine('etcd-0');
    const before = await treeOf(machine);
    const ran = await cluster.keelson(['apply', '--yes']);
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stderr).toMatch(/etcd-2/);
    expect(ran.stderr).toMatch(/password/);
    expect(treeDifferences(before, await treeOf(machine))).toEqual([]);
  });

  it('a wrong password is said, and nothing is written', async () => {
    const ran = await cluster.atTerminal(['plan'], [{ ...askedForPassword, type: 'mistyped-word\r' }]);
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stdout).toContain('the password is wrong');
    expect(ran.stdout).not.toContain('mistyped-word');
  });

  it('at a terminal the password is asked once, and the cluster is made', async () => {
    const yes = { when: /Apply this plan to cluster lab\?/, type: 'y' };
    const ran = ended(await cluster.atTerminal(['apply'], [askedForPassword, yes]), 0);
    expect(ran.stdout.match(/sudo password of admin/gi)?.length).toBeGreaterThan(0);
    expect(ran.stdout).not.toContain('p4ss');
    await expectWorks(cluster);
    expect((await cluster.machine('etcd-2').exec(['ls', '/tmp'])).stdout).not.toContain('canary');
  });

  it('keys and certificates are RSA', async () => {
    for (const machine of cluster.machines()) {
      const shell = shellOn(machine);
      for (const file of ['etcd/ca', 'etcd/server', 'etcd/peer', 'etcd/healthcheck-client', 'apiserver-etcd-client']) {
        expect(await readCertificate(shell, `${PKI}/${file}.crt`)).toMatchObject({
          key: '2048 bit',
          signature: 'sha256WithRSAEncryption',
        });
      }
      expect(await shell(`head -1 ${PKI}/etcd/server.key`)).toBe('-----BEGIN RSA PRIVATE KEY-----\n');
    }
  });

  it('then nothing is left to do, and files belong to root', async () => {
    ended(await cluster.atTerminal(['plan', '--detailed-exitcode'], [askedForPassword]), 0);
    for (const machine of cluster.machines()) {
      const notRoot = await shellOn(machine)('find /etc/kubernetes /etc/keelson /var/lib/keelson ! -user root');
      expect(notRoot).toBe('');
    }
  });
});

describe('behind a jump host, with the CA’s key on the first machine', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({
      name: 'e2e-jump',
      machines: ['bastion', ...names].map((name) => ({ name })),
      config: (file, lab) => {
        file.spec.pki = { caKeyPlacement: 'first-host' };
        file.spec.ssh.proxyJump = `root@${lab.machine('bastion').address}`;
        file.spec.hosts = file.spec.hosts.filter((host: { name: string }) => host.name !== 'bastion');
      },
    });
    for (const name of names) await cluster.machine(name).partition({ from: [], operator: true });
    await cluster.install();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('the machines cannot be reached but through it, and the cluster is healthy', async () => {
    const [member] = await cluster.gateways(['etcd-0']);
    await expect(member?.status()).rejects.toThrow();
    const status = await cluster.document(0, ['status']);
    expect(status.etcd.quorum).toMatchObject({ voters: 3, healthy: 3 });
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  });

  it('the inventory is 10, 9 and 9 files, and the CA’s key lies in its one place alone', async () => {
    const [first, ...others] = names.map((name) => cluster.machine(name));
    if (first === undefined) throw new Error('no machine');
    const nine = await inventoryOf(others[0] ?? first);
    expect(nine).toHaveLength(9);
    expect(await inventoryOf(first)).toEqual([...nine, 'etcd/ca.key'].sort());
    const ca = await publicKeyOf(shellOn(first), `${PKI}/etcd/ca.crt`);
    const found = await privateKeysOn(first);
    expect(found.filter((file) => file.publicKey === ca)).toEqual([
      { publicKey: ca, mode: '600', owner: 'root:root', path: `${PKI}/etcd/ca.key` },
    ]);
    for (const machine of others) {
      expect(await inventoryOf(machine)).toEqual(nine);
      expect((await privateKeysOn(machine)).filter((file) => file.publicKey === ca)).toEqual([]);
    }
    for (const { publicKey, path } of await privateKeysOn(cluster.machine('bastion')))
      expect([publicKey, path]).not.toContain(ca);
  });
});

describe('IPv6', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({
      name: 'e2e-ipv6',
      ipv6: true,
      config: (file, lab) => {
        for (const host of file.spec.hosts) host.address = lab.machine(host.name).address6;
      },
    });
    await cluster.install();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('members know one another by their IPv6 addresses, and work', async () => {
    await expectWorks(cluster);
    const [member] = await cluster.gateways(['etcd-0']);
    const list = [...((await member?.members()) ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(list.map((m) => [m.peerUrls, m.clientUrls])).toEqual(
      cluster.machines().map(({ address6 }) => [[`https://[${address6}]:2380`], [`https://[${address6}]:2379`]]),
    );
  });

  it('certificates carry them; nothing is left to do; status is content', async () => {
    const { names: sans } = await readCertificate(shellOn(cluster.machine('etcd-1')), `${PKI}/etcd/server.crt`);
    expect(sans.filter((name) => name.startsWith('IP Address:'))).toHaveLength(3);
    const status: ClusterYaml = await cluster.document(0, ['status']);
    expect(status.healthy).toBe(true);
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  });
});

describe('packages from a repository', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({ name: 'e2e-packages', source: 'packages' });
    await cluster.install();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('are installed at the exact version, and held there', async () => {
    for (const machine of cluster.machines()) {
      const { stdout } = await machine.exec([
        'dpkg-query',
        '-W',
        '-f',
        '${Package} ${Version} ${db:Status-Status}\n',
        'kubelet',
        'kubeadm',
      ]);
      expect(stdout).toBe('kubeadm 1.36.3-1.1 installed\nkubelet 1.36.3-1.1 installed\n');
      const { stdout: held } = await machine.exec(['apt-mark', 'showhold']);
      expect(held.trim().split('\n')).toEqual(expect.arrayContaining(['kubeadm', 'kubelet']));
      expect(await shellOn(machine)('readlink /proc/$(pgrep -x kubelet)/exe')).toBe('/usr/bin/kubelet\n');
    }
  });

  it('the cluster works, and nothing is left to do', async () => {
    await expectWorks(cluster);
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
    await cluster.keelsonEnds(0, ['status']);
  });
});
