import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { readPem, writePem } from './pem.ts';
import { chainsTo, parseCertificate, tryParseCertificate, verifyPair } from './x509.ts';

// All certificates here are made by openssl: the parser is never tested on what our own writer makes.
const folder = mkdtempSync(join(tmpdir(), 'keelson-x509-'));
afterAll(() => rmSync(folder, { recursive: true }));

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function selfSigned(name: string, newKey: readonly string[], ...more: readonly string[]): string {
  openssl('req', '-x509', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.crt`, ...more);
  return read(`${name}.crt`);
}

function signedBy(ca: string, name: string, extensions: string): string {
  openssl('req', ...ec, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  execFileSync('sh', ['-c', `printf '%s' "$0" > ${name}.ext`, extensions], { cwd: folder });
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${ca}.crt`,
    '-CAkey',
    `${ca}.key`,
    '-extfile',
    `${name}.ext`,
    '-out',
    `${name}.crt`,
    '-days',
    '30',
  );
  return read(`${name}.crt`);
}

const caUsage = ['-addext', 'keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign'];
const ca = selfSigned('ca', ec, '-subj', '/O=Example/O=Second/CN=etcd-ca', '-days', '36500', ...caUsage);
const sans = 'subjectAltName=DNS:etcd-0,DNS:localhost,IP:10.0.0.1,IP:fd00::10';
const usage = 'keyUsage=critical,digitalSignature,keyEncipherment';
const leaf = signedBy(
  'ca',
  'leaf',
  `${sans}\n${usage}\nextendedKeyUsage=serverAuth,clientAuth,emailProtection\nbasicConstraints=critical,CA:FALSE`,
);

describe('parseCertificate', () => {
  it('reads every field of a leaf', () => {
    const node = new X509Certificate(leaf);
    expect(parseCertificate(leaf)).toEqual({
      subject: { commonName: 'leaf', organizations: [], text: 'CN=leaf' },
      issuer: { commonName: 'etcd-ca', organizations: ['Example', 'Second'], text: 'O=Example, O=Second, CN=etcd-ca' },
      serial: node.serialNumber.toLowerCase(),
      notBefore: node.validFromDate.toISOString(),
      notAfter: node.validToDate.toISOString(),
      dns: ['etcd-0', 'localhost'],
      ips: ['10.0.0.1', 'fd00::10'],
      ekus: ['serverAuth', 'clientAuth', '1.3.6.1.5.5.7.3.4'],
      keyUsage: ['digitalSignature', 'keyEncipherment'],
      isCa: false,
      ski: expect.stringMatching(/^[0-9a-f]{40}$/),
      aki: parseCertificate(ca).ski,
      algorithm: 'ecdsa-p256',
      fingerprint256: node.fingerprint256.replaceAll(':', '').toLowerCase(),
      publicKeySpkiSha256: spkiDigest('leaf'),
    });
  });

  it('reads a CA, and an end after 2049', () => {
    expect(parseCertificate(ca)).toMatchObject({
      isCa: true,
      keyUsage: ['digitalSignature', 'keyEncipherment', 'keyCertSign'],
    });
    expect(parseCertificate(ca).notAfter).toBe(new X509Certificate(ca).validToDate.toISOString());
    expect(parseCertificate(ca).notAfter > '2100').toBe(true);
  });

  it.each([
    ['rsa-2048', ['-newkey', 'rsa:2048', '-nodes']],
    ['rsa-1024', ['-newkey', 'rsa:1024', '-nodes']],
    ['ecdsa-p384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes']],
    ['ed25519', ['-newkey', 'ed25519', '-nodes']],
  ])('names the algorithm %s', (algorithm, newKey) => {
    expect(parseCertificate(selfSigned(algorithm, newKey, '-subj', '/CN=x')).algorithm).toBe(algorithm);
  });

  it('reads names beyond ASCII, and text around the certificate', () => {
    const pem = selfSigned('utf8', ec, '-utf8', '-subj', '/CN=größe');
    expect(parseCertificate(`Certificate:\n  Data: ...\n${pem}trailing\n`).subject.commonName).toBe('größe');
    expect(parseCertificate(pem.replaceAll('\n', '\r\n')).subject.commonName).toBe('größe');
  });

  it.each([
    ['nothing', ''],
    ['a key', read('ca.key')],
    ['half a certificate', leaf.slice(0, 300)],
    ['a wrong character', leaf.replace('MII', 'M*I')],
    [
      'bytes after the end',
      writePem('CERTIFICATE', Buffer.concat([readPem(leaf)?.[0]?.bytes ?? new Uint8Array(), Buffer.of(0)])),
    ],
  ])('is told that %s is none', (_, text) => {
    expect(tryParseCertificate(text)).toBeNull();
    expect(() => parseCertificate(text)).toThrow(expect.objectContaining({ code: 'pki.certificate-unreadable' }));
  });

  it('survives any change of a byte', () => {
    const der = readPem(leaf)?.[0]?.bytes ?? new Uint8Array();
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), (at, value) => {
        const changed = Uint8Array.from(der);
        changed[at] = value;
        tryParseCertificate(writePem('CERTIFICATE', changed));
        tryParseCertificate(writePem('CERTIFICATE', changed.subarray(0, at)));
      }),
    );
  });
});

describe('chainsTo', () => {
  it('is true for the CA that signed, and for a self-signed CA itself', () => {
    expect(chainsTo(leaf, ca)).toBe(true);
    expect(chainsTo(ca, ca)).toBe(true);
  });

  it('is false for another CA of the same name, a leaf that signed, and a changed certificate', () => {
    const twin = selfSigned('twin', ec, '-subj', '/O=Example/O=Second/CN=etcd-ca', '-days', '30', ...caUsage);
    expect(chainsTo(leaf, twin)).toBe(false);
    const below = signedBy('leaf', 'below', 'subjectAltName=DNS:below');
    expect(chainsTo(below, leaf)).toBe(false);
    const der = Uint8Array.from(readPem(leaf)?.[0]?.bytes ?? []);
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
    expect(chainsTo(writePem('CERTIFICATE', der), ca)).toBe(false);
    expect(chainsTo('nothing', ca)).toBe(false);
  });

  it('is false for a CA with the same name and key id but another key', () => {
    // Without this, comparing the key ids alone would do.
    const ski = parseCertificate(ca).ski ?? '';
    const forged = selfSigned(
      'forged',
      ec,
      '-subj',
      '/O=Example/O=Second/CN=etcd-ca',
      '-addext',
      `subjectKeyIdentifier=${ski}`,
      ...caUsage,
    );
    expect(parseCertificate(forged).ski).toBe(ski);
    expect(chainsTo(leaf, forged)).toBe(false);
  });
});

describe('verifyPair', () => {
  it('knows a certificate’s own key by its digest', () => {
    expect(verifyPair(leaf, spkiDigest('leaf'))).toBe(true);
    expect(verifyPair(leaf, spkiDigest('leaf').toUpperCase())).toBe(true);
    expect(verifyPair(leaf, spkiDigest('ca'))).toBe(false);
    expect(verifyPair('nothing', spkiDigest('leaf'))).toBe(false);
  });
});

/** As a machine computes it from the private key. */
function spkiDigest(name: string): string {
  const command = `openssl pkey -in ${name}.key -pubout -outform DER | sha256sum`;
  return execFileSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8', stdio: 'pipe' }).slice(0, 64);
}
