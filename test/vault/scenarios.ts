import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '../../src/model/secret.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { ClusterIdentity, Vault } from '../../src/ports/vault.ts';
import type { FileSystem } from '../../src/vault/files.ts';
import { createVault } from '../../src/vault/vault.ts';

export const clock: Clock = {
  now: () => new Date(),
  sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
  monotonicMs: () => performance.now(),
};

export const identity: ClusterIdentity = {
  clusterUid: '3f9a1c52-7a53-4a39-8a8e-7c6f5a1b2c3d',
  clusterToken: 'keelson-lab-3f9a1c52',
  createdAt: '2026-11-21T10:15:00.000Z',
  etcd: { phase: 'new' },
};

export type Scenario = 'create' | 'updateEtcd' | 'storeEtcdCa' | 'storeClusterKey' | 'reseal' | 'retire';

/** Where a test's files lie: the CA to be stored, the identity, a second recipient, and the vault. */
export function vaultAt(home: string, fs?: FileSystem): Vault {
  return createVault({
    folder: join(home, 'vault'),
    cluster: 'lab',
    identityFile: join(home, 'identity.txt'),
    recipients: [readFileSync(join(home, 'recipient'), 'utf8')],
    clock,
    lockWaitMs: 2000,
    ...(fs === undefined ? {} : { fs }),
  });
}

export function caOf(home: string) {
  return {
    certificate: readFileSync(join(home, 'ca.crt'), 'utf8'),
    key: new Secret(readFileSync(join(home, 'ca.key'), 'utf8')),
  };
}

export const scenarios: Record<Scenario, (vault: Vault, home: string) => Promise<unknown>> = {
  create: (vault) => vault.create(identity),
  updateEtcd: (vault) => vault.updateEtcd({ phase: 'founding' }),
  storeEtcdCa: (vault, home) => vault.storeEtcdCa(caOf(home)),
  storeClusterKey: (vault, home) => {
    const { certificate, key } = caOf(home);
    return vault.storeClusterKey('kubernetes-ca', { public: certificate, key });
  },
  reseal: (vault) => vault.reseal(),
  retire: (vault) => vault.retire(),
};
