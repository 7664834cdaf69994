import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Digest, HostId } from '../model/ids.ts';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import { parseCertificate } from '../model/x509.ts';
import type { Clock } from '../ports/clock.ts';
import type { CertificatePair } from '../ports/issuer.ts';
import type { ClusterIdentity, Inventory } from '../ports/vault.ts';
import { type FileSystem, realFileSystem } from './files.ts';
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
const OTHER_UID = '00000000-7a53-4a39-8a8e-7c6f5a1b2c3d';

async function recipientsOf(count: number): Promise<string[]> {
  const keys = await Promise.all(Array.from({ length: count }, () => generateX25519Identity()));
  return Promise.all(keys.map((key) => identityToRecipient(key)));
}

function makeCa(name: string): CertificatePair {
  const folder = mkdtempSync(join(tmpdir(), 'keelson-vault-ca-'));
  const key = join(folder, 'key');
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    key,
    '-subj',
    `/CN=${name}`,
  ];
  const certificate = execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });
  const pair = { certificate, key: new Secret(readFileSync(key, 'utf8')) };
  rmSync(folder, { recursive: true });
  return pair;
}

let ca: CertificatePair;
let otherCa: CertificatePair;
beforeAll(() => {
  ca = makeCa('etcd-ca');
  otherCa = makeCa('etcd-ca');
});

let home: string;
let folder: string;
let identityFile: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'keelson-vault-'));
  folder = join(home, 'site', '.keelson', 'lab');
  identityFile = join(home, 'config', 'keelson', 'identity.txt');
});
afterEach(() => rmSync(home, { recursive: true }));

function vault(changes: Partial<VaultOptions> = {}) {
  return createVault({ folder, cluster: 'lab', identityFile, recipients: [], clock, ...changes });
}

function inventory(changes: Partial<Inventory> = {}): Inventory {
  return {
    clusterUid: identity.clusterUid,
    appliedAt: '2026-11-21T10:16:00.000Z',
    configDigest: `sha256:${'a'.repeat(64)}` as Digest,
    kubernetesVersion: 'v1.36.3',
    hosts: [{ name: 'etcd-0' as HostId, address: '10.77.0.10', machineId: 'c0ffee', roles: ['etcd'] }],
    ports: { client: 2379, peer: 2380, metrics: 2381 },
    dataDir: '/var/lib/etcd',
    algorithm: 'ecdsa-p256',
    caFingerprint256: parseCertificate(ca.certificate).fingerprint256,
    ...changes,
  };
}

async function filled() {
  const made = vault();
  await made.create(identity);
  await made.storeEtcdCa(ca);
  await made.saveInventory(inventory());
  return made;
}

function file(name: string): string {
  return join(folder, name);
}

describe('a vault', () => {
  it('is absent until it is created, and asking makes nothing', async () => {
    expect(await vault().read()).toEqual({ is: 'absent' });
    expect(readdirSync(home)).toEqual([]);
  });

  it('gives back what was put in', async () => {
    const made = await filled();
    expect(await made.read()).toEqual({
      is: 'open',
      identity,
      caCertificate: ca.certificate,
      hasCaKey: true,
      clusterKeys: new Map(),
      inventory: inventory(),
      reseal: null,
    });
    const kept = await made.etcdCa();
    expect(kept.certificate).toBe(ca.certificate);
    expect(reveal(kept.key)).toBe(reveal(ca.key));
  });

  it('makes the age identity on first use, says so once, and keeps one that is there', async () => {
    expect(await vault().create(identity)).toEqual({ identityMade: identityFile });
    const text = readFileSync(identityFile, 'utf8');
    const [, recipient] =
      /^# created: 2026-11-21T10:15:00Z\n# public key: (age1\w+)\nAGE-SECRET-KEY-1\w+\n$/.exec(text) ?? [];
    expect(await identityToRecipient(text.trim().split('\n').at(-1) ?? '')).toBe(recipient);
    expect(statSync(identityFile).mode & 0o777).toBe(0o600);
    expect(await vault().create(identity)).toEqual({ identityMade: null });
    expect(await vault({ folder: join(home, 'second') }).create(identity)).toEqual({ identityMade: null });
    expect(readFileSync(identityFile, 'utf8')).toBe(text);
  });

  it('keeps everything from other users, and nothing secret in clear', async () => {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    await filled();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const names = readdirSync(folder);
    expect(names.sort()).toEqual([
      'README.txt',
      'cluster.age',
      'etcd-ca.crt',
      'etcd-ca.key.age',
      'inventory.json',
      'recipients.txt',
    ]);
    for (const name of names) {
      expect(statSync(file(name)).mode & 0o777).toBe(0o600);
      const text = readFileSync(file(name), 'utf8');
      expect(text).not.toContain('PRIVATE KEY');
      expect(text).not.toContain(identity.clusterToken);
    }
  });

  it('makes folders that only the user can enter', async () => {
    await vault().create(identity);
    for (const path of [folder, join(home, 'site', '.keelson'), join(home, 'config', 'keelson')]) {
      expect(statSync(path).mode & 0o777).toBe(0o700);
    }
  });
});

describe('a vault without its identity', () => {
  it('is sealed and still shows what is in clear', async () => {
    const made = await filled();
    rmSync(identityFile);
    expect(await made.read()).toMatchObject({
      is: 'sealed',
      code: 'vault.identity-missing',
      because: expect.stringContaining(identityFile),
      caCertificate: ca.certificate,
      inventory: inventory(),
    });
    writeFileSync(identityFile, await generateX25519Identity());
    expect(await made.read()).toMatchObject({ is: 'sealed', code: 'vault.identity-wrong' });
  });

  it('is neither changed nor created again', async () => {
    const made = await filled();
    const before = readFileSync(file('cluster.age'), 'utf8');
    rmSync(identityFile);
    for (const attempt of [
      () => made.create(identity),
      () => made.updateEtcd({ phase: 'founding' }),
      () => made.storeEtcdCa(ca),
      () => made.saveInventory(inventory()),
      () => made.etcdCa(),
      () => made.reseal(),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'vault.identity-missing' });
    }
    expect(existsSync(identityFile)).toBe(false);
    expect(readFileSync(file('cluster.age'), 'utf8')).toBe(before);
  });

  it.each([
    ['', 'no identity'],
    ['-----BEGIN AGE ENCRYPTED FILE-----\n', 'not a plain age identity'],
    ['AGE-SECRET-KEY-1QQQQ\n', 'not a plain age identity'],
  ])('refuses the identity file %j without quoting it', async (text, message) => {
    const made = await filled();
    writeFileSync(identityFile, text);
    const error = await made.read().catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'vault.identity-unreadable', message: expect.stringContaining(message) });
    expect(JSON.stringify(error)).not.toContain('QQQQ');
  });
});

describe('what a vault records', () => {
  it('of etcd only goes forwards', async () => {
    const made = await filled();
    await made.updateEtcd({ phase: 'founding' });
    await made.updateEtcd({ phase: 'founded', clusterId: 'cdf818194e3a8c32', foundedAt: '2026-11-21T10:20:00.000Z' });
    for (const back of [
      { phase: 'new' },
      { phase: 'founding' },
      { phase: 'founded', clusterId: '1111' },
      { phase: 'handed-over' },
    ] as const) {
      await expect(made.updateEtcd(back)).rejects.toMatchObject({ code: 'vault.conflict', exitCode: 5 });
    }
    await expect(made.restartFounding('another')).rejects.toMatchObject({ code: 'vault.conflict' });
    expect(await made.read()).toMatchObject({
      identity: { etcd: { phase: 'founded', clusterId: 'cdf818194e3a8c32' } },
    });
    await made.updateEtcd({
      phase: 'handed-over',
      clusterId: 'cdf818194e3a8c32',
      handedOverAt: '2026-11-21T10:21:00.000Z',
    });
    expect(await made.read()).toMatchObject({ identity: { etcd: { phase: 'handed-over' } } });
  });

  it('lets a founding start over with another token before the cluster is founded', async () => {
    const made = await filled();
    await made.updateEtcd({ phase: 'founding' });
    await made.restartFounding('keelson-lab-second');
    expect(await made.read()).toMatchObject({
      identity: { ...identity, clusterToken: 'keelson-lab-second', etcd: { phase: 'founding' } },
    });
  });

  it('needs a cluster id with a founded cluster', async () => {
    const made = await filled();
    await expect(made.updateEtcd({ phase: 'founded' })).rejects.toMatchObject({ code: 'vault.conflict' });
  });

  it('is never written over by another cluster, another CA, or another cluster’s inventory', async () => {
    const made = await filled();
    await expect(made.create({ ...identity, clusterUid: OTHER_UID })).rejects.toMatchObject({ code: 'vault.conflict' });
    await expect(made.storeEtcdCa(otherCa)).rejects.toMatchObject({ code: 'vault.conflict' });
    await expect(made.saveInventory(inventory({ clusterUid: OTHER_UID }))).rejects.toMatchObject({
      code: 'vault.conflict',
    });
    await expect(made.saveInventory(inventory({ caFingerprint256: 'f'.repeat(64) }))).rejects.toMatchObject({
      code: 'vault.conflict',
    });
    expect(await made.read()).toMatchObject({
      identity,
      caCertificate: ca.certificate,
      hasCaKey: true,
      inventory: inventory(),
    });
  });

  it('stays as it is when the same is created and stored again', async () => {
    const made = await filled();
    await made.updateEtcd({ phase: 'founding' });
    const before = readdirSync(folder).map((name) => readFileSync(file(name), 'utf8'));
    await made.create(identity);
    await made.storeEtcdCa(ca);
    expect(readdirSync(folder).map((name) => readFileSync(file(name), 'utf8'))).toEqual(before);
  });

  it('takes no CA whose halves do not belong together', async () => {
    const made = vault();
    await made.create(identity);
    await expect(made.storeEtcdCa({ ...ca, key: otherCa.key })).rejects.toMatchObject({ code: 'vault.ca-mismatch' });
    await expect(made.etcdCa()).rejects.toMatchObject({ code: 'vault.absent' });
  });

  it('can get a lost CA key back for the same certificate', async () => {
    const made = await filled();
    rmSync(file('etcd-ca.key.age'));
    expect(await made.read()).toMatchObject({ is: 'open', hasCaKey: false, caCertificate: ca.certificate });
    await made.storeEtcdCa(ca);
    expect(await made.read()).toMatchObject({ hasCaKey: true });
  });

  it('needs a vault', async () => {
    await expect(vault().updateEtcd({ phase: 'founding' })).rejects.toMatchObject({ code: 'vault.absent' });
    await expect(vault().etcdCa()).rejects.toMatchObject({ code: 'vault.absent' });
    expect(existsSync(folder)).toBe(false);
  });
});

describe('damage', () => {
  it('of the record that makes a vault is never taken for an absent vault', async () => {
    const made = await filled();
    rmSync(file('cluster.age'));
    await expect(made.read()).rejects.toMatchObject({
      code: 'vault.unreadable',
      message: expect.stringContaining('cluster.age is missing'),
    });
    await expect(made.create(identity)).rejects.toMatchObject({ code: 'vault.unreadable' });
    for (const name of ['inventory.json', 'etcd-ca.key.age']) rmSync(file(name));
    await expect(made.read()).rejects.toMatchObject({ code: 'vault.unreadable' });
  });

  it.each(['cluster.age', 'etcd-ca.key.age', 'etcd-ca.crt', 'inventory.json', 'recipients.txt'])(
    'of %s is found, wherever it is cut off',
    async (name) => {
      const made = await filled();
      const whole = readFileSync(file(name), 'utf8');
      for (const part of [0, 0.02, 0.3, 0.6, 0.9]) {
        writeFileSync(file(name), whole.slice(0, Math.floor(whole.length * part)));
        // A list of recipients cut off behind its first line is still one; then it is to be sealed again.
        const seen = await made.read().catch((error: unknown) => error);
        if (name === 'recipients.txt' && part >= 0.3)
          expect(seen).toMatchObject({ is: 'open', reseal: expect.anything() });
        else expect(seen).toMatchObject({ code: 'vault.unreadable', details: { where: file(name) } });
      }
    },
  );

  it.each(['cluster.age', 'etcd-ca.key.age'])(
    'of %s is found when a character in its middle has changed',
    async (name) => {
      const made = await filled();
      const whole = readFileSync(file(name), 'utf8');
      for (const at of [0.2, 0.5, 0.8]) {
        const index = Math.floor(whole.length * at);
        writeFileSync(file(name), whole.slice(0, index) + (whole[index] === 'A' ? 'B' : 'A') + whole.slice(index + 1));
        await expect(made.read()).rejects.toMatchObject({ code: 'vault.unreadable', details: { where: file(name) } });
      }
    },
  );

  it('is files of two vaults together', async () => {
    const made = await filled();
    const second = vault({ folder: join(home, 'second') });
    await second.create({ ...identity, clusterUid: OTHER_UID });
    await second.storeEtcdCa(otherCa);
    const own = readFileSync(file('etcd-ca.key.age'));
    writeFileSync(file('etcd-ca.key.age'), readFileSync(join(home, 'second', 'etcd-ca.key.age')));
    await expect(made.read()).rejects.toMatchObject({
      code: 'vault.unreadable',
      message: expect.stringContaining('another cluster'),
    });
    writeFileSync(file('etcd-ca.key.age'), own);
    const certificate = readFileSync(file('etcd-ca.crt'));
    writeFileSync(file('etcd-ca.crt'), otherCa.certificate);
    await expect(made.read()).rejects.toMatchObject({ code: 'vault.ca-mismatch' });
    rmSync(file('inventory.json'));
    await expect(made.read()).rejects.toMatchObject({ code: 'vault.ca-mismatch' });
    writeFileSync(file('etcd-ca.crt'), certificate);
    writeFileSync(file('cluster.age'), readFileSync(join(home, 'second', 'cluster.age')));
    await expect(made.read()).rejects.toMatchObject({ code: 'vault.unreadable' });
  });

  it('is told from a newer version', async () => {
    const made = await filled();
    const text = readFileSync(file('inventory.json'), 'utf8');
    writeFileSync(file('inventory.json'), text.replace('"version": 1', '"version": 2'));
    await expect(made.read()).rejects.toMatchObject({ code: 'vault.version' });
    writeFileSync(file('inventory.json'), text.replace('"version": 1', '"version": 0'));
    await expect(made.read()).rejects.toMatchObject({ code: 'vault.unreadable' });
    writeFileSync(file('inventory.json'), text.replace('"dataDir"', '"dataDirectory"'));
    await expect(made.read()).rejects.toMatchObject({ code: 'vault.unreadable' });
  });
});

describe('recipients', () => {
  it('of the configuration can open the vault, after a reseal when it was made without them', async () => {
    const made = await filled();
    const colleague = await generateX25519Identity();
    const theirs = join(home, 'colleague.txt');
    writeFileSync(theirs, `${colleague}\n`);
    const recipients = [await identityToRecipient(colleague)];
    expect(await vault({ identityFile: theirs, recipients }).read()).toMatchObject({
      is: 'sealed',
      code: 'vault.identity-wrong',
    });
    expect(await vault({ recipients }).read()).toMatchObject({ is: 'open', reseal: expect.anything() });
    await vault({ recipients }).reseal();
    expect(await vault({ identityFile: theirs, recipients }).read()).toMatchObject({ is: 'open', hasCaKey: true });
    expect(await vault({ recipients }).read()).toMatchObject({ is: 'open', reseal: null });
    // And out again.
    expect(await made.read()).toMatchObject({ is: 'open', reseal: expect.anything() });
    await made.reseal();
    expect(await vault({ identityFile: theirs, recipients }).read()).toMatchObject({ is: 'sealed' });
  });

  it('are everybody once the list names the user’s own; what recipients.txt says is never taken over', async () => {
    const made = await filled();
    const own = await identityToRecipient(readFileSync(identityFile, 'utf8').trim().split('\n').at(-1) ?? '');
    const [theirs, stranger] = await recipientsOf(2);
    expect(await made.read()).toMatchObject({ reseal: null });
    writeFileSync(file('recipients.txt'), `${readFileSync(file('recipients.txt'), 'utf8')}${stranger}\n`);
    expect(await vault({ recipients: [theirs ?? ''] }).read()).toMatchObject({
      reseal: { add: [theirs], remove: [stranger], own: [own], listed: false },
    });
    const listed = vault({ recipients: [theirs ?? '', own] });
    expect(await listed.read()).toMatchObject({ reseal: { add: [theirs], remove: [stranger], listed: true } });
    await listed.reseal();
    expect(await listed.read()).toMatchObject({ is: 'open', hasCaKey: true, reseal: null });
    expect(readFileSync(file('recipients.txt'), 'utf8')).not.toContain(stranger);
    // Two stanzas: two that can open it.
    for (const name of ['cluster.age', 'etcd-ca.key.age']) {
      const text = Buffer.from(readFileSync(file(name), 'utf8').split('\n').slice(1, -2).join(''), 'base64').toString(
        'latin1',
      );
      expect(text.match(/-> X25519 /g), name).toHaveLength(2);
    }
  });

  it('keep the old files when the new ones cannot be opened', async () => {
    await filled();
    const names = ['cluster.age', 'etcd-ca.key.age', 'recipients.txt'];
    const texts = (): string[] => names.map((name) => readFileSync(file(name), 'utf8'));
    const before = texts();
    const recipients = await recipientsOf(1);
    // The disk gives back something else than what was written.
    const fs: FileSystem = new Proxy(realFileSystem, {
      get: (target, name: keyof FileSystem) =>
        name !== 'readFile'
          ? Reflect.get(target, name)
          : async (path: string, options: 'utf8') => {
              const text = await target.readFile(path, options);
              return path.endsWith('.tmp') ? text.replace(/.(?=\n-----END)/, '') : text;
            },
    });
    await expect(vault({ recipients, fs }).reseal()).rejects.toMatchObject({ code: 'vault.write-failed' });
    expect(texts()).toEqual(before);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it.each(['ssh-ed25519 AAAA', 'age1qqqq', '', 'AGE-SECRET-KEY-1QQQQ'])(
    'refuses %j before anything is made',
    async (recipient) => {
      await expect(vault({ recipients: [recipient] }).create(identity)).rejects.toMatchObject({
        code: 'vault.recipient-invalid',
      });
      expect(readdirSync(home)).toEqual([]);
    },
  );
});

describe('retire', () => {
  it('moves the records aside and leaves an absent vault with its journals', async () => {
    const made = await filled();
    mkdirSync(file('runs'));
    const target = await made.retire();
    expect(target).toBe(file(`retired-${identity.clusterUid}`));
    expect(readdirSync(target).sort()).toEqual(['cluster.age', 'etcd-ca.crt', 'etcd-ca.key.age', 'inventory.json']);
    expect(await made.read()).toEqual({ is: 'absent' });
    expect(existsSync(file('runs'))).toBe(true);
    await made.create({ ...identity, clusterUid: OTHER_UID });
    expect(await made.read()).toMatchObject({ is: 'open', identity: { clusterUid: OTHER_UID } });
  });

  it('needs no identity', async () => {
    const made = await filled();
    rmSync(identityFile);
    await made.retire();
    expect(await made.read()).toEqual({ is: 'absent' });
  });
});

it('says what failed when the folder cannot be written', async () => {
  writeFileSync(join(home, 'site'), 'a file where a folder belongs');
  await expect(vault().create(identity)).rejects.toMatchObject({ code: 'vault.unreadable' });
  rmSync(join(home, 'site'));
  writeFileSync(join(home, 'config'), 'a file where a folder belongs');
  await expect(vault().create(identity)).rejects.toMatchObject({ code: 'vault.identity-unreadable' });
});
