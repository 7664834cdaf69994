import { createHash } from 'node:crypto';
import type { ClusterConfig } from '../../config/schema.ts';
import type { Software } from '../../desired/types.ts';
import type { RunEvent } from '../../model/events.ts';
import { type HostId, hostId, type RunId } from '../../model/ids.ts';
import { Secret } from '../../model/secret.ts';
import type { Cache } from '../../ports/cache.ts';
import type { Issuer } from '../../ports/issuer.ts';
import { type SimClock, simClock } from './clock.ts';
import { SimEtcd } from './etcd.ts';
import { type Gate, gate } from './gate.ts';
import { SimIdentifiers } from './identifiers.ts';
import { checkState } from './invariants.ts';
import { fixtureIssuer } from './issuer.ts';
import { SimKube } from './kube.ts';
import { type Away, SimLinks } from './links.ts';
import { SimMachine } from './machine.ts';
import { installSoftware } from './machine-software.ts';
import { type SimWorld, simPorts } from './ports.ts';
import { type ProcessOptions, type SimProcess, SimProcesses } from './process.ts';
import { type Rng, rng } from './random.ts';
import { boot } from './systemd.ts';
import { emptyVault, type VaultStore } from './vault.ts';
import { WriteWatch } from './write-watch.ts';

export interface SimOptions {
  config: ClusterConfig;
  software: Software;
  /** One seed decides everything. */
  seed: number;
  /** Makes certificates. Its keys are made once and used again by every simulation. */
  issuer: Issuer;
  /** Goes on from another simulation, which must be at rest. */
  from?: SimCluster;
}

const START = '2026-01-01T00:00:00.000Z';
const CLIENT_EVERY_MS = 600;

/** A simulated cluster of machines: the one fake. It keeps a trace, and what went against the invariants. */
export class SimCluster {
  options: SimOptions;
  readonly clock: SimClock;
  readonly rng: Rng;
  readonly machines = new Map<HostId, SimMachine>();
  readonly etcd: SimEtcd;
  readonly kube: SimKube;
  vault: VaultStore = emptyVault();
  /** Copies of the vault as it was after each write, the newest last. */
  readonly backups: VaultStore[] = [];
  readonly journals = new Map<RunId, RunEvent[]>();
  readonly violations: string[] = [];
  readonly trace: string[] = [];
  /** The cluster has been given to its users: from here on they write. */
  handedOver = false;
  /** It is being given up on purpose: there is no quorum to keep. */
  ending = false;
  /** A founding is started over on purpose: an earlier one counts only if it had a quorum. */
  refounding = false;
  readonly #issuer: Issuer;
  /** Certificates with the keys that were made for them. */
  readonly #pairs = new Map<string, string>();
  readonly #heldUntil = new Map<HostId, number>();
  readonly #links: SimLinks;
  readonly #watch: WriteWatch;
  readonly #processes = new SimProcesses();
  readonly #identifiers = new SimIdentifiers();
  #remembered: string | null = null;
  /** Not lost with a process, nor with the vault. */
  readonly #cache: Cache = {
    read: () => Promise.resolve(this.#remembered),
    write: (text) => {
      this.#remembered = text;
      return Promise.resolve();
    },
  };
  #writes = 0;
  #clientRuns = false;

  constructor(options: SimOptions) {
    const { from } = options;
    this.options = options;
    this.rng = rng(options.seed);
    this.clock = simClock(from === undefined ? START : from.clock.now().toISOString());
    this.#links = new SimLinks(this.rng);
    this.#watch = new WriteWatch({ journals: this.journals, violate: (what) => this.violate(what) });
    this.#issuer = fixtureIssuer(options.issuer, this.clock.outside);
    for (const machine of from === undefined ? this.#newMachines() : [...from.machines.values()].map((m) => m.copy()))
      this.machines.set(machine.id, machine);
    this.etcd = new SimEtcd({
      machines: this.machines,
      wallMs: () => this.#wallMs(),
      rng: this.rng,
      connected: (a, b) => this.#connected(a, b),
      belongTogether: (certificate, key) => this.#belongTogether(certificate, key),
      onStop: (stop) => {
        if (!this.ending && this.#isHandedOver()) this.#watch.stopped(stop);
      },
      violation: (what) => this.violate(what),
    });
    this.kube = new SimKube({
      machines: this.machines,
      etcd: this.etcd,
      wallMs: () => this.#wallMs(),
      connected: (a, b) => this.#connected(a, b),
      paired: (certificate, key) => this.#pairs.set(certificate, key),
    });
    if (from !== undefined) this.#adopt(from);
  }

  violate(what: string): void {
    if (this.violations.includes(what)) return;
    this.violations.push(what);
    this.note(`VIOLATION: ${what}`);
  }

  note(line: string): void {
    this.trace.push(`${(this.clock.monotonicMs() / 1000).toFixed(3)} s: ${line}`);
  }

  /** A new process on an operator's computer. */
  process(options: ProcessOptions = {}): SimProcess {
    const own = this.#gate(options);
    return this.#processes.start(options.desk ?? 'desk', own, simPorts(this.#world(), own));
  }

  /** Somebody has changed cluster.yaml: machines that it newly names are there, and bare. */
  reconfigure(config: ClusterConfig): void {
    this.options = { ...this.options, config };
    for (const machine of this.#newMachines())
      if (!this.machines.has(machine.id)) this.machines.set(machine.id, machine);
  }

  /** Power goes away without warning; with `backAfterMs` the machine comes back by itself. */
  powerOff(id: HostId, backAfterMs?: number): void {
    const machine = this.machines.get(id);
    if (machine === undefined || !machine.up) return;
    machine.up = false;
    machine.transients = [];
    machine.founding = null;
    machine.boots += 1;
    this.etcd.machineDown(id);
    this.etcd.settle();
    this.note(`${id} loses power`);
    if (backAfterMs !== undefined) void this.clock.sleep(backAfterMs).then(() => this.powerOn(id));
  }

  powerOn(id: HostId): void {
    const machine = this.machines.get(id);
    if (machine === undefined || machine.up) return;
    boot(machine, this.#wallMs());
    this.#heldUntil.delete(id);
    this.note(`${id} is up`);
    this.etcd.settle();
  }

  /** A kubeadm that is at work there is ended where it is, as by the kernel when memory is short. */
  killKubeadm(id: HostId): void {
    for (const transient of this.machines.get(id)?.transients ?? []) {
      if (transient.builder !== 'kubeadm' || transient.state === 'ended') continue;
      transient.state = 'ended';
      transient.result = { exitCode: 137, stdout: '', stderr: 'Killed' };
      this.note(`kubeadm on ${id} is killed`);
    }
  }

  /** What lies at a path is gone. */
  wipe(id: HostId, path: string): void {
    this.machines.get(id)?.remove(path);
    this.note(`${path} on ${id} is gone`);
    this.etcd.settle();
  }

  cutOff(id: HostId, from: Away): void {
    this.#links.cutOff(id, from);
    this.note(`${id} is cut off from ${from}`);
    this.etcd.settle();
  }

  heal(id: HostId): void {
    if (this.#links.heal(id)) this.note(`${id} is reached again`);
  }

  /** Every answer of the machine takes up to so much longer. */
  slow(id: HostId, ms: number): void {
    this.#links.slow(id, ms);
    this.note(`${id} answers slowly`);
  }

  /** Users of the cluster write from the handover on, through any member, as long as the simulation's time passes. */
  startClients(): void {
    if (this.#clientRuns) return;
    this.#clientRuns = true;
    void this.#writeAsClients();
  }

  stopClients(): void {
    this.#clientRuns = false;
  }

  /** All machines are up and reached, and what dead runs still had under way has happened. */
  async rest(): Promise<void> {
    for (const id of this.machines.keys()) this.heal(id);
    await this.clock.advance(25_000);
    for (const id of this.machines.keys()) this.powerOn(id);
    await this.clock.advance(15_000);
  }

  /** What must hold at every moment, and did not. */
  check(): readonly string[] {
    for (const what of checkState(this)) this.violate(what);
    return this.violations;
  }

  /** Changes when anything on the machines does: files, their inodes and times, processes. */
  fingerprint(): string {
    const hash = createHash('sha256');
    for (const machine of this.machines.values()) {
      for (const [path, file] of machine.files)
        hash.update(`${path} ${file.mode} ${file.owner} ${file.inode} ${file.mtime}\n`);
      for (const [name, unit] of machine.units) hash.update(`${name} ${unit.pid} ${unit.enabled}\n`);
      hash.update(`etcd ${this.etcd.process(machine.id)?.pid ?? 0}\n`);
    }
    hash.update(this.kube.revision());
    return hash.digest('hex');
  }

  /** Whether the certificate file and the key file hold what was made as one pair. */
  #belongTogether(certificate: string | undefined, key: string | undefined): boolean {
    return certificate !== undefined && key !== undefined && this.#pairs.get(certificate) === key;
  }

  #newMachines(): SimMachine[] {
    const { config, software } = this.options;
    return config.spec.hosts.map((host) => {
      const machine = new SimMachine(
        hostId(host.name),
        host.address,
        createHash('md5').update(host.name).digest('hex'),
      );
      installSoftware(machine, software, Date.parse(START));
      return machine;
    });
  }

  #adopt(from: SimCluster): void {
    this.vault = { ...from.vault };
    this.backups.push(...from.backups);
    this.handedOver = from.handedOver;
    this.#identifiers.adopt(from.#identifiers);
    this.#processes.adopt(from.#processes);
    this.#writes = from.#writes;
    for (const [certificate, key] of from.#pairs) this.#pairs.set(certificate, key);
    this.#watch.adopt(from.#watch);
    this.etcd.adopt(from.etcd);
    this.kube.adopt(from.kube);
  }

  #gate({ cuts = [], onCall }: ProcessOptions): Gate {
    return gate({
      clock: this.clock,
      rng: this.rng,
      cuts,
      ...(onCall === undefined ? {} : { onCall }),
      delayMs: (host) => this.#links.delayMs(host),
      postpone: (host, ms, holding, effect) => this.#postpone(host, ms, holding, effect),
      hostGone: (host) => this.powerOff(host, 3_000 + this.rng.below(90_000)),
      trace: (line) => this.note(line),
    });
  }

  #postpone(host: HostId, ms: number, holding: boolean, effect: () => void): void {
    const machine = this.machines.get(host);
    if (machine === undefined) return;
    if (holding) this.#heldUntil.set(host, this.clock.monotonicMs() + ms);
    this.#later(machine, ms, () => {
      try {
        effect();
      } catch {
        // A late write that the fence refuses: nobody waits for the answer any more.
      }
    });
  }

  #later(machine: SimMachine, ms: number, effect: () => void): void {
    const { boots } = machine;
    void this.clock.sleep(ms).then(() => {
      if (machine.up && machine.boots === boots) effect();
    });
  }

  #world(): SimWorld {
    return {
      clock: this.clock,
      machines: this.machines,
      etcd: this.etcd,
      kube: this.kube,
      links: this.#links,
      watch: this.#watch,
      issuer: this.#issuer,
      random: this.#identifiers,
      cache: this.#cache,
      journals: this.journals,
      vault: () => this.vault,
      changeVault: (effect) => this.#withBackup(effect),
      connected: (a, b) => this.#connected(a, b),
      heldMs: (machine) => Math.max(0, (this.#heldUntil.get(machine.id) ?? 0) - this.clock.monotonicMs()),
      later: (machine, ms, effect) => this.#later(machine, ms, effect),
      keyMade: (pair) => this.#pairs.set(pair.certificate, Secret.valueOf(pair.key)),
      belongTogether: (certificate, key) => this.#belongTogether(certificate, key),
      note: (line) => this.note(line),
      violate: (what) => this.violate(what),
    };
  }

  #withBackup<T>(effect: () => T): T {
    const before = { ...this.vault };
    const result = effect();
    const { identity, ca, inventory } = this.vault;
    if (identity !== before.identity || ca !== before.ca || inventory !== before.inventory)
      this.backups.push({ ...this.vault });
    return result;
  }

  #isHandedOver(): boolean {
    if (this.vault.identity?.etcd.phase === 'handed-over') this.handedOver = true;
    return this.handedOver;
  }

  async #writeAsClients(): Promise<void> {
    const ids = [...this.machines.keys()];
    while (this.#clientRuns) {
      await this.clock.sleep(CLIENT_EVERY_MS);
      // Kubelets and controllers go on by themselves, too.
      this.kube.settle();
      const through = ids[this.rng.below(ids.length)];
      if (!this.#isHandedOver() || through === undefined) continue;
      this.#writes += 1;
      this.etcd.clientPut(through, `user/${this.#writes % 50}`, String(this.#writes));
    }
  }

  #connected(a: HostId, b: HostId): boolean {
    const [one, other] = [this.machines.get(a), this.machines.get(b)];
    return one?.up === true && other?.up === true && this.#links.betweenPeers(a, b);
  }

  #wallMs(): number {
    return this.clock.now().getTime();
  }
}
