import type { Fact } from '../types.ts';

/** One listening TCP socket. */
export interface Listener {
  /** Without brackets; `*` is every address of both families. */
  address: string;
  port: number;
  /** Name of the program, at most 15 characters; null when the machine does not say. */
  process: string | null;
  pid: number | null;
}

/** The file system that holds a path. */
export interface DiskFact {
  mount: string;
  writable: boolean;
  /** As `stat -f` names it: `ext2/ext3`, `tmpfs`, `nfs`. */
  type: string;
  sizeBytes: number;
  /** What programs without privileges may still use. */
  availableBytes: number;
  /** 0 where the file system has no fixed number. */
  inodes: number;
  freeInodes: number;
}

/** What one machine found on the peer port of itself and the others. `why` is for people. */
export type Reach = { is: 'reached' } | { is: 'failed'; why: string };

export interface PeersFact {
  /** Connecting to its own address: something listens there, etcd or the test itself. Null where nothing is to listen. */
  self: Reach | null;
  /** By address. */
  others: ReadonlyMap<string, Reach>;
}

/** What a machine brings for being a node. */
export interface FitnessFact {
  cpus: number;
  memoryKiB: number;
  /** Programs that kubeadm needs. */
  lacks: readonly string[];
  addresses: readonly { interface: string; cidr: string }[];
  /** Without the default one. */
  routes: readonly { destination: string; interface: string }[];
}

export interface ClockFact {
  /** The machine's clock less the operator's lies between these, in milliseconds. */
  earliestMs: number;
  latestMs: number;
}

/** `refused` when sshd itself does not allow it. */
export type ForwardingFact = { is: 'works' } | { is: 'refused'; why: string };

/** What only a preflight asks. */
export interface PreflightFacts {
  clock: Fact<ClockFact>;
  listeners: Fact<readonly Listener[]>;
  /** By the path that was asked for. */
  disks: Fact<ReadonlyMap<string, DiskFact>>;
  /** Milliseconds that each synchronous write took. */
  fsync: Fact<readonly number[]>;
  /** `ssh-ed25519 AAAA...`, without comments. */
  hostKeys: Fact<readonly string[]>;
  /** Files that only a node or a control plane of a Kubernetes cluster has. */
  nodeFiles: Fact<readonly string[]>;
  peers: Fact<PeersFact>;
  forwarding: Fact<ForwardingFact>;
  /** By port: the same search between nodes. */
  ways: Fact<ReadonlyMap<number, PeersFact>>;
  fitness: Fact<FitnessFact>;
}
