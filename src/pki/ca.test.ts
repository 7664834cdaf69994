import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { reveal } from '../model/reveal.ts';
import { chainsTo } from '../model/x509.ts';
import { loadCa } from './ca.ts';
import { createIssuer } from './issuer.ts';

const folder = mkdtempSync(join(tmpdir(), 'keelson-ca-'));
afterAll(() => rmSync(folder, { recursive: true }));

const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

function makeCa(name: string, newKey: readonly string[] = p256, ...more: readonly string[]) {
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.crt`,
    '-subj',
    '/O=Example/CN=own ca',
    '-days',
    '30',
    ...more,
  );
  return files(name);
}

function files(name: string) {
  return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

// Ahead, because the CAs are made after this line and are not valid before their making.
const now = new Date(Date.now() + 60_000);

describe('loadCa', () => {
  it.each([
    ['P-256', p256, 'EC PRIVATE KEY'],
    ['P-384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes'], 'EC PRIVATE KEY'],
    ['RSA-3072', ['-newkey', 'rsa:3072', '-nodes'], 'RSA PRIVATE KEY'],
  ])('takes a %s CA, in kubeadm’s form, and it signs', async (name, newKey, label) => {
    const pair = await loadCa(makeCa(name, newKey), now);
    expect(reveal(pair.key)).toContain(`BEGIN ${label}`);
    const clock = { now: () => now, sleep: () => Promise.resolve(), monotonicMs: () => 0 };
    const { certificate } = await createIssuer({ clock }).issue(
      { commonName: 'etcd-0', ekus: ['clientAuth'], dns: [], ips: [], algorithm: 'ecdsa-p256', validitySeconds: 60 },
      pair,
    );
    expect(chainsTo(certificate, pair.certificate)).toBe(true);
    writeFileSync(join(folder, 'leaf.crt'), certificate);
    expect(
      execFileSync('openssl', ['verify', '-CAfile', files(name).certificate, join(folder, 'leaf.crt')], {
        encoding: 'utf8',
      }),
    ).toContain('OK');
  });

  it('leaves out the text around the certificate', async () => {
    const own = makeCa('text');
    const pem = readFileSync(own.certificate, 'utf8');
    writeFileSync(own.certificate, `Certificate:\n    Data: of a tool\n${pem}`);
    expect((await loadCa(own, now)).certificate).toBe(pem);
  });

  it.each([
    ['not a CA', () => makeCa('no-ca', p256, '-addext', 'basicConstraints=critical,CA:FALSE'), /is not a CA/],
    [
      'no keyCertSign',
      () => makeCa('no-sign', p256, '-addext', 'keyUsage=critical,digitalSignature'),
      /no keyCertSign/,
    ],
    ['another key', () => ({ ...makeCa('a'), key: makeCa('b').key }), /belongs to another certificate/],
    ['a small RSA key', () => makeCa('small', ['-newkey', 'rsa:1024', '-nodes']), /its key is rsa-1024/],
    ['Ed25519', () => makeCa('ed', ['-newkey', 'ed25519', '-nodes']), /its key is ed25519/],
  ])('refuses a pair with %s', async (_, make, message) => {
    await expect(loadCa(make(), now)).rejects.toMatchObject({
      code: 'pki.ca-unusable',
      message: expect.stringMatching(message),
    });
  });

  it('refuses an expired CA and one that is not valid yet, and names all that is wrong', async () => {
    const own = makeCa('times');
    const late = new Date(now.getTime() + 32 * 86_400_000);
    await expect(loadCa(own, late)).rejects.toThrow(/it expired at 2/);
    await expect(loadCa(own, new Date(0))).rejects.toThrow(/valid only from/);
    await expect(loadCa({ ...own, key: makeCa('c').key }, late)).rejects.toThrow(/another certificate; it expired/);
  });

  it('refuses a chain, and files that hold something else', async () => {
    const own = makeCa('chain');
    const pem = readFileSync(own.certificate, 'utf8');
    writeFileSync(join(folder, 'two.crt'), pem + pem);
    await expect(loadCa({ ...own, certificate: join(folder, 'two.crt') }, now)).rejects.toThrow(/holds 2 certificates/);
    await expect(loadCa({ ...own, certificate: own.key }, now)).rejects.toMatchObject({
      code: 'pki.certificate-unreadable',
    });
    await expect(loadCa({ ...own, key: own.certificate }, now)).rejects.toMatchObject({ code: 'pki.key-unreadable' });
    await expect(loadCa({ ...own, key: '/does/not/exist' }, now)).rejects.toThrow('/does/not/exist does not exist');
  });

  it('refuses a key with a passphrase, without quoting it', async () => {
    const own = makeCa('locked');
    openssl('pkcs8', '-topk8', '-in', own.key, '-out', 'locked2.key', '-passout', 'pass:example');
    const body = readFileSync(join(folder, 'locked2.key'), 'utf8').split('\n')[1] ?? '';
    const error = await loadCa({ ...own, key: join(folder, 'locked2.key') }, now).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'pki.key-unreadable' });
    expect(JSON.stringify(error)).not.toContain(body);
  });
});
