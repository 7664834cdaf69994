import type { HostId } from '../model/ids.ts';

/** Where one member's client port, or peer port, is reached. External members do not listen on the loopback address. */
export interface EtcdEndpoint {
  host: HostId;
  /** The member's advertised address, IPv4 or IPv6 without brackets. */
  address: string;
  port: number;
}

/** After `refused`, `tls` and `permission` a write has certainly not happened; after any other it may have, now or later. */
export type EtcdFailure =
  /** The machine cannot be reached, or the connection ended before the answer came. */
  | 'unreachable'
  /** One side does not accept the other's certificate. */
  | 'tls'
  /** The machine is there, and nothing accepts connections on the port. */
  | 'refused'
  /** The deadline passed: ours, or the member's own for its peers. */
  | 'timeout'
  /** The member sees no leader, or lost it meanwhile. */
  | 'no-leader'
  /** The members refuse the change because too few of them are healthy. */
  | 'unhealthy-cluster'
  /** The certificate is accepted, and its user may not do this. */
  | 'permission'
  /** Anything else the member says: `mvcc: database space exceeded`. */
  | 'other';

/** `tookMs` is from the call to the answer, with the connect when there was one. `message` is for people: never match on it. */
export type Reply<T> = { is: 'ok'; value: T; tookMs: number } | { is: 'failed'; reason: EtcdFailure; message: string };

/** 64-bit counters are decimal digits, because a JavaScript number does not hold them; sizes in bytes are numbers. */
export interface MemberStatus {
  /** Hexadecimal without leading zeros, as etcdctl prints it; so are all ids here. */
  memberId: string;
  clusterId: string;
  /** Null when the member sees no leader. */
  leaderId: string | null;
  /** Without a leading v: `3.6.8`. */
  version: string;
  dbSizeBytes: number;
  dbSizeInUseBytes: number;
  /** From etcd 3.6 on. */
  quotaBytes?: number;
  raftTerm: string;
  raftIndex: string;
  raftAppliedIndex: string;
  isLearner: boolean;
  /** What the member itself complains about: `etcdserver: no leader`, an alarm of its own. */
  errors: readonly string[];
}

export interface EtcdMember {
  id: string;
  /** Empty until the member has started for the first time. */
  name: string;
  peerUrls: readonly string[];
  /** Empty until the member has started for the first time. */
  clientUrls: readonly string[];
  isLearner: boolean;
}

export interface EtcdMembers {
  clusterId: string;
  members: readonly EtcdMember[];
}

export interface EtcdAlarm {
  memberId: string;
  /** etcd's own names; one that keelson does not know is `ALARM-` and its number. */
  type: 'NOSPACE' | 'CORRUPT' | `ALARM-${number}`;
}

export interface EtcdValue {
  /** Null when there is no such key. */
  value: string | null;
  /** The store's revision at which this was read. */
  revision: string;
}

export interface EtcdHash {
  hash: number;
  /** The revision that was hashed; from etcd 3.6 on, else empty. */
  hashRevision: string;
  /** Hashes of two members compare only when this and the revision are equal. */
  compactRevision: string;
}

export interface ServedCertificate {
  /** The leaf. */
  pem: string;
  /** What was served with it, in that order, without the leaf. Often empty: etcd's files hold the leaf alone. */
  chain: readonly string[];
}

export interface ReadConsistency {
  /** True asks the quorum; false answers from what this member has, which may be old. */
  linearizable: boolean;
}

/**
 * One question to one member. Every call ends within the adapter's own deadline. What can be expected to fail is a `Reply`;
 * it rejects with the signal's reason when that is aborted, and with what the source of the credentials rejects with.
 */
export interface EtcdAdmin {
  /** Answered by the member alone, with or without quorum. */
  readonly status: (endpoint: EtcdEndpoint, signal: AbortSignal) => Promise<Reply<MemberStatus>>;
  readonly members: (
    endpoint: EtcdEndpoint,
    signal: AbortSignal,
    consistency: ReadConsistency,
  ) => Promise<Reply<EtcdMembers>>;
  /**
   * Alarms of all members. etcd takes even this question through raft, so it needs the quorum and adds an entry to the log;
   * without, `MemberStatus.errors` names the alarms.
   */
  readonly alarms: (endpoint: EtcdEndpoint, signal: AbortSignal) => Promise<Reply<readonly EtcdAlarm[]>>;
  readonly get: (
    endpoint: EtcdEndpoint,
    key: string,
    signal: AbortSignal,
    consistency: ReadConsistency,
  ) => Promise<Reply<EtcdValue>>;
  /** Gives the revision of the write. */
  readonly put: (endpoint: EtcdEndpoint, key: string, value: string, signal: AbortSignal) => Promise<Reply<string>>;
  /** Gives whether the key was there. */
  readonly remove: (endpoint: EtcdEndpoint, key: string, signal: AbortSignal) => Promise<Reply<boolean>>;
  /** Hash of all keys up to a revision as this member has them; `0` is the latest. Reads its whole database. */
  readonly hashKv: (endpoint: EtcdEndpoint, revision: string, signal: AbortSignal) => Promise<Reply<EtcdHash>>;
  /** Asked of the leader: the voter of that id leads from then on. `other` when the member asked does not lead. */
  readonly moveLeader: (endpoint: EtcdEndpoint, memberId: string, signal: AbortSignal) => Promise<Reply<true>>;
  /** What the client port serves, even when it is expired or another CA's. */
  readonly servedCertificate: (endpoint: EtcdEndpoint, signal: AbortSignal) => Promise<Reply<ServedCertificate>>;
  /** The same for the peer port, which is then the endpoint's `port`. */
  readonly servedPeerCertificate: (endpoint: EtcdEndpoint, signal: AbortSignal) => Promise<Reply<ServedCertificate>>;
}
