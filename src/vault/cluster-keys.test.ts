import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../model/secret.ts';
import { createIssuer } from '../pki/issuer.ts';
import type { Clock } from '../ports/clock.ts';
import { type ClusterIdentity, type ClusterKey, clusterKeyNames } from '../ports/vault.ts';
import { createVault, type VaultOptions } from './vault.ts';

const clock: Clock = {
  now: () => new Date('2026-11-21T10:15:00Z'),
  sleep: () => Promise.resolve(),
  monotonicMs: () => performance.now(),
};
const identity: ClusterIdentity = {
  clusterUid: '3f9a1c52-7a53-4a39-8a8e-7c6f5a1b2c3d',
  clusterToken: 'keelson-lab-3f9a1c52',
  createdAt: '2026-11-21T10:15:00.000Z',
  etcd: { phase: 'new' },
};

let home: string;
let folder: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'keelson-keys-'));
  folder = join(home, 'vault');
});
afterEach(() => rmSync(home, { recursive: true }));

function vault(changes: Partial<VaultOptions> = {}) {
  return createVault({
    folder,
    cluster: 'lab',
    identityFile: join(home, 'identity.txt'),
    recipients: [],
    clock,
    ...changes,
  });
}

async function authority(commonName: string): Promise<ClusterKey> {
  const made = await createIssuer({ clock }).createCa({ commonName, algorithm: 'ecdsa-p256', validitySeconds: 3600 });
  return { public: made.certificate, key: made.key };
}

function accountKey(): ClusterKey {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const half = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return { public: half, key: new Secret(privateKey) };
}

async function publicHalves(open = vault()) {
  const state = await open.read();
  if (state.is !== 'open') throw new Error(state.is);
  return state.clusterKeys;
}

describe('the keys that control planes share', () => {
  it('come back as they were stored, the private halves sealed', async () => {
    const kubernetes = await authority('kubernetes');
    const account = accountKey();
    await vault().create(identity);
    expect(await publicHalves()).toEqual(new Map());
    await vault().storeClusterKey('kubernetes-ca', kubernetes);
    await vault().storeClusterKey('service-account', account);

    expect(await publicHalves()).toEqual(
      new Map([
        ['kubernetes-ca', kubernetes.public],
        ['service-account', account.public],
      ]),
    );
    const held = await vault().clusterKey('kubernetes-ca');
    expect(held.public).toBe(kubernetes.public);
    expect(Secret.valueOf(held.key)).toBe(Secret.valueOf(kubernetes.key));
    await expect(vault().clusterKey('front-proxy-ca')).rejects.toMatchObject({ code: 'vault.absent' });
    for (const name of readdirSync(folder)) expect(readFileSync(join(folder, name), 'utf8')).not.toMatch(/PRIVATE KEY/);
  });

  it('are never another’s, and no halves of two', async () => {
    const first = await authority('kubernetes');
    const second = await authority('kubernetes');
    await vault().create(identity);
    await expect(
      vault().storeClusterKey('kubernetes-ca', { public: first.public, key: second.key }),
    ).rejects.toMatchObject({ code: 'vault.ca-mismatch' });
    await vault().storeClusterKey('kubernetes-ca', first);
    await vault().storeClusterKey('kubernetes-ca', first);
    await expect(vault().storeClusterKey('kubernetes-ca', second)).rejects.toMatchObject({ code: 'vault.conflict' });
    expect((await vault().clusterKey('kubernetes-ca')).public).toBe(first.public);

    // Somebody puts another file in its place.
    writeFileSync(join(folder, 'kubernetes-ca.crt'), second.public);
    await expect(vault().read()).rejects.toMatchObject({ code: 'vault.ca-mismatch' });
  });

  it('are sealed again with the rest, so that a colleague can open them', async () => {
    const theirs = await generateX25519Identity();
    const account = accountKey();
    await vault().create(identity);
    await vault().storeClusterKey('service-account', account);
    await vault({ recipients: [await identityToRecipient(theirs)] }).reseal();
    writeFileSync(join(home, 'theirs.txt'), `${theirs}\n`);
    const opened = vault({ identityFile: join(home, 'theirs.txt') });
    expect(Secret.valueOf((await opened.clusterKey('service-account')).key)).toBe(Secret.valueOf(account.key));
  });

  it('go aside with the vault, and alone are no absent vault', async () => {
    await vault().create(identity);
    for (const name of clusterKeyNames)
      await vault().storeClusterKey(name, name === 'service-account' ? accountKey() : await authority(name));
    const aside = await vault().retire();
    expect(readdirSync(aside).filter((name) => /\.(crt|pub|key\.age)$/.test(name))).toHaveLength(6);
    expect(await vault().read()).toEqual({ is: 'absent' });

    writeFileSync(join(folder, 'kubernetes-ca.crt'), (await authority('kubernetes')).public);
    await expect(vault().read()).rejects.toMatchObject({ code: 'vault.unreadable' });
  });
});
