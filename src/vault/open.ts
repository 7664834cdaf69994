import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { KeelsonError } from '../model/errors.ts';
import { reveal } from '../model/reveal.ts';
import type { Secret } from '../model/secret.ts';
import { type ParsedCertificate, tryParseCertificate } from '../model/x509.ts';
import {
  type ClusterIdentity,
  type ClusterKey,
  type ClusterKeyName,
  clusterKeyNames,
  type Inventory,
} from '../ports/vault.ts';
import { type FileSystem, readOptional } from './files.ts';
import { type AgeIdentity, readIdentity } from './identity.ts';
import { damaged, decodeCaKey, decodeIdentity, decodeInventory, decodeRecipients } from './records.ts';
import { unseal } from './seal.ts';

/** The halves of a pair: in clear, and sealed. */
export interface KeyFiles {
  public: string;
  key: string;
}

function keyFiles(folder: string, name: string, extension: string): KeyFiles {
  return { public: join(folder, `${name}.${extension}`), key: join(folder, `${name}.key.age`) };
}

export function vaultPaths(folder: string) {
  return {
    cluster: join(folder, 'cluster.age'),
    caCertificate: join(folder, 'etcd-ca.crt'),
    caKey: join(folder, 'etcd-ca.key.age'),
    clusterKeys: {
      'kubernetes-ca': keyFiles(folder, 'kubernetes-ca', 'crt'),
      'front-proxy-ca': keyFiles(folder, 'front-proxy-ca', 'crt'),
      'service-account': keyFiles(folder, 'service-account', 'pub'),
    } satisfies Record<ClusterKeyName, KeyFiles>,
    recipients: join(folder, 'recipients.txt'),
    inventory: join(folder, 'inventory.json'),
    readme: join(folder, 'README.txt'),
    lock: join(folder, 'vault.lock'),
  };
}

interface InClear {
  caCertificate: string | null;
  inventory: Inventory | null;
}

export interface OpenVault extends InClear {
  is: 'open';
  identity: ClusterIdentity;
  age: AgeIdentity;
  /** Present only together with the certificate it belongs to. */
  caKey: Secret | null;
  /** Only whole pairs. */
  clusterKeys: ReadonlyMap<ClusterKeyName, ClusterKey>;
  /** Whom the files are sealed to, as recorded. */
  sealedTo: readonly string[];
}

export interface SealedVault extends InClear {
  is: 'sealed';
  code: 'vault.identity-missing' | 'vault.identity-wrong';
  because: string;
}

export type VaultContent = { is: 'absent' } | SealedVault | OpenVault;

/** Everything that the folder holds, checked: each file by itself, and that all are of one cluster. Never writes. */
export async function openVault(fs: FileSystem, folder: string, identityFile: string): Promise<VaultContent> {
  const paths = vaultPaths(folder);
  // In the reverse order of their making: whatever is seen here, what it rests on must be there when it is looked for.
  const inventoryText = await readOptional(fs, paths.inventory);
  const caCertificate = await readOptional(fs, paths.caCertificate);
  const caKeyText = await readOptional(fs, paths.caKey);
  const halves = await readClusterKeys(fs, paths.clusterKeys);
  const sealedIdentity = await readOptional(fs, paths.cluster);
  if (sealedIdentity === null) {
    const left = [inventoryText, caCertificate, caKeyText, ...halves.map((h) => h.public)].some(
      (text) => text !== null,
    );
    // Not absent: that would be taken for a cluster that has never been founded.
    if (left)
      throw new KeelsonError(
        'vault.unreadable',
        `${paths.cluster} is missing, and other files of the vault are there.`,
        { where: paths.cluster },
      );
    return { is: 'absent' };
  }
  const inventory = inventoryText === null ? null : decodeInventory(inventoryText, paths.inventory);
  const certificate = caCertificate === null ? null : readCa(caCertificate, paths.caCertificate);
  checkInventory(inventory, certificate, paths);
  const clear = { caCertificate, inventory };
  const recipients = await readOptional(fs, paths.recipients);
  const sealedTo = recipients === null ? [] : decodeRecipients(recipients, paths.recipients);

  const age = await readIdentity(fs, identityFile);
  if (age === null) {
    const because = `The identity file ${identityFile} does not exist.`;
    return { is: 'sealed', code: 'vault.identity-missing', because, ...clear };
  }
  const opened = await unseal(sealedIdentity, age);
  if (opened.is === 'not-for-us' && !age.recipients.some((r) => sealedTo.includes(r))) {
    const because = `${identityFile} (${age.recipients.join(', ')}) is none of the vault’s recipients (${sealedTo.join(', ')}).`;
    return { is: 'sealed', code: 'vault.identity-wrong', because, ...clear };
  }
  if (opened.is !== 'opened') throw damaged(paths.cluster, 'it cannot be opened');
  const identity = decodeIdentity(opened.plaintext, paths.cluster);
  if (inventory !== null && inventory.clusterUid !== identity.clusterUid) {
    throw damaged(
      paths.inventory,
      `it is of the cluster ${inventory.clusterUid}, and the vault of ${identity.clusterUid}`,
    );
  }
  const openKey = (armored: string, half: string, where: string): Promise<Secret> =>
    openPair(armored, age, identity, half, where);
  // A key without its certificate is what a crash has left while the CA was being stored: it has signed nothing.
  const caKey =
    caKeyText === null || caCertificate === null ? null : await openKey(caKeyText, caCertificate, paths.caKey);
  const clusterKeys = new Map<ClusterKeyName, ClusterKey>();
  for (const { name, public: half, key, where } of halves) {
    if (half !== null && key !== null) clusterKeys.set(name, { public: half, key: await openKey(key, half, where) });
  }
  return { is: 'open', identity, age, caKey, clusterKeys, sealedTo, ...clear };
}

interface Halves {
  name: ClusterKeyName;
  public: string | null;
  key: string | null;
  where: string;
}

async function readClusterKeys(fs: FileSystem, files: Record<ClusterKeyName, KeyFiles>): Promise<Halves[]> {
  return Promise.all(
    clusterKeyNames.map(async (name) => {
      // In the reverse order of their making, as above.
      const half = await readOptional(fs, files[name].public);
      return { name, public: half, key: await readOptional(fs, files[name].key), where: files[name].key };
    }),
  );
}

function readCa(pem: string, where: string): ParsedCertificate {
  const certificate = tryParseCertificate(pem);
  if (certificate === null) throw damaged(where, 'it is not a PEM certificate');
  return certificate;
}

function checkInventory(
  inventory: Inventory | null,
  ca: ParsedCertificate | null,
  paths: { inventory: string; caCertificate: string },
): void {
  if (inventory === null) return;
  if (ca === null)
    throw new KeelsonError('vault.unreadable', `${paths.caCertificate} is missing.`, { where: paths.caCertificate });
  if (ca.fingerprint256 !== inventory.caFingerprint256) {
    throw new KeelsonError('vault.ca-mismatch', `${paths.caCertificate} is not the CA that ${paths.inventory} names.`, {
      where: paths.caCertificate,
    });
  }
}

async function openPair(
  armored: string,
  age: AgeIdentity,
  identity: ClusterIdentity,
  half: string,
  where: string,
): Promise<Secret> {
  const opened = await unseal(armored, age);
  if (opened.is !== 'opened') throw damaged(where, 'it cannot be opened, and cluster.age can');
  const { key, clusterUid } = decodeCaKey(opened.plaintext, where);
  if (clusterUid !== identity.clusterUid) throw damaged(where, `it is of another cluster, ${clusterUid}`);
  if (!isPair(half, key)) {
    throw new KeelsonError(
      'vault.ca-mismatch',
      `${where} does not belong to the certificate, or public key, beside it.`,
      { where },
    );
  }
  return key;
}

/** `half` is a certificate or a public key, in PEM. */
export function isPair(half: string, key: Secret): boolean {
  try {
    const privateKey = createPrivateKey(reveal(key));
    return half.includes('-----BEGIN CERTIFICATE-----')
      ? new X509Certificate(half).checkPrivateKey(privateKey)
      : createPublicKey(half).equals(createPublicKey(privateKey));
  } catch {
    return false;
  }
}
