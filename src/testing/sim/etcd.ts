import type { HostId } from '../../model/ids.ts';
import { remembered } from '../../model/remembered.ts';
import { manifestCommand, manifestImage } from '../../render/manifest.ts';
import { beginMember, flagsOf, idOf } from './bootstrap.ts';
import type { SimMachine } from './machine.ts';
import { type MemberData, type SimMember, SimRaft } from './raft.ts';
import type { Rng } from './random.ts';
import { unitOf } from './systemd.ts';

const MANIFEST = '/etc/kubernetes/manifests/etcd.yaml';
const PEER = '/etc/kubernetes/pki/etcd/peer';
/** From a new manifest, or a booted kubelet, to an etcd that listens. */
const START_MS = 700;
/** The same when the old pod has to end first and the kubelet waits for its next back-off. */
const REPLACE_MS = 12_000;
/** The kubelet starts a container that ended again after 10 s, then after twice as long each time. */
const BACK_OFF_MS = { first: 10_000, longest: 300_000 };
const parsed = remembered((text) => ({ command: manifestCommand(text), image: manifestImage(text) }));

interface SimProcess {
  readonly argv: readonly string[];
  readonly pid: number;
  /** Milliseconds since 1970 from which it answers. */
  readonly readyAt: number;
  /** It has taken part in a quorum since its start: only then etcd begins to answer clients, and from then on it does. */
  served: boolean;
  /** It ended by itself: when, and how often so far. */
  crashedAt: number | null;
  crashes: number;
}

/** On whose account something happens on a machine. */
export interface Actor {
  readonly run: string;
  readonly issuedAt: number;
  /** When the run last looked at each member, if that served then. */
  readonly sawServing: ReadonlyMap<HostId, number>;
}

export interface Stop {
  readonly machine: SimMachine;
  readonly by: Actor;
  readonly wasServing: boolean;
  /** The other members: whether they serve, and whether keelson itself has taken them down. */
  readonly others: readonly { host: HostId; serves: boolean; ours: boolean }[];
  readonly need: number;
}

export interface SimEtcdOptions {
  machines: ReadonlyMap<HostId, SimMachine>;
  /** Milliseconds since 1970. */
  wallMs: () => number;
  rng: Rng;
  /** Whether two machines reach each other. */
  connected: (a: HostId, b: HostId) => boolean;
  /** Whether the pair of files is a certificate and its own key. */
  belongTogether: (certificate: string | undefined, key: string | undefined) => boolean;
  onStop: (stop: Stop) => void;
  violation: (what: string) => void;
}

/**
 * The etcd process of each machine: when the kubelet starts and stops it, with which data it starts, and what it makes of its initial
 * flags. Changes happen when somebody looks; time is the simulation's.
 */
export class SimEtcd {
  readonly #options: SimEtcdOptions;
  readonly #data = new Map<HostId, MemberData & { path: string; marker: string }>();
  readonly #processes = new Map<HostId, SimProcess>();
  readonly #stoppedByUs = new Set<HostId>();
  /** Connections between members, by the two machines, with the processes that made them. */
  readonly #links = new Map<string, string>();
  readonly raft: SimRaft;
  /** Every cluster id that any member ever had: more than one means that a second cluster was founded. */
  readonly clusterIds = new Set<string>();
  /** Machines whose data, once written, has gone. */
  readonly wiped = new Set<HostId>();
  /** Machines whose etcd has begun a cluster of one, with that cluster. */
  readonly #begun = new Set<string>();
  /** The run that acts on a machine at this moment. */
  actor: Actor | null = null;
  #generation = 0;

  constructor(options: SimEtcdOptions) {
    this.#options = options;
    this.raft = new SimRaft({
      nowMs: options.wallMs,
      rng: options.rng,
      running: () => this.#running(),
      connected: (a, b) => this.#linked(a, b),
      panic: (host) => this.#crash(host),
      violation: options.violation,
    });
  }

  /** The state of another simulation that is at rest, whose machines have been copied. */
  adopt(other: SimEtcd): void {
    for (const [id, data] of other.#data) this.#data.set(id, { ...data, log: [...data.log] });
    for (const [id, process] of other.#processes) this.#processes.set(id, { ...process });
    for (const id of other.clusterIds) this.clusterIds.add(id);
    for (const begun of other.#begun) this.#begun.add(begun);
    this.#generation = other.#generation;
    this.raft.adopt(other.raft);
  }

  /** Brings every machine's etcd to where it would be by now. */
  settle(): void {
    for (const machine of this.#options.machines.values()) this.#settleMachine(machine);
    // Members connect as soon as they run, and not only when one has something to say.
    const running = [...this.#running().keys()];
    for (const [n, a] of running.entries()) for (const b of running.slice(n + 1)) this.#linked(a, b);
    this.raft.settle();
    for (const [id, process] of this.#processes) {
      if (process.served || !this.raft.serves(id)) continue;
      process.served = true;
      this.#stoppedByUs.delete(id);
    }
  }

  process(id: HostId): { pid: number; argv: readonly string[] } | null {
    this.settle();
    const process = this.#processes.get(id);
    return process === undefined || process.crashedAt !== null ? null : { pid: process.pid, argv: process.argv };
  }

  data(id: HostId): MemberData | undefined {
    return this.#data.get(id);
  }

  ready(id: HostId): boolean {
    return this.#ready(id);
  }

  /** Clients get answers, with or without a quorum. */
  answers(id: HostId): boolean {
    return this.#processes.get(id)?.served === true;
  }

  serves(id: HostId): boolean {
    return this.raft.serves(id);
  }

  serving(): HostId[] {
    this.settle();
    return [...this.#options.machines.keys()].filter((id) => this.raft.serves(id));
  }

  /** A client's write through a member; false when it is not acknowledged. */
  clientPut(through: HostId, key: string, value: string): boolean {
    this.settle();
    return this.#ready(through) && this.raft.propose(through, key, value);
  }

  /** `kubeadm join` announces a member; null when no quorum decides it. */
  addLearner(through: HostId, peerUrl: string, name: string): readonly SimMember[] | null {
    this.settle();
    // Its id follows from the moment, too: one that was removed and announced again is another.
    const id = idOf(`${peerUrl} joined at ${this.#options.wallMs()}`);
    return this.raft.addLearner(through, { name, id, peerUrl, clientUrl: peerUrl.replace(/2380$/, '2379') });
  }

  promote(through: HostId, peerUrl: string): boolean {
    this.settle();
    return this.raft.promote(through, peerUrl);
  }

  /** The whole machine went down: processes end, data stays. */
  machineDown(id: HostId): void {
    this.#processes.delete(id);
  }

  /** A connection that is open stays; a new one needs a certificate and its key on both sides, which etcd reads anew each time. */
  #linked(a: HostId, b: HostId): boolean {
    const [one, other] = a < b ? [a, b] : [b, a];
    const key = `${one} ${other}`;
    const between = `${this.#processes.get(one)?.pid} ${this.#processes.get(other)?.pid}`;
    if (!this.#options.connected(one, other)) {
      this.#links.delete(key);
      return false;
    }
    if (this.#links.get(key) === between) return true;
    if (!this.#hasPeerPair(one) || !this.#hasPeerPair(other)) return false;
    this.#links.set(key, between);
    return true;
  }

  #hasPeerPair(id: HostId): boolean {
    const files = this.#options.machines.get(id)?.files;
    return this.#options.belongTogether(files?.get(`${PEER}.crt`)?.content, files?.get(`${PEER}.key`)?.content);
  }

  #running(): ReadonlyMap<HostId, MemberData> {
    const found = new Map<HostId, MemberData>();
    for (const [id, data] of this.#data) if (this.#ready(id)) found.set(id, data);
    return found;
  }

  #ready(id: HostId): boolean {
    const process = this.#processes.get(id);
    return process !== undefined && process.crashedAt === null && process.readyAt <= this.#options.wallMs();
  }

  #settleMachine(machine: SimMachine): void {
    const { id } = machine;
    if (!machine.up) {
      this.machineDown(id);
      return;
    }
    this.#dropWipedData(machine);
    if (machine.founding !== null) {
      const process = this.#processes.get(id);
      // Nobody starts it again when it has ended.
      if (process?.argv === machine.founding) return;
      if (process !== undefined) this.#stop(machine);
      this.#start(machine, machine.founding, START_MS, 0);
      return;
    }
    if (isFounding(this.#processes.get(id)?.argv)) this.#stop(machine);
    // Without the kubelet nothing is started or stopped: containers simply go on.
    if (
      unitOf(machine, 'kubelet.service').state !== 'active' ||
      unitOf(machine, 'containerd.service').state !== 'active'
    )
      return;
    const manifest = machine.files.get(MANIFEST)?.content;
    const { command, image } = manifest === undefined ? { command: [], image: null } : parsed(manifest);
    const process = this.#processes.get(id);
    if (command.length === 0) {
      if (process !== undefined) this.#stop(machine);
      return;
    }
    if (image === null || !(machine.images.has(image) || machine.registry)) return;
    const now = this.#options.wallMs();
    if (process === undefined) {
      this.#start(machine, command, START_MS, 0);
    } else if (process.argv !== command && process.argv.join('\n') !== command.join('\n')) {
      this.#stop(machine);
      this.#start(machine, command, REPLACE_MS, 0);
    } else if (process.crashedAt !== null && now >= process.crashedAt + backOffMs(process.crashes)) {
      this.#start(machine, command, START_MS, process.crashes);
    }
  }

  #stop(machine: SimMachine): void {
    const { id } = machine;
    const { actor } = this;
    if (actor !== null && this.#ready(id)) {
      const known = this.#data.get(id)?.members.filter((m) => m.learner === undefined);
      const members = known?.length ?? this.#options.machines.size;
      const others = [...this.#options.machines.keys()]
        .filter((other) => other !== id)
        .map((host) => ({ host, serves: this.raft.serves(host), ours: this.#stoppedByUs.has(host) }));
      this.#options.onStop({
        machine,
        by: actor,
        wasServing: this.raft.serves(id),
        others,
        need: Math.floor(members / 2) + 1,
      });
      this.#stoppedByUs.add(id);
    }
    this.#processes.delete(id);
    this.raft.settle();
  }

  #start(machine: SimMachine, argv: readonly string[], delay: number, crashes: number): void {
    const now = this.#options.wallMs();
    const opened = this.#open(machine, argv);
    const crashed = opened ? { crashedAt: null, crashes } : { crashedAt: now, crashes: crashes + 1 };
    this.#processes.set(machine.id, { argv, pid: machine.nextPid(), readyAt: now + delay, served: false, ...crashed });
  }

  #crash(host: HostId): void {
    const process = this.#processes.get(host);
    if (process === undefined) return;
    process.crashedAt = this.#options.wallMs();
    process.crashes += 1;
  }

  /** Opens the data directory as etcd does: with data the initial flags mean nothing; without, they decide. */
  #open(machine: SimMachine, argv: readonly string[]): boolean {
    const flags = flagsOf(argv);
    const flag = (name: string): string => flags.get(name) ?? '';
    const text = (name: string): string | undefined => machine.files.get(flag(name))?.content;
    if (text('trusted-ca-file') === undefined) return false;
    if (!this.#options.belongTogether(text('cert-file'), text('key-file'))) return false;
    if (!this.#options.belongTogether(text('peer-cert-file'), text('peer-key-file'))) return false;
    if (this.#data.has(machine.id)) return true;
    // etcd makes its database before it looks for a cluster to be part of: a member that cannot start leaves this behind.
    const now = this.#options.wallMs() / 1000;
    machine.makeDirectory(`${flag('data-dir')}/member`, '700', now);
    machine.putFile(`${flag('data-dir')}/member/snap/db`, 'no cluster', '600', now);
    const begun = beginMember(flags, (others) => this.#reachablePeer(machine, others));
    if (begun === null) return false;
    const data = this.#again(machine.id, begun);
    this.#generation += 1;
    const path = `${flag('data-dir')}/member/wal/0.wal`;
    const marker = `wal ${this.#generation}`;
    machine.putFile(path, marker, '600', now);
    this.#data.set(machine.id, { ...data, path, marker });
    this.clusterIds.add(data.clusterId);
    return true;
  }

  /**
   * etcd's ids follow from URLs and token: a member that founds a cluster of its own a second time gives it the ids of the first, and it is
   * another cluster all the same.
   */
  #again(id: HostId, begun: MemberData): MemberData {
    if (begun.log.length === 0 || begun.members.length > 1) return begun;
    const key = `${id} ${begun.clusterId}`;
    if (!this.#begun.has(key)) {
      this.#begun.add(key);
      return begun;
    }
    return { ...begun, clusterId: idOf(`${begun.clusterId} again ${this.#generation}`) };
  }

  #reachablePeer(machine: SimMachine, others: readonly SimMember[]): MemberData | undefined {
    for (const [id, other] of this.#options.machines) {
      if (id === machine.id || !this.#ready(id) || !this.#options.connected(machine.id, id)) continue;
      const listed = others.some((m) => new URL(m.peerUrl).hostname.replace(/^\[|\]$/g, '') === other.address);
      if (listed) return this.#data.get(id);
    }
    return undefined;
  }

  #dropWipedData(machine: SimMachine): void {
    const data = this.#data.get(machine.id);
    if (data === undefined || machine.files.get(data.path)?.content === data.marker) return;
    this.#data.delete(machine.id);
    this.wiped.add(machine.id);
    // Its files are gone under its feet.
    this.#crash(machine.id);
  }
}

/** No manifest says so. */
function isFounding(argv: readonly string[] = []): boolean {
  return argv.includes('--initial-cluster-state=new');
}

function backOffMs(crashes: number): number {
  return Math.min(BACK_OFF_MS.longest, BACK_OFF_MS.first * 2 ** (crashes - 1));
}
