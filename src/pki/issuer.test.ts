import 'reflect-metadata';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as peculiar from '@peculiar/x509';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import { chainsTo, type KeyAlgorithm, parseCertificate, verifyPair } from '../model/x509.ts';
import type { Clock } from '../ports/clock.ts';
import type { CertificatePair, LeafSpec } from '../ports/issuer.ts';
import { createIssuer, ephemeralClientCertificate, etcdClient, kubernetesClient } from './issuer.ts';
import { readPrivateKey, spkiSha256 } from './keys.ts';

const NOW = '2026-11-21T10:15:00.750Z';
const YEAR = 365 * 86_400;

function clockAt(time: string): Clock {
  return { now: () => new Date(time), sleep: () => Promise.resolve(), monotonicMs: () => 0 };
}

const issuer = createIssuer({ clock: clockAt(NOW) });

function leaf(changes: Partial<LeafSpec> = {}): LeafSpec {
  return {
    commonName: 'etcd-0',
    ekus: ['serverAuth', 'clientAuth'],
    dns: ['etcd-0', 'localhost'],
    ips: ['10.77.0.10', '127.0.0.1', '::1'],
    algorithm: 'ecdsa-p256',
    validitySeconds: YEAR,
    ...changes,
  };
}

function openssl(args: readonly string[], input: string): string {
  return execFileSync('openssl', args, { input, encoding: 'utf8', stdio: 'pipe' });
}

/** The structure of a certificate without what differs each time: keys, signatures, serial numbers and lengths. */
function structure(pem: string): string {
  const lines = openssl(['asn1parse', '-i'], pem).trimEnd().split('\n');
  const plain = lines.map((line) => line.replace(/^ *\d+:d=\d+ +hl=\d+ +l= *\d+ +(prim|cons): /, '').trimEnd());
  return `${plain
    .map((line) =>
      line
        .replace(/(INTEGER +:)[0-9A-F]{3,}/, '$1serial')
        .replace(/(HEX DUMP\]:(?:0414|30168014))[0-9A-F]{40}$/, '$1key-id'),
    )
    .join('\n')}\n`;
}

let ca: CertificatePair;
beforeAll(async () => {
  ca = await issuer.createCa({ commonName: 'etcd-ca', algorithm: 'ecdsa-p256', validitySeconds: 10 * YEAR });
});

describe.each(['ecdsa-p256', 'rsa-2048'] satisfies KeyAlgorithm[])('certificates with %s keys', (algorithm) => {
  const folder = mkdtempSync(join(tmpdir(), 'keelson-pki-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let own: CertificatePair;
  let server: CertificatePair;
  beforeAll(async () => {
    own = await issuer.createCa({ commonName: 'etcd-ca', algorithm, validitySeconds: 10 * YEAR });
    server = await issuer.issue(leaf({ algorithm }), own);
  });

  it('have kubeadm’s structure', async () => {
    await expect(structure(own.certificate)).toMatchFileSnapshot(`__golden__/ca-${algorithm}.txt`);
    await expect(structure(server.certificate)).toMatchFileSnapshot(`__golden__/leaf-${algorithm}.txt`);
    const client = await issuer.issue(leaf({ algorithm, dns: [], ips: [], ekus: ['clientAuth'] }), own);
    await expect(structure(client.certificate)).toMatchFileSnapshot(`__golden__/client-${algorithm}.txt`);
  });

  it('are accepted by openssl for what they are for, and for nothing else', () => {
    writeFileSync(join(folder, 'ca.crt'), own.certificate);
    const at = String(Date.parse(NOW) / 1000 + 60).replace(/\..*/, '');
    const verify = ['verify', '-x509_strict', '-attime', at, '-CAfile', join(folder, 'ca.crt')];
    for (const purpose of ['sslserver', 'sslclient']) {
      expect(openssl([...verify, '-purpose', purpose, '-verify_hostname', 'localhost'], server.certificate)).toContain(
        'OK',
      );
    }
    expect(openssl([...verify, '-verify_ip', '::1'], server.certificate)).toContain('OK');
    expect(() => openssl([...verify, '-verify_ip', '10.77.0.11'], server.certificate)).toThrow(/IP address mismatch/);
  });

  it('come with keys in kubeadm’s PEM form that belong to them', () => {
    const label = algorithm === 'rsa-2048' ? 'RSA PRIVATE KEY' : 'EC PRIVATE KEY';
    for (const pair of [own, server]) {
      expect(reveal(pair.key)).toMatch(
        new RegExp(`^-----BEGIN ${label}-----\\n([\\w+/=]{1,64}\\n)+-----END ${label}-----\\n$`),
      );
      expect(openssl(['pkey', '-check', '-noout'], reveal(pair.key))).toContain('Key is valid');
      expect(new X509Certificate(pair.certificate).checkPrivateKey(createPrivateKey(reveal(pair.key)))).toBe(true);
      expect(verifyPair(pair.certificate, spkiSha256(readPrivateKey(pair.key)))).toBe(true);
      expect(parseCertificate(pair.certificate).algorithm).toBe(algorithm);
    }
    expect(verifyPair(server.certificate, spkiSha256(readPrivateKey(own.key)))).toBe(false);
  });
});

describe('a leaf certificate', () => {
  it('says what was asked, read by another implementation', async () => {
    const { certificate } = await issuer.issue(
      leaf({ ips: ['fd00:77::10', '127.0.0.1', '::1', '::ffff:192.0.2.1'] }),
      ca,
    );
    const read = new peculiar.X509Certificate(certificate);
    expect(read.subject).toBe('CN=etcd-0');
    expect(read.issuer).toBe('CN=etcd-ca');
    expect(read.getExtension(peculiar.SubjectAlternativeNameExtension)?.names.toJSON()).toEqual([
      { type: 'dns', value: 'etcd-0' },
      { type: 'dns', value: 'localhost' },
      { type: 'ip', value: 'fd00:77::10' },
      { type: 'ip', value: '127.0.0.1' },
      { type: 'ip', value: '::1' },
      { type: 'ip', value: '192.0.2.1' },
    ]);
    const authority = new peculiar.X509Certificate(ca.certificate);
    expect(read.getExtension(peculiar.AuthorityKeyIdentifierExtension)?.keyId).toBe(
      authority.getExtension(peculiar.SubjectKeyIdentifierExtension)?.keyId,
    );
    expect(await read.verify({ publicKey: authority.publicKey, signatureOnly: true })).toBe(true);
  });

  it('is valid from five minutes ago for the time asked, whole seconds', async () => {
    const { certificate } = await issuer.issue(leaf({ validitySeconds: 3600 }), ca);
    expect(parseCertificate(certificate)).toMatchObject({
      notBefore: '2026-11-21T10:10:00.000Z',
      notAfter: '2026-11-21T11:15:00.000Z',
    });
  });

  it('can begin earlier', async () => {
    const { certificate } = await issuer.issue(leaf({ backdateSeconds: 86_400 }), ca);
    expect(parseCertificate(certificate).notBefore).toBe('2026-11-20T10:15:00.000Z');
  });

  it.each([
    ['2049-12-31T23:59:59Z', 'UTCTIME           :491231235959Z'],
    ['2050-01-01T00:00:00Z', 'GENERALIZEDTIME   :20500101000000Z'],
  ])('writes the end %s as RFC 5280 wants it', async (end, encoded) => {
    const validitySeconds = Math.ceil((Date.parse(end) - Date.parse(NOW)) / 1000);
    const at = new Date(Date.parse(end) - validitySeconds * 1000).toISOString();
    const { certificate } = await createIssuer({ clock: clockAt(at) }).issue(leaf({ validitySeconds }), ca);
    expect(openssl(['asn1parse'], certificate)).toContain(encoded);
  });

  it('carries any names and addresses unchanged', async () => {
    const names = fc.uniqueArray(fc.domain({ size: 'small' }), { maxLength: 4 });
    const addresses = fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 4 });
    const printable = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    const name = printable.filter((text) => text.length <= 64 && !/\p{Cc}/u.test(text) && text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(
        names,
        addresses,
        name,
        fc.array(name, { maxLength: 2 }),
        async (dns, ips, commonName, organizations) => {
          const { certificate } = await issuer.issue(leaf({ dns, ips, commonName, organizations }), ca);
          const parsed = parseCertificate(certificate);
          expect(parsed.dns).toEqual(dns);
          expect(parsed.ips).toHaveLength(ips.length);
          const node = new X509Certificate(certificate);
          for (const ip of ips) expect(node.checkIP(ip)).toBe(ip);
          expect(parsed.subject.commonName).toBe(commonName);
          expect([...parsed.subject.organizations].sort()).toEqual([...organizations].sort());
          const oracle = new peculiar.X509Certificate(certificate);
          expect(oracle.subjectName.getField('CN')).toEqual([commonName]);
          expect(oracle.getExtension(peculiar.SubjectAlternativeNameExtension)?.names.items.length ?? 0).toBe(
            dns.length + ips.length,
          );
          expect(chainsTo(certificate, ca.certificate)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    ['an empty name', { commonName: '' }],
    ['a name of 65 characters', { commonName: 'x'.repeat(65) }],
    ['a name with a zero byte', { commonName: 'etcd-0\0.example' }],
    ['an empty DNS name', { dns: [''] }],
    ['a DNS name that is not ASCII', { dns: ['bücher.example'] }],
    ['a DNS name with a line break', { dns: ['a\nb'] }],
    ['no address', { ips: ['10.0.0'] }],
    ['an address with a prefix', { ips: ['10.0.0.1/8'] }],
    ['no validity', { validitySeconds: 0 }],
    ['half a second', { validitySeconds: 0.5 }],
    ['ten thousand years', { validitySeconds: 10_000 * YEAR }],
    ['a begin in the future', { backdateSeconds: -1 }],
  ] satisfies [string, Partial<LeafSpec>][])('is refused with %s', async (_, changes) => {
    await expect(issuer.issue(leaf(changes), ca)).rejects.toMatchObject({ code: 'pki.request-invalid' });
  });

  it('is not signed by an expired CA, by a leaf, or by a CA whose key is another’s', async () => {
    const short = await issuer.createCa({ commonName: 'short', algorithm: 'ecdsa-p256', validitySeconds: 60 });
    const later = createIssuer({ clock: clockAt('2026-11-21T10:17:00Z') });
    await expect(later.issue(leaf(), short)).rejects.toMatchObject({ code: 'pki.ca-unusable' });
    const other = await issuer.issue(leaf(), ca);
    await expect(issuer.issue(leaf(), other)).rejects.toThrow(/is not a CA/);
    await expect(issuer.issue(leaf(), { ...ca, key: other.key })).rejects.toThrow(/belongs to another certificate/);
    await expect(issuer.issue(leaf(), { certificate: other.certificate, key: ca.key })).rejects.toMatchObject({
      code: 'pki.ca-unusable',
    });
    await expect(issuer.issue(leaf(), { ...ca, key: new Secret('nothing') })).rejects.toMatchObject({
      code: 'pki.key-unreadable',
    });
  });
});

describe('serial numbers', () => {
  async function serialFrom(...draws: readonly string[]): Promise<string> {
    const left = [...draws];
    const scripted = createIssuer({
      clock: clockAt(NOW),
      randomBytes: () => Buffer.from(left.shift() ?? '', 'hex'),
    });
    return new X509Certificate((await scripted.issue(leaf(), ca)).certificate).serialNumber;
  }

  it.each([
    ['ffffffffffffff00', '7FFFFFFFFFFFFF00'],
    ['0000000000000001', '01'],
    ['00000000000000ff', 'FF'],
    ['007fffffffffffff', '7FFFFFFFFFFFFF'],
  ])('come from the random bytes %s as %s', async (random, printed) => {
    expect(await serialFrom(random)).toBe(printed);
  });

  it('are never 0 and never 2^63-1', async () => {
    expect(await serialFrom('0000000000000000', '8000000000000000', 'ffffffffffffffff', '0000000000000002')).toBe('02');
  });
});

describe('the ephemeral client certificate', () => {
  it('lives for ten minutes and is good for a client only', async () => {
    const pair = await ephemeralClientCertificate(etcdClient, ca, clockAt(NOW));
    expect(parseCertificate(pair.certificate)).toMatchObject({
      subject: { commonName: 'keelson', organizations: [] },
      ekus: ['clientAuth'],
      isCa: false,
      dns: [],
      ips: [],
      notAfter: '2026-11-21T10:25:00.000Z',
    });
    expect(chainsTo(pair.certificate, ca.certificate)).toBe(true);
    expect(String(pair.key)).toBe('[redacted]');
  });

  it('is of system:masters for Kubernetes', async () => {
    const pair = await ephemeralClientCertificate(kubernetesClient, ca, clockAt(NOW));
    expect(parseCertificate(pair.certificate).subject).toMatchObject({
      commonName: 'keelson',
      organizations: ['system:masters'],
    });
  });
});
