import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { KeelsonError } from '../model/errors.ts';
import { reveal } from '../model/reveal.ts';
import type { Secret } from '../model/secret.ts';
import { type ParsedCertificate, tryParseCertificate } from '../model/x509.ts';
import type { ClusterIdentity, Inventory } from '../ports/vault.ts';
import { type FileSystem, readOptional } from './files.ts';
import { type AgeIdentity, readIdentity } from './identity.ts';
import { damaged, decodeCaKey, decodeIdentity, decodeInventory, decodeRecipients } from './records.ts';
import { unseal } from './seal.ts';

export function vaultPaths(folder: string) {
  return {
    cluster: join(folder, 'cluster.age'),
    caCertificate: join(folder, 'etcd-ca.crt'),
    caKey: join(folder, 'etcd-ca.key.age'),
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
  const sealedIdentity = await readOptional(fs, paths.cluster);
  if (sealedIdentity === null) {
    const left = [inventoryText, caCertificate, caKeyText].some((text) => text !== null);
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
  // A key without its certificate is what a crash has left while the CA was being stored: it has signed nothing.
  const caKey =
    caKeyText === null || caCertificate === null
      ? null
      : await openCaKey(caKeyText, age, identity, caCertificate, paths.caKey);
  return { is: 'open', identity, age, caKey, sealedTo, ...clear };
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

async function openCaKey(
  armored: string,
  age: AgeIdentity,
  identity: ClusterIdentity,
  caCertificate: string,
  where: string,
): Promise<Secret> {
  const opened = await unseal(armored, age);
  if (opened.is !== 'opened') throw damaged(where, 'it cannot be opened, and cluster.age can');
  const { key, clusterUid } = decodeCaKey(opened.plaintext, where);
  if (clusterUid !== identity.clusterUid) throw damaged(where, `it is of another cluster, ${clusterUid}`);
  if (!isPair(caCertificate, key)) {
    throw new KeelsonError('vault.ca-mismatch', `${where} does not belong to the certificate beside it.`, { where });
  }
  return key;
}

export function isPair(certificate: string, key: Secret): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(reveal(key)));
  } catch {
    return false;
  }
}
