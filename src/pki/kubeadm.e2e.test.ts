import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundleWithoutStore } from '../../lab/bundle/index.ts';
import { type CertificateSpec, certificatesFor, etcdCa } from '../desired/certificates.ts';
import { derChildren, readDer } from '../model/der.ts';
import { readPem } from '../model/pem.ts';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import { type KeyAlgorithm, parseCertificate } from '../model/x509.ts';
import type { CertificatePair } from '../ports/issuer.ts';
import { loadCa } from './ca.ts';
import { createIssuer } from './issuer.ts';

// The real kubeadm is given the same machine as our table. Then our issuer is given kubeadm's keys, serial numbers and
// clock: what it signs must be the same bytes. So a wrong table or a wrong profile cannot hide.

const folder = mkdtempSync(join(tmpdir(), 'keelson-kubeadm-'));
afterAll(() => rmSync(folder, { recursive: true }));

let kubeadm: string;
beforeAll(async () => {
  const bundle = await ensureBundleWithoutStore();
  kubeadm = join(bundle.dir, 'files', 'kubeadm');
});

const DAY = 86_400;
const LEAF_SECONDS = 365 * DAY;
const CA_SECONDS = 3650 * DAY;

interface Machine {
  name: string;
  address: string;
  server: readonly string[];
  peer: readonly string[];
}

const ipv4: Machine = {
  name: 'etcd-0',
  address: '10.77.0.10',
  server: ['10.77.0.10', 'z.example', '*.a.example'],
  peer: ['192.0.2.7'],
};
const ipv6: Machine = {
  name: 'etcd-1',
  address: 'fd00:77::11',
  server: ['fd00:77:0::11', 'FD00::A'],
  peer: ['::ffff:192.0.2.1', 'etcd-1'],
};

describe.each([
  ['ecdsa-p256', ipv4],
  ['ecdsa-p256', ipv6],
  ['rsa-2048', ipv4],
  ['rsa-2048', ipv6],
] satisfies [KeyAlgorithm, Machine][])('with $0 keys, kubeadm and keelson, for $1.name', (algorithm, machine) => {
  const pki = join(folder, `${machine.name}-${algorithm}`);
  beforeAll(() => runKubeadm(machine, algorithm, pki));

  it('make the same CA', async () => {
    const theirs = await readPair(pki, etcdCa);
    const ours = await replaying(theirs).createCa({
      commonName: etcdCa.commonName,
      algorithm,
      validitySeconds: CA_SECONDS,
    });
    expectSame(ours, theirs);
  });

  it.each(certificatesFor(machine, machine))('make the same $name', async (spec) => {
    const theirs = await readPair(pki, spec);
    const parsed = parseCertificate(theirs.certificate);
    // Said in words first: a difference in bytes alone would be hard to read.
    expect({ commonName: parsed.subject.commonName, dns: parsed.dns, ips: parsed.ips, ekus: parsed.ekus }).toEqual({
      commonName: spec.commonName,
      dns: spec.dns,
      ips: spec.ips,
      ekus: spec.ekus,
    });
    const ca = await readPair(pki, etcdCa);
    const ours = await replaying(theirs).issue({ ...spec, algorithm, validitySeconds: LEAF_SECONDS }, ca);
    expectSame(ours, theirs);
  });

  it('take each other’s CA', async () => {
    const files = { certificate: join(pki, 'etcd/ca.crt'), key: join(pki, 'etcd/ca.key') };
    const pair = await loadCa(files, new Date());
    expect(pair.certificate).toBe(readFileSync(files.certificate, 'utf8'));
    expect(reveal(pair.key)).toBe(readFileSync(files.key, 'utf8'));
  });
});

function runKubeadm(machine: Machine, algorithm: KeyAlgorithm, certificatesDir: string): void {
  mkdirSync(certificatesDir);
  const config = join(certificatesDir, 'config.yaml');
  const list = (sans: readonly string[]) => JSON.stringify(sans);
  writeFileSync(
    config,
    `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration: { name: ${machine.name}, criSocket: "unix:///run/containerd/containerd.sock" }
localAPIEndpoint: { advertiseAddress: "${machine.address}" }
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.3
certificatesDir: ${certificatesDir}
encryptionAlgorithm: ${algorithm === 'rsa-2048' ? 'RSA-2048' : 'ECDSA-P256'}
etcd: { local: { serverCertSANs: ${list(machine.server)}, peerCertSANs: ${list(machine.peer)} } }
`,
  );
  const phases = ['etcd-ca', 'etcd-server', 'etcd-peer', 'etcd-healthcheck-client', 'apiserver-etcd-client'];
  for (const phase of phases)
    execFileSync(kubeadm, ['init', 'phase', 'certs', phase, '--config', config], { stdio: 'pipe' });
}

async function readPair(pki: string, spec: Pick<CertificateSpec, 'certPath' | 'keyPath'>): Promise<CertificatePair> {
  const local = (path: string) => path.replace('/etc/kubernetes/pki', pki);
  const certificate = readFileSync(local(spec.certPath), 'utf8');
  return { certificate, key: new Secret(readFileSync(local(spec.keyPath), 'utf8')) };
}

/** An issuer to which the key, the serial number and the time of `pair` happen again. */
function replaying(pair: CertificatePair) {
  const parsed = parseCertificate(pair.certificate);
  const now = new Date(Date.parse(parsed.notBefore) + 300_000);
  return createIssuer({
    clock: { now: () => now, sleep: () => Promise.resolve(), monotonicMs: () => 0 },
    randomBytes: () => Buffer.from(parsed.serial.padStart(16, '0'), 'hex'),
    makeKeyPair: () => Promise.resolve({ spki: part(pair.certificate, 0, 6), privateKey: pair.key }),
  });
}

/** RSA signatures come out the same; ECDSA's do not, and there everything that was signed must be the same. */
function expectSame(ours: CertificatePair, theirs: CertificatePair): void {
  expect(Buffer.from(part(ours.certificate, 0)).toString('hex')).toBe(
    Buffer.from(part(theirs.certificate, 0)).toString('hex'),
  );
  expect(Buffer.from(part(ours.certificate, 1)).toString('hex')).toBe(
    Buffer.from(part(theirs.certificate, 1)).toString('hex'),
  );
  if (parseCertificate(theirs.certificate).algorithm.startsWith('rsa'))
    expect(ours.certificate).toBe(theirs.certificate);
}

function part(pem: string, ...path: readonly number[]): Uint8Array {
  let node = readDer(readPem(pem)?.[0]?.bytes ?? new Uint8Array());
  for (const index of path) node = derChildren(node)[index] ?? expect.unreachable('no such field');
  return node.raw;
}
