import type {
  ApiServerReport,
  CertificateReport,
  KubernetesReport,
  LeaseReport,
  MemberReport,
  NodeReport,
  QuorumReport,
} from '../checks/status/types.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import type { EtcdPhase } from '../ports/vault.ts';

export type {
  ApiServerReport,
  CertificateReport,
  KubernetesReport,
  LeaseReport,
  MemberReport,
  NodeReport,
  QuorumReport,
};

// What `status` and `check` report. Documents of the command line are these, with `apiVersion` and `kind` in front: fields
// are added, never renamed or removed, while the version is v1alpha1. Findings are sorted errors first, then by host.

export interface EtcdReport {
  /** Hexadecimal; null while no member answers and the vault knows none. */
  clusterId: string | null;
  topology: 'external' | 'stacked';
  /** How far the cluster has come, by the vault; null when the vault cannot be opened. */
  phase: EtcdPhase | null;
  /** Name of the leading member. */
  leader: string | null;
  quorum: QuorumReport;
  members: readonly MemberReport[];
  /** False when nothing could be asked of etcd itself: members are then what machines and configuration show. */
  asked: boolean;
}

export interface StatusReport {
  cluster: string;
  /** ISO 8601. */
  at: string;
  /**
   * Every configured member is a healthy voter, every API server ready, every configured node Ready, and no finding is an error; false gives
   * exit code 3.
   */
  healthy: boolean;
  kubernetesVersion: string;
  etcd: EtcdReport;
  /** Not there for a cluster that is etcd alone. */
  kubernetes?: KubernetesReport;
  /** Of etcd’s machines and of nodes; what a kubeconfig holds is shown under the kubeconfig’s path. */
  certificates: readonly CertificateReport[];
  findings: readonly Finding[];
}

export interface CheckedHost {
  host: HostId;
  address: string;
  reachable: boolean;
  /** For people: `Debian 12, x86_64, systemd 252`; null when the machine could not be looked at. */
  about: string | null;
}

export interface CheckReport {
  cluster: string;
  /** ISO 8601. */
  at: string;
  /** No finding is an error; false gives exit code 3. */
  ready: boolean;
  hosts: readonly CheckedHost[];
  findings: readonly Finding[];
}
