import type { Desired } from '../desired/types.ts';
import type { ErrorCode } from '../model/codes.ts';
import type { FileFact } from '../model/file.ts';
import type { HostRecord } from '../model/host-record.ts';
import type { HostId } from '../model/ids.ts';
import type { EtcdMember, MemberStatus, Reply } from '../ports/etcd-admin.ts';
import type { VaultState } from '../ports/vault.ts';

/** Unknown is not absent: an unreachable machine must never read as "no etcd here". */
export type Fact<T> =
  | { is: 'known'; value: T; at: string }
  /** `code` when the machine, or the vault, could not be asked at all. */
  | { is: 'unknown'; because: string; code?: ErrorCode };

export interface MachineFacts {
  machineId: string;
  bootId: string;
  hostname: string;
  /** As `uname -m` prints it: x86_64, aarch64. */
  architecture: string;
  kernel: string;
  os: { id: string; version: string; name: string };
  /** systemd's version; empty when systemd does not run the machine. */
  systemd: string;
  cgroup: 1 | 2;
  swapKiB: number;
  /** Programs that keelson needs and the machine lacks. */
  missingTools: readonly string[];
  /** The machine's clock less the operator's, in milliseconds, corrected by half of the round trip. */
  clockSkewMs: number;
  /** False in some containers: then the runtime must not lower any oom_score_adj. */
  mayLowerOomScore: boolean;
}

export type RecordFact = { is: 'absent' } | { is: 'record'; record: HostRecord } | { is: 'unreadable'; why: string };

export interface DirectoryEntry {
  type: 'file' | 'directory' | 'symlink' | 'other';
  mode: string;
  owner: string;
  path: string;
}

/** What is at every path that keelson manages on a machine, and what else lies in its folders. */
export interface FilesFact {
  at: ReadonlyMap<string, FileFact>;
  /** Content of the managed text files; never of private keys. */
  text: ReadonlyMap<string, string>;
  entries: readonly DirectoryEntry[];
  /** SHA-256 of the SubjectPublicKeyInfo for each readable private key. */
  publicKeys: ReadonlyMap<string, string>;
}

export interface UnitFacts {
  loaded: boolean;
  active: string;
  sub: string;
  enabled: boolean;
  needsReload: boolean;
  mainPid: number;
  /** As systemd has read it; it may have read the unit's files before they were changed. */
  execStart: string;
  /** Drop-ins that name an ExecStart, in systemd's order: the last one wins. Read from disk, so that one not loaded yet is seen, too. */
  execStartFrom: readonly string[];
  /** The main process's own arguments; empty when there is none, or it has just been started. */
  argv: readonly string[];
  /** Seconds since 1970 at which the main process started, to about 20 ms; 0 when there is none. */
  startedAt: number;
  /** The same for the last time that it became what it is: a reload counts. 0 when it is not active. */
  settledAt: number;
}

export interface ToolFact {
  path: string;
  /** Without a leading v. */
  version: string;
  /** Of the program's file: as long as it is the same, so is the version. */
  stamp: string;
}

export type RuntimeFact =
  | { is: 'absent' }
  | {
      is: 'containerd';
      cgroupDriver: 'systemd' | 'cgroupfs';
      sandboxImage: string;
      /** It lowers no oom_score_adj below its own. */
      restrictsOomScore: boolean;
    };

/** What the machine's kubeadm makes of a configuration. */
export type ManifestFact =
  /** From which configuration; `stamp` is of the machine's kubeadm, empty where the bundle's was asked. */
  | { is: 'made'; text: string; by: 'host' | 'bundle'; config: string; stamp: string }
  | { is: 'no-kubeadm' }
  | { is: 'failed'; output: string };

export interface ManifestsFact {
  founding: ManifestFact;
  running: ManifestFact;
}

export type DataDirectoryFact =
  | { is: 'absent' }
  | { is: 'empty'; mode: string; owner: string }
  /** A write-ahead log: an etcd that has been a member. */
  | { is: 'data'; mode: string; owner: string }
  /** What an etcd leaves that had no log and found no cluster: it makes its database before it looks for one. Nothing can be had from it. */
  | { is: 'remains'; mode: string; owner: string }
  | { is: 'foreign'; entries: readonly string[] };

/** The etcd process itself: its arguments prove which manifest it was started from. */
export type EtcdProcessFact = { is: 'absent' } | { is: 'running'; pid: number; argv: readonly string[] };

/** What kubeadm has left on a machine, and what a node needs of the kernel. */
export interface NodeFact {
  /** `admin`, `super-admin`, `kubelet`, ...: files of that name in /etc/kubernetes, without `.conf`. */
  kubeconfigs: ReadonlySet<string>;
  /** Static pods, by the names of their files without `.yaml`. */
  manifests: ReadonlySet<string>;
  /** Static pods whose manifests name super-admin.conf; not looked for where there is none. */
  superAdminUsers: ReadonlySet<string>;
  /** kubeadm has given the kubelet its configuration. */
  kubeletConfigured: boolean;
  /** Of those that a node needs, the ones that this kernel has. */
  sysctls: ReadonlyMap<string, string>;
  hasOverlay: boolean;
  /** SHA-256 of the PEM that kubelet.conf trusts; null without one. */
  caSha256: string | null;
  /** Of every kubeadm that runs at this moment. */
  kubeadmPids: readonly number[];
}

/** What a machine of the load balancer has of network and programs. */
export interface BalancerFact {
  addresses: readonly { interface: string; address: string; prefixLength: number }[];
  /** Of haproxy, keepalived and curl, those that are there. */
  programs: ReadonlySet<string>;
  /** MAC address of a machine that has the virtual IP before there is a cluster; null when none was found, or nobody asked. */
  taken: string | null;
}

/** How the control plane's endpoint answers the first control plane. */
export type EndpointFact =
  /** Nothing listens there. */
  | { is: 'refused' }
  /** Something accepts connections, and no API server of this cluster answers. */
  | { is: 'silent' }
  | { is: 'answers' }
  /** No word came back, neither yes nor no. */
  | { is: 'timed-out' }
  /** No way there: the name is unknown, or the address is on nobody. */
  | { is: 'unreachable'; why: string };

export interface HostFacts {
  machine: Fact<MachineFacts>;
  record: Fact<RecordFact>;
  files: Fact<FilesFact>;
  units: Fact<ReadonlyMap<string, UnitFacts>>;
  tools: Fact<ReadonlyMap<string, ToolFact>>;
  runtime: Fact<RuntimeFact>;
  /** Image references in the kubelet's namespace; null without a running runtime. */
  images: Fact<readonly string[] | null>;
  manifests: Fact<ManifestsFact>;
  etcdProcess: Fact<EtcdProcessFact>;
  /** SHA-256 by path of the large files that keelson placed and that are unchanged since. */
  artefacts: Fact<ReadonlyMap<string, string>>;
  etcdData: Fact<DataDirectoryFact>;
  /** null on a machine that is no node. */
  node: Fact<NodeFact | null>;
  /** null on a machine that has no part in it. */
  balancer: Fact<BalancerFact | null>;
  /** null where nobody asks: on other machines than the first control plane, and as long as the cluster has no authority. */
  endpoint: Fact<EndpointFact | null>;
}

/** One API server. `failed`: it could not be asked, or does not say. */
export type KubeServerFact =
  | { is: 'ok'; ready: boolean; failing: readonly string[]; version: string }
  | { is: 'failed'; code?: ErrorCode; message: string };

export interface KubeNodeFact {
  uid: string;
  resourceVersion: string;
  ready: boolean;
  /** What its kubelet says about that. */
  why: string;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  taints: readonly { key: string; value: string; effect: string }[];
  unschedulable: boolean;
  kubeletVersion: string;
}

/** Which of several controller managers, or schedulers, is at work. */
export interface KubeLeaseFact {
  /** `cp-0_3f0c...`, host name and a number of its own; empty for none. */
  holder: string;
  /** By the holder's clock; null when it has never been held. */
  renewedAt: string | null;
  /** For how long the holder has it without renewing it. */
  seconds: number;
}

export interface KubeClusterFact {
  /** Which API server told it. */
  through: HostId;
  nodes: ReadonlyMap<string, KubeNodeFact>;
  /** By component: `kube-controller-manager`, `kube-scheduler`. One that has no lease at all is not there. */
  leases: ReadonlyMap<string, KubeLeaseFact>;
  /** What a whole `kubeadm init` leaves and is not there. */
  lacking: readonly string[];
  /** ClusterConfiguration, as kubeadm keeps it. */
  kubeadmConfig: string | null;
  /** Of the objects that keelson applies: the digest of what it applied last; empty when they are not by keelson. */
  applied: ReadonlyMap<string, string>;
}

export interface KubeFacts {
  servers: ReadonlyMap<HostId, KubeServerFact>;
  /** null when no server is ready. */
  cluster: KubeClusterFact | null;
}

export interface EtcdEndpointFacts {
  status: Reply<MemberStatus>;
  /** The member list as this member knows it. */
  members: Reply<{ clusterId: string; members: readonly EtcdMember[] }>;
  /** A linearizable read through this member: proof that it takes part in a quorum. */
  linearizableRead: Reply<true>;
  /** SHA-256 fingerprint (hexadecimal, lower case) of the certificate served on the client and peer ports. */
  servedClient: Reply<string>;
  servedPeer: Reply<string>;
  alarms: readonly string[];
}

/** What the members say; empty maps when no certificate authority exists yet, so that there is nothing to ask. */
export interface EtcdFacts {
  endpoints: ReadonlyMap<HostId, EtcdEndpointFacts>;
}

export interface ClusterFacts {
  hosts: ReadonlyMap<HostId, HostFacts>;
  etcd: Fact<EtcdFacts>;
  kube: Fact<KubeFacts>;
  vault: Fact<VaultState>;
}

export type HostFactName = keyof HostFacts;
export type FactRef = 'etcd' | 'kube' | 'vault' | { on: HostId; fact: HostFactName };

/** What is wanted and what is, at one moment. Both are recomputed from fresh facts before every verdict. */
export interface View {
  readonly desired: Desired;
  readonly facts: ClusterFacts;
}
