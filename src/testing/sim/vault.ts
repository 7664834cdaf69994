import { KeelsonError } from '../../model/errors.ts';
import type { CertificatePair } from '../../ports/issuer.ts';
import {
  type ClusterIdentity,
  type ClusterKey,
  type ClusterKeyName,
  type EtcdPhase,
  type Inventory,
  isFounded,
  type Reseal,
  type Vault,
  type VaultState,
} from '../../ports/vault.ts';

/** What a vault folder holds: it outlives the process. */
export interface VaultStore {
  identity: ClusterIdentity | null;
  ca: CertificatePair | null;
  clusterKeys: ReadonlyMap<ClusterKeyName, ClusterKey>;
  inventory: Inventory | null;
  /** The recipients of cluster.yaml are others than those it is sealed to. */
  reseal?: Reseal;
}

export function emptyVault(): VaultStore {
  return { identity: null, ca: null, clusterKeys: new Map(), inventory: null };
}

const PHASES: readonly EtcdPhase[] = ['new', 'founding', 'founded', 'handed-over'];

/** The vault's rules over memory. `call` is one call of a process to its own files; `current` gives the folder that it uses. */
export function simVault(current: () => VaultStore, call: <T>(what: string, effect: () => T) => Promise<T>): Vault {
  const identity = (): ClusterIdentity => {
    const known = current().identity;
    if (known === null) throw new KeelsonError('vault.absent', 'there is no vault');
    return known;
  };
  return {
    read: () => call('read', () => stateOf(current())),
    create: (wanted) =>
      call('create', () => {
        const store = current();
        if (store.identity !== null && store.identity.clusterUid !== wanted.clusterUid)
          throw new KeelsonError('vault.conflict', 'the vault is another cluster’s');
        store.identity ??= wanted;
        return { identityMade: null };
      }),
    updateEtcd: (etcd) =>
      call(`etcd ${etcd.phase}`, () => {
        const old = identity();
        if (PHASES.indexOf(etcd.phase) < PHASES.indexOf(old.etcd.phase))
          throw new KeelsonError('vault.conflict', `the vault records ${old.etcd.phase}`);
        if (old.etcd.clusterId !== undefined && etcd.clusterId !== old.etcd.clusterId)
          throw new KeelsonError('vault.conflict', 'the vault records another etcd cluster id');
        current().identity = { ...old, etcd };
      }),
    restartFounding: (clusterToken) =>
      call('restart founding', () => {
        const old = identity();
        if (isFounded(old.etcd.phase)) throw new KeelsonError('vault.conflict', 'the cluster was founded');
        current().identity = { ...old, clusterToken, etcd: { phase: 'founding' } };
      }),
    storeEtcdCa: (ca) =>
      call('store CA', () => {
        const store = current();
        identity();
        if (store.ca !== null && store.ca.certificate !== ca.certificate)
          throw new KeelsonError('vault.conflict', 'the vault holds another CA');
        store.ca ??= ca;
      }),
    etcdCa: () =>
      call('read CA', () => {
        const { ca } = current();
        if (ca === null) throw new KeelsonError('vault.absent', 'there is no CA');
        return ca;
      }),
    storeClusterKey: (name, pair) =>
      call(`store ${name}`, () => {
        identity();
        const held = current().clusterKeys.get(name);
        if (held !== undefined && held.public !== pair.public)
          throw new KeelsonError('vault.conflict', `the vault holds another ${name}`);
        if (held === undefined) current().clusterKeys = new Map([...current().clusterKeys, [name, pair]]);
      }),
    clusterKey: (name) =>
      call(`read ${name}`, () => {
        const held = current().clusterKeys.get(name);
        if (held === undefined) throw new KeelsonError('vault.absent', `there is no ${name}`);
        return held;
      }),
    saveInventory: (inventory) =>
      call('inventory', () => {
        identity();
        current().inventory = inventory;
      }),
    reseal: () =>
      call('reseal', () => {
        identity();
        delete current().reseal;
      }),
    retire: () =>
      call('retire', () => {
        Object.assign(current(), emptyVault());
        return '';
      }),
  };
}

function stateOf(store: VaultStore): VaultState {
  if (store.identity === null) return { is: 'absent' };
  return {
    is: 'open',
    identity: store.identity,
    hasCaKey: store.ca !== null,
    clusterKeys: new Map([...store.clusterKeys].map(([name, pair]) => [name, pair.public])),
    reseal: store.reseal ?? null,
    ...(store.ca === null ? {} : { caCertificate: store.ca.certificate }),
    ...(store.inventory === null ? {} : { inventory: store.inventory }),
  };
}
