import type { View } from '../../facts/types.ts';
import type { Finding } from '../../model/finding.ts';
import type { HostId } from '../../model/ids.ts';
import type { PlanResult } from '../../plan/types.ts';

/** One member as etcd lists it, or as the configuration wants it where etcd could not be asked. */
export interface ObservedMember {
  name: string;
  id: string | null;
  host: HostId | null;
  peerUrls: readonly string[];
  clientUrls: readonly string[];
  role: 'voter' | 'learner';
  leader: boolean;
  healthy: boolean;
  version: string | null;
  dbSizeBytes: number | null;
  raftIndex: string | null;
  problems: readonly string[];
}

export interface ObservedCluster {
  /** A member answered, or too few are merely out of reach to make a quorum: something is known of etcd itself. */
  asked: boolean;
  /** Of the members that answered. */
  clusterIds: readonly string[];
  leader: string | null;
  members: readonly ObservedMember[];
  /** Some member has answered a linearizable read: whatever else is out of sight, there is a quorum. */
  quorumSeen: boolean;
  quorum: { voters: number; learners: number; healthy: number; needed: number; tolerates: number };
}

/** A certificate on a machine's disk, beside what its member serves. */
export interface CertificateState {
  host: HostId;
  path: string;
  subject: string;
  issuer: string;
  notBefore: string;
  notAfter: string;
  daysLeft: number;
  served: boolean | null;
}

export interface StatusInput {
  view: View;
  plan: PlanResult;
  cluster: ObservedCluster;
  certificates: readonly CertificateState[];
  /** Milliseconds since 1970. */
  now: number;
}

/** One kind of trouble that a running cluster can be in. Pure. */
export type StatusCheck = (input: StatusInput) => readonly Finding[];
