import { basename, join } from 'node:path';
import type { ErrorCode } from '../model/codes.ts';
import { KeelsonError } from '../model/errors.ts';
import { reveal } from '../model/reveal.ts';
import type { Secret } from '../model/secret.ts';
import { parseCertificate } from '../model/x509.ts';
import type { Clock } from '../ports/clock.ts';
import type { CertificatePair } from '../ports/issuer.ts';
import type {
  ClusterIdentity,
  ClusterKey,
  ClusterKeyName,
  EtcdPhase,
  EtcdRecord,
  Vault,
  VaultCreated,
  VaultState,
} from '../ports/vault.ts';
import {
  ensureFolder,
  errorCode,
  type FileSystem,
  failingAs,
  makePrivate,
  readOptional,
  realFileSystem,
  removeTemporaries,
  syncFolder,
  writeAtomic,
} from './files.ts';
import { type AgeIdentity, makeIdentity, readIdentity } from './identity.ts';
import { withFileLock } from './lock.ts';
import { isPair, type KeyFiles, type OpenVault, openVault, type VaultContent, vaultPaths } from './open.ts';
import { vaultReadme } from './readme.ts';
import { resealOf, wantedRecipients } from './recipients.ts';
import { encodeCaKey, encodeIdentity, encodeInventory, encodeRecipients } from './records.ts';
import { checkRecipients, seal, unseal } from './seal.ts';

export interface VaultOptions {
  /** `.keelson/<cluster>`. */
  folder: string;
  cluster: string;
  identityFile: string;
  /** From the configuration. The user's own identity is always a recipient besides. */
  recipients: readonly string[];
  clock: Clock;
  fs?: FileSystem;
  /** How long another local writer is waited for. */
  lockWaitMs?: number;
}

interface Context {
  options: VaultOptions;
  fs: FileSystem;
  paths: ReturnType<typeof vaultPaths>;
  open: () => Promise<VaultContent>;
}

/** The vault in a folder of the operator's machine. Makes nothing by itself: the first `create` does. */
export function createVault(options: VaultOptions): Vault {
  const fs = options.fs ?? realFileSystem;
  const paths = vaultPaths(options.folder);
  const context: Context = { options, fs, paths, open: () => openVault(fs, options.folder, options.identityFile) };

  /** A change of a vault that must be there and open, by one process at a time. */
  async function change(body: (vault: OpenVault) => Promise<void>): Promise<void> {
    // Before the lock, which would make the folder of a vault that is absent.
    mustBeOpen(await context.open(), options.folder);
    await locked(context, async () => body(mustBeOpen(await context.open(), options.folder)));
  }

  return {
    read: async () => stateOf(await context.open(), options.recipients),
    create: (identity) => create(context, identity),
    updateEtcd: (etcd) =>
      change(async (vault) => {
        checkProgress(vault.identity.etcd, etcd);
        await writeIdentity(context, vault.age, { ...vault.identity, etcd });
      }),
    restartFounding: (clusterToken) =>
      change(async (vault) => {
        if (vault.identity.etcd.phase !== 'new' && vault.identity.etcd.phase !== 'founding') {
          throw conflict('The vault records that the cluster has been founded; its founding cannot start over.');
        }
        await writeIdentity(context, vault.age, { ...vault.identity, clusterToken, etcd: { phase: 'founding' } });
      }),
    storeEtcdCa: (ca) => change((vault) => storeEtcdCa(context, vault, ca)),
    etcdCa: async () => {
      const vault = mustBeOpen(await context.open(), options.folder);
      if (vault.caCertificate === null || vault.caKey === null) {
        throw new KeelsonError('vault.absent', 'The vault holds no etcd CA.', { where: paths.caKey });
      }
      return { certificate: vault.caCertificate, key: vault.caKey };
    },
    storeClusterKey: (name, pair) => change((vault) => storeClusterKey(context, vault, name, pair)),
    clusterKey: async (name) => {
      const found = mustBeOpen(await context.open(), options.folder).clusterKeys.get(name);
      if (found !== undefined) return found;
      throw new KeelsonError('vault.absent', `The vault holds no ${name} key.`, { where: paths.clusterKeys[name].key });
    },
    saveInventory: (inventory) =>
      change(async (vault) => {
        if (inventory.clusterUid !== vault.identity.clusterUid)
          throw conflict('The inventory is of another cluster than the vault.');
        if (
          vault.caCertificate === null ||
          parseCertificate(vault.caCertificate).fingerprint256 !== inventory.caFingerprint256
        ) {
          throw conflict('The inventory names another CA than the vault’s.');
        }
        await writeAtomic(fs, paths.inventory, encodeInventory(inventory));
      }),
    reseal: () => change((vault) => reseal(context, vault)),
    retire: () => retire(context),
  };
}

function stateOf(vault: VaultContent, configured: readonly string[]): VaultState {
  if (vault.is === 'absent') return vault;
  const clear = {
    ...(vault.caCertificate === null ? {} : { caCertificate: vault.caCertificate }),
    ...(vault.inventory === null ? {} : { inventory: vault.inventory }),
  };
  if (vault.is === 'sealed') return { is: 'sealed', code: vault.code, because: vault.because, ...clear };
  const change = resealOf(vault, configured);
  const clusterKeys = new Map([...vault.clusterKeys].map(([name, pair]) => [name, pair.public]));
  return {
    is: 'open',
    identity: vault.identity,
    hasCaKey: vault.caKey !== null,
    clusterKeys,
    reseal: change,
    ...clear,
  };
}

async function create(context: Context, identity: ClusterIdentity): Promise<VaultCreated> {
  const { options, fs, paths } = context;
  checkRecipients(options.recipients);
  const found = await context.open();
  if (found.is !== 'absent') return sameCluster(found, identity, options.folder);
  await ensureFolder(fs, options.folder);
  return locked(context, async () => {
    const now = await context.open();
    if (now.is !== 'absent') return sameCluster(now, identity, options.folder);
    const known = await readIdentity(fs, options.identityFile);
    const { identity: age, made } = known
      ? { identity: known, made: false }
      : await makeIdentity(fs, options.identityFile, options.clock);
    await writeAtomic(fs, paths.readme, vaultReadme(options.cluster));
    await writeAtomic(fs, paths.recipients, encodeRecipients(wantedRecipients(age, options.recipients)));
    // Last: with it the vault exists.
    await writeIdentity(context, age, identity);
    return { identityMade: made ? options.identityFile : null };
  });
}

function sameCluster(found: VaultContent, identity: ClusterIdentity, folder: string): VaultCreated {
  const vault = mustBeOpen(found, folder);
  if (vault.identity.clusterUid !== identity.clusterUid) {
    throw conflict(`The vault is of another cluster (${vault.identity.clusterUid}).`, folder);
  }
  return { identityMade: null };
}

async function storeEtcdCa(context: Context, vault: OpenVault, ca: CertificatePair): Promise<void> {
  const { paths } = context;
  if (vault.caCertificate !== null && vault.caCertificate !== ca.certificate) {
    throw conflict('The vault holds another etcd CA.', paths.caCertificate);
  }
  const files = { public: paths.caCertificate, key: paths.caKey };
  await storePair(context, vault, files, { public: ca.certificate, key: ca.key }, vault.caKey !== null);
}

async function storeClusterKey(
  context: Context,
  vault: OpenVault,
  name: ClusterKeyName,
  pair: ClusterKey,
): Promise<void> {
  const files = context.paths.clusterKeys[name];
  const held = vault.clusterKeys.get(name);
  const half = held?.public ?? (await readOptional(context.fs, files.public));
  if (half !== null && half !== pair.public) throw conflict(`The vault holds another ${name} key.`, files.public);
  await storePair(context, vault, files, pair, held !== undefined);
}

async function storePair(
  { fs, options }: Context,
  vault: OpenVault,
  files: KeyFiles,
  pair: ClusterKey,
  held: boolean,
): Promise<void> {
  if (!isPair(pair.public, pair.key)) {
    throw new KeelsonError(
      'vault.ca-mismatch',
      'The private key to be stored does not belong to its certificate, or public key.',
    );
  }
  if (held) return;
  const recipients = wantedRecipients(vault.age, options.recipients);
  await writeAtomic(fs, files.key, await seal(encodeCaKey(pair.key, vault.identity.clusterUid), recipients));
  // Second: with the public half the pair counts as stored, and a key alone is written over.
  await writeAtomic(fs, files.public, pair.public);
}

async function reseal(context: Context, vault: OpenVault): Promise<void> {
  const { fs, paths, options } = context;
  const recipients = wantedRecipients(vault.age, options.recipients);
  checkRecipients(recipients);
  // The old file stays until the new one was read back from the disk and opened.
  const replace = async (path: string, content: Secret): Promise<void> =>
    writeAtomic(fs, path, await seal(content, recipients), async (text) => {
      const opened = await unseal(text, vault.age);
      if (opened.is === 'opened' && reveal(opened.plaintext) === reveal(content)) return;
      throw new KeelsonError('vault.write-failed', `${path} could not be opened after it was sealed again.`, {
        where: path,
      });
    });
  if (vault.caKey !== null) await replace(paths.caKey, encodeCaKey(vault.caKey, vault.identity.clusterUid));
  for (const [name, pair] of vault.clusterKeys) {
    await replace(paths.clusterKeys[name].key, encodeCaKey(pair.key, vault.identity.clusterUid));
  }
  await replace(paths.cluster, encodeIdentity(vault.identity));
  // Last: until then it is still to be done.
  await writeAtomic(fs, paths.recipients, encodeRecipients(recipients));
}

/** Only renames, the record that makes the vault last: an interrupted retirement is a vault that can be retired again. */
async function retire(context: Context): Promise<string> {
  const { fs, paths, options } = context;
  const vault = await context.open();
  if (vault.is === 'absent') return options.folder;
  // Machines can be reset without the identity, and then a vault that nobody can open must not stay in the way.
  const uid = vault.is === 'open' ? vault.identity.clusterUid : vault.inventory?.clusterUid;
  const stamp = options.clock.now().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase();
  const target = join(options.folder, `retired-${uid ?? `${stamp}z`}`);
  await locked(context, async () => {
    await ensureFolder(fs, target);
    const clusterKeys = Object.values(paths.clusterKeys).flatMap((files) => [files.public, files.key]);
    for (const path of [paths.inventory, ...clusterKeys, paths.caKey, paths.caCertificate, paths.cluster]) {
      await failingAs(path, async () => {
        await fs.rename(path, join(target, basename(path))).catch((error: unknown) => {
          if (errorCode(error) !== 'ENOENT') throw error;
        });
        await syncFolder(fs, target);
        await syncFolder(fs, options.folder);
      });
    }
  });
  return target;
}

async function writeIdentity(context: Context, age: AgeIdentity, identity: ClusterIdentity): Promise<void> {
  const recipients = wantedRecipients(age, context.options.recipients);
  await writeAtomic(context.fs, context.paths.cluster, await seal(encodeIdentity(identity), recipients));
}

async function locked<T>(context: Context, body: () => Promise<T>): Promise<T> {
  const { fs, paths, options } = context;
  const waiting = options.lockWaitMs === undefined ? {} : { waitMs: options.lockWaitMs };
  return withFileLock(paths.lock, { fs, clock: options.clock, ...waiting }, async () => {
    await makePrivate(fs, options.folder);
    await removeTemporaries(fs, options.folder);
    return body();
  });
}

const phases: readonly EtcdPhase[] = ['new', 'founding', 'founded', 'handed-over'];

/** A cluster that was founded never becomes one that was not: that record is what keeps a second one from being founded. */
function checkProgress(old: EtcdRecord, next: EtcdRecord): void {
  if (phases.indexOf(next.phase) < phases.indexOf(old.phase)) {
    throw conflict(`The vault records that etcd is "${old.phase}"; it cannot become "${next.phase}" again.`);
  }
  if (old.clusterId !== undefined && next.clusterId !== old.clusterId) {
    throw conflict(`The vault records the etcd cluster id ${old.clusterId}, and not ${next.clusterId ?? 'none'}.`);
  }
  if (next.clusterId === undefined && (next.phase === 'founded' || next.phase === 'handed-over')) {
    throw conflict('A founded etcd cluster has a cluster id, and none is given.');
  }
}

function mustBeOpen(vault: VaultContent, folder: string): OpenVault {
  if (vault.is === 'open') return vault;
  if (vault.is === 'sealed') throw failure(vault.code, vault.because, folder);
  throw failure('vault.absent', `There is no vault in ${folder}.`, folder);
}

function conflict(message: string, where?: string): KeelsonError {
  return failure('vault.conflict', message, where);
}

function failure(code: ErrorCode, message: string, where?: string): KeelsonError {
  return new KeelsonError(code, message, where === undefined ? {} : { where });
}
