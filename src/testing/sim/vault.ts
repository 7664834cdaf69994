import { KeelsonError } from '../../model/errors.ts';
import type { CertificatePair } from '../../ports/issuer.ts';
import { type ClusterIdentity, type Inventory, isFounded, type Vault, type VaultState } from '../../ports/vault.ts';
import type { Gate } from './gate.ts';

/** What a vault folder holds: it outlives the process. */
export interface VaultStore {
  identity: ClusterIdentity | null;
  ca: CertificatePair | null;
  inventory: Inventory | null;
}

/** The vault's rules over memory. */
export function simVault(store: VaultStore, gate: Gate): Vault {
  const write = (what: string, effect: () => void): Promise<void> => gate.call(`vault ${what}`, null, effect);
  const identity = (): ClusterIdentity => {
    if (store.identity === null) throw new KeelsonError('vault.absent', 'there is no vault');
    return store.identity;
  };
  return {
    read: () => gate.call('vault read', null, () => stateOf(store)),
    create: async (wanted) => {
      await write('create', () => {
        if (store.identity !== null && store.identity.clusterUid !== wanted.clusterUid)
          throw new KeelsonError('vault.conflict', 'another cluster');
        store.identity ??= wanted;
      });
      return { identityMade: null };
    },
    updateEtcd: (etcd) =>
      write(`etcd ${etcd.phase}`, () => {
        const known = identity().etcd.clusterId;
        if (known !== undefined && etcd.clusterId !== known)
          throw new KeelsonError('vault.conflict', 'another etcd cluster id');
        store.identity = { ...identity(), etcd };
      }),
    restartFounding: (clusterToken) =>
      write('restart founding', () => {
        if (isFounded(identity().etcd.phase)) throw new KeelsonError('vault.conflict', 'the cluster was founded');
        store.identity = { ...identity(), clusterToken, etcd: { phase: 'founding' } };
      }),
    storeEtcdCa: (ca) =>
      write('ca', () => {
        if (store.ca !== null && store.ca.certificate !== ca.certificate)
          throw new KeelsonError('vault.conflict', 'another CA');
        store.ca ??= ca;
      }),
    etcdCa: () =>
      gate.call('vault read ca', null, () => {
        if (store.ca === null) throw new KeelsonError('vault.absent', 'there is no CA');
        return store.ca;
      }),
    saveInventory: (inventory) => write('inventory', () => void (store.inventory = inventory)),
    reseal: () => write('reseal', () => undefined),
    retire: async () => {
      await write('retire', () => {
        store.identity = null;
        store.ca = null;
        store.inventory = null;
      });
      return '';
    },
  };
}

function stateOf(store: VaultStore): VaultState {
  if (store.identity === null) return { is: 'absent' };
  return {
    is: 'open',
    identity: store.identity,
    hasCaKey: store.ca !== null,
    resealNeeded: false,
    ...(store.ca === null ? {} : { caCertificate: store.ca.certificate }),
    ...(store.inventory === null ? {} : { inventory: store.inventory }),
  };
}
