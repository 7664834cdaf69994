import type { Digest, HostId } from '../model/ids.ts';
import type { Secret } from '../model/secret.ts';
import type { KeyAlgorithm } from '../model/x509.ts';
import type { CertificatePair } from './issuer.ts';

/**
 * How far the etcd cluster has come. Only forwards: `new` nothing was started; `founding` members may have been started;
 * `founded` quorum was seen, the cluster id is known; `handed-over` hardened and verified, from here on it may be in use.
 */
export type EtcdPhase = 'new' | 'founding' | 'founded' | 'handed-over';

/** Quorum has been seen: from here on an empty data directory is a loss, never a beginning. */
export function isFounded(phase: EtcdPhase): boolean {
  return phase === 'founded' || phase === 'handed-over';
}

export interface EtcdRecord {
  phase: EtcdPhase;
  /** etcd's cluster id as hexadecimal digits; from `founded` on. */
  clusterId?: string;
  /** ISO 8601. */
  foundedAt?: string;
  handedOverAt?: string;
}

/** What makes this cluster this cluster; sealed. */
export interface ClusterIdentity {
  clusterUid: string;
  /** etcd's `initial-cluster-token`: unique, so that members of two foundings can never mix. */
  clusterToken: string;
  createdAt: string;
  etcd: EtcdRecord;
}

/** What the control planes of a Kubernetes cluster share, and `kubeadm init` would make for itself if it were not there. */
export const clusterKeyNames = ['kubernetes-ca', 'front-proxy-ca', 'service-account'] as const;
export type ClusterKeyName = (typeof clusterKeyNames)[number];

export interface ClusterKey {
  /** PEM: a CA's certificate; of `service-account` the public key alone. */
  public: string;
  key: Secret;
}

export interface InventoryHost {
  name: HostId;
  address: string;
  machineId: string;
  roles: readonly string[];
}

/** What was applied last; in clear, without secrets. Changes that cannot be made yet are recognised against it. */
export interface Inventory {
  clusterUid: string;
  appliedAt: string;
  configDigest: Digest;
  kubernetesVersion: string;
  hosts: readonly InventoryHost[];
  ports: { client: number; peer: number; metrics: number };
  dataDir: string;
  algorithm: KeyAlgorithm;
  /** SHA-256 of the CA certificate's DER, hexadecimal. */
  caFingerprint256: string;
}

/** A change of who can open the vault, by public strings. */
export interface Reseal {
  add: readonly string[];
  remove: readonly string[];
  /** The user's own recipients. One of them is always among those wanted, so that nobody locks himself out. */
  own: readonly string[];
  /** cluster.yaml names one of them: its list is then everybody. */
  listed: boolean;
}

export type VaultState =
  | { is: 'absent' }
  | {
      /** The files are there, the identity that opens them is not. What lies in clear is still known. */
      is: 'sealed';
      code: 'vault.identity-missing' | 'vault.identity-wrong';
      because: string;
      caCertificate?: string;
      inventory?: Inventory;
    }
  | {
      is: 'open';
      identity: ClusterIdentity;
      caCertificate?: string;
      /** The CA's private key is there, opens, and belongs to `caCertificate`. */
      hasCaKey: boolean;
      /** The public halves of those that are there with their private ones. */
      clusterKeys: ReadonlyMap<ClusterKeyName, string>;
      inventory?: Inventory;
      /** The recipients wanted now are not the ones the files are sealed to: what `reseal` would change; else null. */
      reseal: Reseal | null;
    };

export interface VaultCreated {
  /** Path of the age identity that was made because there was none: the user must be told to keep it. */
  identityMade: string | null;
}

/**
 * The cluster's vault on the operator's machine. Every write is atomic: after a crash the old or the new content is there.
 * Damage rejects with `vault.unreadable`, `vault.version` or `vault.ca-mismatch`; a second local writer with `vault.busy`;
 * a write to a sealed vault with the state's code; to an absent one with `vault.absent`.
 */
export interface Vault {
  /** Never writes. */
  readonly read: () => Promise<VaultState>;
  /** Nothing happens when the same `clusterUid` is already recorded; `vault.conflict` when another is. */
  readonly create: (identity: ClusterIdentity) => Promise<VaultCreated>;
  /** `vault.conflict` when it would go back a phase or change a known cluster id. */
  readonly updateEtcd: (etcd: EtcdRecord) => Promise<void>;
  /** Phase `founding` again with another token; `vault.conflict` once the cluster was founded. */
  readonly restartFounding: (clusterToken: string) => Promise<void>;
  /** Nothing happens when the same CA is already there; `vault.conflict` when another is. */
  readonly storeEtcdCa: (ca: CertificatePair) => Promise<void>;
  /** `vault.absent` when there is none. */
  readonly etcdCa: () => Promise<CertificatePair>;
  /** Nothing happens when the same is already there; `vault.conflict` when another is, `vault.ca-mismatch` when the halves differ. */
  readonly storeClusterKey: (name: ClusterKeyName, key: ClusterKey) => Promise<void>;
  /** `vault.absent` when there is none. */
  readonly clusterKey: (name: ClusterKeyName) => Promise<ClusterKey>;
  readonly saveInventory: (inventory: Inventory) => Promise<void>;
  /** Seals everything again to the recipients wanted now; a file is replaced when its successor was read back and opened. */
  readonly reseal: () => Promise<void>;
  /** After a reset: moves the cluster's records aside, and the vault is absent. Works sealed, too. Gives the folder they are in now. */
  readonly retire: () => Promise<string>;
}
