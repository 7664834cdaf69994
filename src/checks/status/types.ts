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

/** One API server, asked for itself. */
export interface ApiServerReport {
  host: HostId;
  /** `10.0.0.20:6443`. */
  address: string;
  /** Null when it could not be asked, and nothing says that it is not. */
  ready: boolean | null;
  /** Checks of its own `/readyz` that fail. */
  failing: readonly string[];
  /** With a leading v; null when it did not answer, or is not ready. */
  version: string | null;
  /** Why it gave no answer; null when it did. */
  problem: string | null;
}

/** A node of the configuration, or one that only the cluster knows. */
export interface NodeReport {
  name: string;
  /** The machine in cluster.yaml; null for a node that the file does not know. */
  host: HostId | null;
  role: 'control-plane' | 'worker';
  /** Null when no API server told. */
  ready: boolean | null;
  /** Why it is not Ready, in the words of its kubelet or of the controller that misses it; null when it is, or when that is not known. */
  problem: string | null;
  /** With a leading v. */
  kubeletVersion: string | null;
  taints: readonly { key: string; value: string; effect: string }[];
  /** Cordoned: no new pod is placed there. */
  unschedulable: boolean;
}

/** Of several controller managers, and schedulers, one is at work: the holder of its lease. */
export interface LeaseReport {
  name: string;
  /** Host name and a number of its own; null for none. */
  holder: string | null;
  /** ISO 8601, by the holder's clock. */
  renewedAt: string | null;
  /** The holder has renewed it of late. */
  held: boolean;
}

/** What is known of the way to the API that all take. */
export interface EndpointReport {
  /** The machine that was asked how it is answered there. */
  from: HostId | null;
  /** null when that is not known. */
  answers: boolean | null;
  problem: string | null;
  /** null where keelson moves none. */
  virtualIp: string | null;
  /** Machines that have it at this moment: one. */
  holders: readonly HostId[];
  /** Each machine that may hold it has answered. */
  allAsked: boolean;
}

export interface KubernetesReport {
  /** Where machines and people reach the API, `host:port`. */
  endpoint: string;
  /** Null where that is the only control plane itself. */
  reached: EndpointReport | null;
  /** Whether there is a Kubernetes cluster; null when that is not known. */
  made: boolean | null;
  servers: readonly ApiServerReport[];
  /** False when no API server was ready to tell: nodes are then what the configuration says, and leases are empty. */
  asked: boolean;
  nodes: readonly NodeReport[];
  leases: readonly LeaseReport[];
}

export interface StatusInput {
  view: View;
  plan: PlanResult;
  cluster: ObservedCluster;
  /** Null for a cluster that is etcd alone. */
  kubernetes: KubernetesReport | null;
  certificates: readonly CertificateReport[];
  room: ReadonlyMap<HostId, Pick<PreflightFacts, 'disks'>>;
  /** Milliseconds since 1970. */
  now: number;
}

/** One kind of trouble that a running cluster can be in. Pure. */
export type StatusCheck = (input: StatusInput) => readonly Finding[];
