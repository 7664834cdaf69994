import type { ClusterConfig, Role } from '../config/schema.ts';
import type { HostRecord } from '../model/host-record.ts';
import type { HostId } from '../model/ids.ts';
import type { KubeObject } from '../model/kube-object.ts';
import type { ClusterKeyName, EtcdPhase } from '../ports/vault.ts';
import type { Bundle } from './bundle.ts';
import type { CertificateSpec } from './certificates.ts';
import type { Endpoint, LoadBalancer } from './load-balancer.ts';
import type { Node } from './nodes.ts';

/** One etcd member as the configuration wants it. */
export interface Member {
  host: HostId;
  name: string;
  address: string;
  clientUrl: string;
  peerUrl: string;
}

/** Where the kubelet's and kubeadm's packages come from. */
export interface AptRepository {
  url: string;
  /** ASCII-armoured public key that signs it. */
  signingKey: string;
}

export type Software =
  | { source: 'bundle'; bundle: Bundle }
  | { source: 'packages'; repository: AptRepository }
  | { source: 'preinstalled' };

/** Any machine of the configuration, whatever it does. */
export interface DesiredMachine {
  id: HostId;
  address: string;
  role: Role;
  /** Without the machine id, which only the machine knows. */
  record: Omit<HostRecord, 'machineId'>;
}

/** A machine of an external etcd. */
export interface DesiredHost {
  id: HostId;
  member: Member;
  certificates: readonly CertificateSpec[];
  /** The etcd CA's private key belongs here: `pki.caKeyPlacement: first-host`. */
  holdsCaKey: boolean;
  /** kubeadmcfg.yaml while the cluster is founded, and for the rest of its life. */
  kubeadmConfig: { founding: string; running: string };
}

/** What must be true, from the configuration and what the vault knows. Pure data. */
export interface Desired {
  config: ClusterConfig;
  cluster: {
    name: string;
    /** null until the vault holds an identity: files that need it are then shown with a placeholder. */
    uid: string | null;
    token: string | null;
    phase: EtcdPhase;
    etcdClusterId: string | null;
  };
  caCertificate: string | null;
  /** The CA that the configuration names; null when keelson makes one. PEM. */
  configuredCa: string | null;
  machines: readonly DesiredMachine[];
  /** Control planes and workers; none where etcd is all there is. */
  nodes: readonly Node[];
  /** null where the only control plane is reached by its own address. */
  endpoint: Endpoint | null;
  /** null where keelson makes none. */
  loadBalancer: LoadBalancer | null;
  /** What keelson applies for the pod network, in order. */
  network: readonly KubeObject[];
  /** Public halves of the keys that control planes share, as far as the vault has them. */
  clusterKeys: ReadonlyMap<ClusterKeyName, string>;
  members: readonly Member[];
  hosts: ReadonlyMap<HostId, DesiredHost>;
  software: Software;
  criSocket: string;
}
