import { createHash } from 'node:crypto';
import type { HostId } from '../../model/ids.ts';
import type { EtcdAdmin, EtcdEndpoint, EtcdMembers, MemberStatus, Reply } from '../../ports/etcd-admin.ts';
import { manifestCommand } from '../../render/manifest.ts';
import type { SimMachine } from './machine.ts';
import { remembered } from './memo.ts';

const MANIFEST = '/etc/kubernetes/manifests/etcd.yaml';
const KUBELET = 'kubelet.service';
const CONTAINERD = 'containerd.service';
/** What the kubelet needs to see a changed manifest, stop one container and start the next. */
const RESTART_MS = 1500;
const START_MS = 400;
const CRASH_MS = 5000;
const commandOf = remembered(manifestCommand);

interface SimMember {
  name: string;
  id: string;
  peerUrl: string;
  clientUrl: string;
}

/** What a data directory holds; it lives and dies with the machine's `member` folder. */
interface SimData {
  marker: string;
  clusterId: string;
  memberId: string;
  members: readonly SimMember[];
  /** Writes that this member has, in order. */
  log: string[];
  values: Map<string, string>;
}

interface SimProcess {
  argv: readonly string[];
  pid: number;
  /** Simulated milliseconds from which it answers. */
  readyAt: number;
  /** It ended at once: no data and nobody to get them from. */
  crashedAt: number | null;
}

export interface SimEtcdOptions {
  machines: ReadonlyMap<HostId, SimMachine>;
  nowMs: () => number;
  /** Whether two machines reach each other. */
  connected: (a: HostId, b: HostId) => boolean;
  /** Told when keelson's own doing takes a running voter down, with the healthy voters that stay and the quorum. */
  onStop: (machine: SimMachine, stay: number, need: number) => void;
}

/**
 * etcd's membership and raft's quorum rules, as far as keelson can see them: who starts with which data, who leads, which writes are
 * acknowledged and by whom they are held. Transitions happen when somebody looks; time is the simulation's.
 */
export class SimEtcd {
  readonly #options: SimEtcdOptions;
  readonly #data = new Map<HostId, SimData>();
  readonly #processes = new Map<HostId, SimProcess>();
  #leader: HostId | null = null;
  /** Every write that was acknowledged, in order. */
  readonly acknowledged: string[] = [];
  /** Every cluster id that any member ever had: more than one means that a second cluster was founded. */
  readonly clusterIds = new Set<string>();
  #generation = 0;

  constructor(options: SimEtcdOptions) {
    this.#options = options;
  }

  /** Brings every machine's etcd to where it would be by now. */
  settle(): void {
    for (const machine of this.#options.machines.values()) this.#settleMachine(machine);
    const leader = this.#leader;
    if (leader === null || !this.#serves(leader)) this.#leader = this.#elect();
  }

  process(id: HostId): { pid: number; argv: readonly string[] } | null {
    this.settle();
    const process = this.#processes.get(id);
    return process === undefined || process.crashedAt !== null ? null : { pid: process.pid, argv: process.argv };
  }

  data(id: HostId): SimData | undefined {
    return this.#data.get(id);
  }

  healthyVoters(): HostId[] {
    this.settle();
    return [...this.#options.machines.keys()].filter((id) => this.#serves(id));
  }

  /** A client's write through any member; false when there is no quorum. */
  clientPut(key: string, value: string): boolean {
    this.settle();
    const through = [...this.#options.machines.keys()].find((id) => this.#serves(id));
    return through !== undefined && this.#write(through, key, value);
  }

  /** The whole machine went down: processes end, data stays. */
  machineDown(id: HostId): void {
    this.#processes.delete(id);
    if (this.#leader === id) this.#leader = null;
  }

  admin(call: <T>(host: HostId, body: () => Reply<T>) => Promise<Reply<T>>): EtcdAdmin {
    const ask = <T>(endpoint: EtcdEndpoint, body: (data: SimData) => Reply<T>): Promise<Reply<T>> =>
      call(endpoint.host, () => {
        this.settle();
        const machine = this.#options.machines.get(endpoint.host);
        if (machine === undefined || !machine.up) return failed('unreachable', `no route to ${endpoint.host}`);
        const data = this.#data.get(endpoint.host);
        if (data === undefined || !this.#ready(endpoint.host))
          return failed('refused', `nothing listens on ${endpoint.host}`);
        return body(data);
      });
    const quorate = <T>(endpoint: EtcdEndpoint, body: (data: SimData) => Reply<T>): Promise<Reply<T>> =>
      ask(endpoint, (data) =>
        this.#serves(endpoint.host) ? body(data) : failed('no-leader', 'the member sees no leader'),
      );
    const served = (endpoint: EtcdEndpoint, file: string) =>
      ask(endpoint, () => {
        const content = this.#options.machines.get(endpoint.host)?.files.get(file)?.content;
        return content === undefined
          ? failed<{ pem: string; chain: string[] }>('tls', 'no certificate')
          : okay({ pem: content, chain: [] });
      });
    return {
      status: (e) => ask(e, (data) => okay(this.#status(e.host, data))),
      members: (e, _signal, { linearizable }) => (linearizable ? quorate : ask)(e, (data) => okay(memberList(data))),
      alarms: (e) => ask(e, () => okay([])),
      get: (e, key, _signal, { linearizable }) =>
        (linearizable ? quorate : ask)(e, (data) =>
          okay({ value: data.values.get(key) ?? null, revision: String(data.log.length + 1) }),
        ),
      put: (e, key, value) =>
        quorate(e, () =>
          this.#write(e.host, key, value) ? okay(String(this.acknowledged.length + 1)) : failed('timeout', 'no quorum'),
        ),
      remove: (e, key) => quorate(e, (data) => okay(data.values.has(key))),
      hashKv: (e) =>
        ask(e, (data) =>
          okay({ hash: data.log.length, hashRevision: String(data.log.length + 1), compactRevision: '0' }),
        ),
      servedCertificate: (e) => served(e, '/etc/kubernetes/pki/etcd/server.crt'),
      servedPeerCertificate: (e) => served(e, '/etc/kubernetes/pki/etcd/peer.crt'),
    };
  }

  #status(id: HostId, data: SimData): MemberStatus {
    const leader = this.#serves(id) && this.#leader !== null ? (this.#data.get(this.#leader)?.memberId ?? null) : null;
    const index = String(data.log.length + 10);
    return {
      memberId: data.memberId,
      clusterId: data.clusterId,
      leaderId: leader,
      version: '3.6.8',
      dbSizeBytes: 20480,
      dbSizeInUseBytes: 16384,
      raftTerm: '2',
      raftIndex: index,
      raftAppliedIndex: index,
      isLearner: false,
      errors: leader === null ? ['etcdserver: no leader'] : [],
    };
  }

  #settleMachine(machine: SimMachine): void {
    const { id } = machine;
    if (!machine.up) return this.machineDown(id);
    this.#dropWipedData(machine);
    const command =
      machine.files.get(MANIFEST) === undefined ? [] : commandOf(machine.files.get(MANIFEST)?.content ?? '');
    const managed = machine.units.get(KUBELET)?.active === true && machine.units.get(CONTAINERD)?.active === true;
    const process = this.#processes.get(id);
    // Without the kubelet nothing is started or stopped: containers simply go on.
    if (!managed) return;
    if (command.length === 0) {
      this.#processes.delete(id);
      return;
    }
    if (process === undefined) return this.#start(machine, command, START_MS);
    if (process.argv.join('\n') !== command.join('\n')) {
      if (this.#serves(id)) this.#reportStop(machine);
      if (this.#leader === id) this.#leader = null;
      return this.#start(machine, command, RESTART_MS);
    }
    if (process.crashedAt !== null && this.#options.nowMs() >= process.crashedAt + CRASH_MS)
      this.#start(machine, command, START_MS);
  }

  #reportStop(machine: SimMachine): void {
    const members = this.#data.get(machine.id)?.members.length ?? this.#options.machines.size;
    const stay = [...this.#options.machines.keys()].filter((id) => id !== machine.id && this.#serves(id)).length;
    this.#options.onStop(machine, stay, Math.floor(members / 2) + 1);
  }

  #start(machine: SimMachine, argv: readonly string[], delay: number): void {
    const now = this.#options.nowMs();
    const data = this.#open(machine, argv);
    this.#processes.set(machine.id, {
      argv,
      pid: machine.nextPid(),
      readyAt: now + delay,
      crashedAt: data ? null : now,
    });
  }

  /** Opens the data directory as etcd does: with data the initial flags mean nothing; without, they decide. */
  #open(machine: SimMachine, argv: readonly string[]): boolean {
    const flag = (name: string): string => argv.find((a) => a.startsWith(`--${name}=`))?.slice(name.length + 3) ?? '';
    const missing = ['cert-file', 'key-file', 'peer-cert-file', 'peer-key-file', 'trusted-ca-file'].some(
      (f) => !machine.files.has(flag(f)),
    );
    if (missing) return false;
    if (this.#data.has(machine.id)) return true;
    if (flag('initial-cluster-state') !== 'new') return false;
    const token = flag('initial-cluster-token');
    const members = flag('initial-cluster')
      .split(',')
      .map((entry): SimMember => {
        const [name = '', peerUrl = ''] = entry.split('=');
        return {
          name,
          peerUrl,
          clientUrl: peerUrl.replace(/\d+$/, new URL(flag('advertise-client-urls')).port),
          id: hex(`${peerUrl} ${token}`),
        };
      });
    const self = members.find((m) => m.name === flag('name'));
    if (self === undefined) return false;
    const clusterId = hex(
      members
        .map((m) => m.id)
        .sort()
        .join(),
    );
    this.clusterIds.add(clusterId);
    this.#generation += 1;
    const marker = `wal ${this.#generation}`;
    machine.makeDirectory(`${flag('data-dir')}/member`, '700', this.#options.nowMs() / 1000);
    machine.putFile(`${flag('data-dir')}/member/wal`, marker, '600', this.#options.nowMs() / 1000);
    this.#data.set(machine.id, {
      marker: `${flag('data-dir')}/member/wal ${marker}`,
      clusterId,
      memberId: self.id,
      members,
      log: [],
      values: new Map(),
    });
    return true;
  }

  #dropWipedData(machine: SimMachine): void {
    const data = this.#data.get(machine.id);
    if (data === undefined) return;
    const [path = '', ...marker] = data.marker.split(' ');
    if (machine.files.get(path)?.content === marker.join(' ')) return;
    this.#data.delete(machine.id);
    this.#processes.delete(machine.id);
    if (this.#leader === machine.id) this.#leader = null;
  }

  #ready(id: HostId): boolean {
    const process = this.#processes.get(id);
    return process !== undefined && process.crashedAt === null && process.readyAt <= this.#options.nowMs();
  }

  /** The member is part of a quorum of its own cluster. */
  #serves(id: HostId): boolean {
    const own = this.#data.get(id);
    if (own === undefined || !this.#ready(id)) return false;
    const peers = [...this.#data].filter(
      ([other, data]) =>
        data.clusterId === own.clusterId && this.#ready(other) && (other === id || this.#options.connected(id, other)),
    );
    return peers.length >= Math.floor(own.members.length / 2) + 1;
  }

  #elect(): HostId | null {
    const serving = [...this.#data.keys()].filter((id) => this.#serves(id));
    // The longest log wins, as in raft; among equals the first, so that one seed gives one history.
    return (
      serving.sort(
        (a, b) => (this.#data.get(b)?.log.length ?? 0) - (this.#data.get(a)?.log.length ?? 0) || (a < b ? -1 : 1),
      )[0] ?? null
    );
  }

  #write(through: HostId, key: string, value: string): boolean {
    if (!this.#serves(through)) return false;
    const own = this.#data.get(through);
    const leader = this.#leader === null ? undefined : this.#data.get(this.#leader);
    if (own === undefined || leader === undefined) return false;
    const entry = `${key}=${value}`;
    const log = [...leader.log, entry];
    for (const [other, data] of this.#data) {
      if (data.clusterId !== own.clusterId || !this.#ready(other) || !this.#options.connected(through, other)) continue;
      data.log = [...log];
      data.values.set(key, value);
    }
    this.acknowledged.push(entry);
    return true;
  }
}

function memberList(data: SimData): EtcdMembers {
  return {
    clusterId: data.clusterId,
    members: data.members.map((m) => ({
      id: m.id,
      name: m.name,
      peerUrls: [m.peerUrl],
      clientUrls: [m.clientUrl],
      isLearner: false,
    })),
  };
}

function hex(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16).replace(/^0+/, '');
}

function okay<T>(value: T): Reply<T> {
  return { is: 'ok', value, tookMs: 1 };
}

function failed<T>(reason: Extract<Reply<T>, { is: 'failed' }>['reason'], message: string): Reply<T> {
  return { is: 'failed', reason, message };
}
