import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ensureBundle } from '../../lab/bundle/index.ts';
import { privateKeysOn, publicKeyOf, readCertificate, shellHere, shellOn, verifyChain } from './certificate-reader.ts';
import { createTestCluster, type TestCluster } from './harness.ts';

const PKI = '/etc/kubernetes/pki';
const names = ['etcd-0', 'etcd-1', 'etcd-2'];
const leaves = ['etcd/server', 'etcd/peer', 'etcd/healthcheck-client', 'apiserver-etcd-client'];
const inventory = ['etcd/ca.crt', ...leaves.flatMap((leaf) => [`${leaf}.crt`, `${leaf}.key`])].sort();
const DAY = 86_400;
/** kubeadm and keelson let certificates begin five minutes earlier. */
const BACKDATED = 300;

describe('certificates on the machines', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({
      name: 'e2e-certificates',
      config: (file) => {
        file.spec.etcd = {
          serverCertSANs: ['etcd.example.com', '192.0.2.7'],
          peerCertSANs: ['peers.example.com'],
        };
        file.spec.pki = { leafValidity: '2400h' };
      },
    });
    await cluster.install();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it.each(names)('%s has exactly the nine files, with kubeadm’s modes, owned by root', async (name) => {
    const listed = await shellOn(cluster.machine(name))(`cd ${PKI} && find . -type f -printf '%P %m %u:%g\\n' | sort`);
    expect(listed.trim().split('\n')).toEqual(
      inventory.map((file) => `${file} ${file.endsWith('.key') ? '600' : '644'} root:root`),
    );
  });

  it.each(names)('%s: subject, names, usages, validity and chain, as openssl reads them', async (name) => {
    const machine = cluster.machine(name);
    const shell = shellOn(machine);
    const address = machine.address;
    const own = [
      `DNS:${name}`,
      'DNS:localhost',
      `IP Address:${address}`,
      'IP Address:127.0.0.1',
      'IP Address:0:0:0:0:0:0:0:1',
    ];
    const both = ['TLS Web Client Authentication', 'TLS Web Server Authentication'];
    const wanted = {
      'etcd/server': {
        subject: `CN=${name}`,
        names: [...own, 'DNS:etcd.example.com', 'IP Address:192.0.2.7'],
        usage: both,
      },
      'etcd/peer': { subject: `CN=${name}`, names: [...own, 'DNS:peers.example.com'], usage: both },
      'etcd/healthcheck-client': { subject: 'CN=kube-etcd-healthcheck-client', names: [], usage: both.slice(0, 1) },
      'apiserver-etcd-client': { subject: 'CN=kube-apiserver-etcd-client', names: [], usage: both.slice(0, 1) },
    };
    for (const [leaf, { subject, names: sans, usage }] of Object.entries(wanted)) {
      const certificate = `${PKI}/${leaf}.crt`;
      expect(await readCertificate(shell, certificate), leaf).toEqual({
        subject,
        issuer: 'CN=etcd-ca',
        names: sans.sort(),
        extendedKeyUsage: usage,
        keyUsage: ['Digital Signature', 'Key Encipherment'],
        keyUsageCritical: true,
        isCa: false,
        key: 'prime256v1',
        signature: 'ecdsa-with-SHA256',
        validSeconds: 100 * DAY + BACKDATED,
      });
      for (const one of usage)
        await verifyChain(shell, `${PKI}/etcd/ca.crt`, certificate, one.includes('Server') ? 'sslserver' : 'sslclient');
    }
    await expect(
      verifyChain(shell, `${PKI}/etcd/ca.crt`, `${PKI}/apiserver-etcd-client.crt`, 'sslserver'),
    ).rejects.toThrow(/purpose/);
    expect(await readCertificate(shell, `${PKI}/etcd/ca.crt`)).toEqual({
      subject: 'CN=etcd-ca',
      issuer: 'CN=etcd-ca',
      names: ['DNS:etcd-ca'],
      extendedKeyUsage: [],
      keyUsage: ['Certificate Sign', 'Digital Signature', 'Key Encipherment'],
      keyUsageCritical: true,
      isCa: true,
      key: 'prime256v1',
      signature: 'ecdsa-with-SHA256',
      validSeconds: 3650 * DAY + BACKDATED,
    });
  });

  it.each(names)('%s: each private key lies in its one place, and the CA’s on no disk', async (name) => {
    const machine = cluster.machine(name);
    const shell = shellOn(machine);
    const found = await privateKeysOn(machine);
    for (const leaf of leaves) {
      const publicKey = await publicKeyOf(shell, `${PKI}/${leaf}.crt`);
      expect(found.filter((file) => file.publicKey === publicKey)).toEqual([
        { publicKey, mode: '600', owner: 'root:root', path: `${PKI}/${leaf}.key` },
      ]);
    }
    const ca = await publicKeyOf(shell, `${PKI}/etcd/ca.crt`);
    expect(found.filter((file) => file.publicKey === ca)).toEqual([]);
    expect((await shell("find / /run /tmp -xdev -name 'ca.key*' 2>/dev/null || true")).trim()).toBe('');
  });

  it('no two machines share a key, and all trust one CA', async () => {
    const keys = await Promise.all(
      cluster.machines().flatMap((m) => leaves.map((leaf) => publicKeyOf(shellOn(m), `${PKI}/${leaf}.crt`))),
    );
    expect(new Set(keys).size).toBe(12);
    const authorities = await Promise.all(cluster.machines().map((m) => m.readFile(`${PKI}/etcd/ca.crt`)));
    expect(new Set(authorities).size).toBe(1);
  });

  it.each(names)(
    '%s: the real kubeadm makes the same subjects, names and usages from the same configuration',
    async (name) => {
      const machine = cluster.machine(name);
      const { dir, manifest } = await ensureBundle();
      const kubeadm = join(dir, manifest.files.find((file) => file.name === 'kubeadm')?.path ?? '');
      const folder = join(cluster.folder, `kubeadm-${name}`);
      mkdirSync(folder);
      const config = join(folder, 'kubeadmcfg.yaml');
      writeFileSync(config, withCertificatesDir(await machine.readFile('/etc/keelson/kubeadmcfg.yaml'), folder));
      const phases = ['etcd-ca', 'etcd-server', 'etcd-peer', 'etcd-healthcheck-client', 'apiserver-etcd-client'];
      for (const phase of phases) await shellHere('"$1" init phase certs "$2" --config "$3"', kubeadm, phase, config);
      for (const file of ['etcd/ca', ...leaves]) {
        const theirs = await readCertificate(shellHere, join(folder, `${file}.crt`));
        const ours = await readCertificate(shellOn(machine), `${PKI}/${file}.crt`);
        // kubeadm takes validities from other fields of its configuration than those that an etcd machine's needs.
        expect({ ...ours, validSeconds: 0 }, file).toEqual({ ...theirs, validSeconds: 0 });
      }
    },
  );
});

function withCertificatesDir(text: string, folder: string): string {
  return parseAllDocuments(text)
    .map((document) => {
      if (document.get('kind') === 'ClusterConfiguration') document.set('certificatesDir', folder);
      return document.toString();
    })
    .join('---\n');
}
