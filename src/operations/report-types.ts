import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import type { EtcdPhase } from '../ports/vault.ts';

// What `status` and `check` report. Documents of the command line are these, with `apiVersion` and `kind` in front: fields
// are added, never renamed or removed, while the version is v1alpha1. Findings are sorted errors first, then by host.

export interface MemberReport {
  /** Empty for a member that has never started. */
  name: string;
  /** Hexadecimal; null when no member could be asked for the list. */
  id: string | null;
  /** The machine in cluster.yaml; null for a member that the file does not know. */
  host: HostId | null;
  peerUrls: readonly string[];
  clientUrls: readonly string[];
  role: 'voter' | 'learner';
  leader: boolean;
  /** A started member of this cluster that sees a leader and answers a linearizable read. */
  healthy: boolean;
  /** Without a leading v. The next three are null when the member did not answer. */
  version: string | null;
  dbSizeBytes: number | null;
  /** Decimal digits: a JavaScript number does not hold it. */
  raftIndex: string | null;
  /** What is wrong with this member, one sentence each; its alarms by name. */
  problems: readonly string[];
}

export interface QuorumReport {
  voters: number;
  learners: number;
  healthy: number;
  /** Healthy voters that are needed. */
  needed: number;
  /** How many more voters may fail now before the quorum is lost; 0 also when it is lost already. */
  tolerates: number;
}

export interface EtcdReport {
  /** Hexadecimal; null while no member answers and the vault knows none. */
  clusterId: string | null;
  topology: 'external';
  /** How far the cluster has come, by the vault; null when the vault cannot be opened. */
  phase: EtcdPhase | null;
  /** Name of the leading member. */
  leader: string | null;
  quorum: QuorumReport;
  members: readonly MemberReport[];
  /** False when nothing could be asked of etcd itself: members are then what machines and configuration show. */
  asked: boolean;
}

export interface CertificateReport {
  host: HostId;
  path: string;
  subject: string;
  issuer: string;
  /** ISO 8601. */
  notBefore: string;
  notAfter: string;
  /** Whole days from now, rounded down; negative when it has expired. */
  daysLeft: number;
  /** The running member serves this very certificate; null for one that is not served, or when the member could not be asked. */
  served: boolean | null;
}

export interface StatusReport {
  cluster: string;
  /** ISO 8601. */
  at: string;
  /** Every configured member is a healthy voter and no finding is an error; false gives exit code 3. */
  healthy: boolean;
  kubernetesVersion: string;
  etcd: EtcdReport;
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
