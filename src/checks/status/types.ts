import type { PreflightFacts } from '../../facts/preflight/types.ts';
import type { View } from '../../facts/types.ts';
import type { Finding } from '../../model/finding.ts';
import type { HostId } from '../../model/ids.ts';
import type { PlanResult } from '../../plan/types.ts';

// What the checks look at is what `status` reports: see operations/report-types.ts, which makes these public.

/** `unknown`: it could not be asked, and nothing that was seen on its machine says that it is ill. */
export type MemberHealth = 'healthy' | 'ill' | 'unknown';

/** One member as etcd lists it, or as the configuration wants it where etcd could not be asked. */
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
  /** `healthy` says the same; what is not healthy is known to be ill, or not known. */
  health: MemberHealth;
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
  /** Voters known to be healthy: as many as `members` shows. */
  healthy: number;
  /** Voters of which it is not known. */
  unknown: number;
  /** Healthy voters that are needed. */
  needed: number;
  /** Whether there is a quorum; null when too few could be asked to say, and while the cluster is being founded and has had none. One answered linearizable read proves it. */
  held: boolean | null;
  /** How many of the voters known to be healthy may fail before the quorum may be lost; 0 also when it is lost already. */
  tolerates: number;
}

export interface ObservedCluster {
  /** A member answered, or too few are merely out of reach to make a quorum: something is known of etcd itself. */
  asked: boolean;
  /** Of the members that answered. */
  clusterIds: readonly string[];
  leader: string | null;
  members: readonly MemberReport[];
  /** Some member has answered a linearizable read: whatever else is out of sight, there is a quorum. */
  quorumSeen: boolean;
  quorum: QuorumReport;
}

/** A certificate on a machine’s disk, beside what its member serves. */
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
  /**
   * The running member serves this very certificate; false also when a handshake fails because of it. Null for one that is not served, or when the
   * member could not be asked.
   */
  served: boolean | null;
}

export interface StatusInput {
  view: View;
  plan: PlanResult;
  cluster: ObservedCluster;
  certificates: readonly CertificateReport[];
  room: ReadonlyMap<HostId, Pick<PreflightFacts, 'disks'>>;
  /** Milliseconds since 1970. */
  now: number;
}

/** One kind of trouble that a running cluster can be in. Pure. */
export type StatusCheck = (input: StatusInput) => readonly Finding[];
