import { createHash } from 'node:crypto';
import type { ClusterConfig } from '../../config/schema.ts';
import type { Software } from '../../desired/types.ts';
import type { RunEvent } from '../../model/events.ts';
import { type HostId, hostId, type RunId } from '../../model/ids.ts';
import { Secret } from '../../model/secret.ts';
import type { Plan } from '../../plan/types.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EtcdAdmin } from '../../ports/etcd-admin.ts';
import type { LockHolder } from '../../ports/host.ts';
import type { CertificatePair, Issuer } from '../../ports/issuer.ts';
import type { Machine } from '../../ports/machine.ts';
import type { Random } from '../../ports/random.ts';
import type { JournalWriter, RunStore } from '../../ports/run-store.ts';
import type { Vault } from '../../ports/vault.ts';
import { type SimClock, simClock } from './clock.ts';
import { type Actor, SimEtcd, type Stop } from './etcd.ts';
import { simEtcdAdmin } from './etcd-admin.ts';
import { type Cut, type Gate, gate } from './gate.ts';
import { checkState } from './invariants.ts';
import { fixtureIssuer } from './issuer.ts';
import { SimMachine } from './machine.ts';
import { installSoftware } from './machine-software.ts';
import { type Rng, rng } from './random.ts';
import { type RunMachineWorld, runMachine } from './run-machine.ts';
import { boot } from './systemd.ts';
import { simVault, type VaultStore } from './vault.ts';

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

/** All that a run is given: like the ports of a real one. They die with its process. */
export interface SimPorts {
  machines: ReadonlyMap<HostId, Machine>;
  etcd: EtcdAdmin;
  pki: Issuer;
  vault: Vault;
  clock: Clock;
  random: Random;
  runStore: RunStore<RunEvent, Plan>;
  bundleKubeadm: null;
}

export interface ProcessOptions {
  /** The operator's computer: its processes know of each other whether they live. */
  desk?: string;
  cuts?: readonly Cut[];
  /** Told of each call, by its number, before it goes out. */
  onCall?: (call: number) => void;
}

/** One process of an operator. */
export interface SimProcess {
  readonly ports: SimPorts;
  readonly owner: Omit<LockHolder, 'run' | 'fence' | 'since'>;
  readonly isDead: (holder: LockHolder) => boolean;
  readonly gate: Gate;
  /** The process ends by itself. */
  readonly exit: () => void;
}

/** What a machine is away from. */
export type Away = 'operator' | 'peers' | 'everybody';

const START = '2026-01-01T00:00:00.000Z';
/** A look at a member counts as measured just before while it is no older. */
const JUST_BEFORE_MS = 15_000;
const CLIENT_EVERY_MS = 600;

/** A simulated cluster of machines: the one fake. It keeps a trace, and what went against the invariants. */
export class SimCluster {
  readonly options: SimOptions;
  readonly clock: SimClock;
  readonly rng: Rng;
  readonly machines = new Map<HostId, SimMachine>();
  readonly etcd: SimEtcd;
  vault: VaultStore = { identity: null, ca: null, inventory: null };
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
  /** Every run that wrote under a number. */
  readonly #writers = new Map<number, Set<string>>();
  readonly #highestFence = new Map<HostId, number>();
  readonly #issuer: Issuer;
  /** Certificates with the keys that were made for them. */
  readonly #pairs = new Map<string, string>();
  readonly #awayFromOperator = new Set<HostId>();
  readonly #awayFromPeers = new Set<HostId>();
  readonly #slow = new Map<HostId, number>();
  readonly #heldUntil = new Map<HostId, number>();
  readonly #living = new Map<string, Gate>();
  #processes = 1000;
  #identifiers = 0;
  #writes = 0;
  #clientRuns = false;

  constructor(options: SimOptions) {
    const { from } = options;
    this.options = options;
    this.rng = rng(options.seed);
    this.clock = simClock(from === undefined ? START : from.clock.now().toISOString());
    this.#issuer = fixtureIssuer(options.issuer, this.clock.outside);
    for (const machine of from === undefined ? this.#newMachines() : [...from.machines.values()].map((m) => m.copy()))
      this.machines.set(machine.id, machine);
    this.etcd = new SimEtcd({
      machines: this.machines,
      wallMs: () => this.#wallMs(),
      rng: this.rng,
      connected: (a, b) => this.#connected(a, b),
      belongTogether: (certificate, key) => this.#belongTogether(certificate, key),
      onStop: (stop) => this.#onStop(stop),
      violation: (what) => this.violate(what),
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
    const desk = options.desk ?? 'desk';
    this.#processes += 1;
    const pid = this.#processes;
    const key = `${desk} ${pid}`;
    const own = this.#gate(options);
    this.#living.set(key, own);
    void own.death.then(() => this.#living.delete(key));
    return {
      ports: this.#ports(own),
      owner: {
        command: 'apply',
        user: 'ops',
        operator: desk,
        operatorMachineId: desk,
        operatorBootId: `${desk}-boot`,
        pid,
        pidStart: '1',
      },
      isDead: (holder) => holder.operatorMachineId === desk && !this.#living.has(`${desk} ${holder.pid}`),
      gate: own,
      exit: () => this.#living.delete(key),
    };
  }

  /** Power goes away without warning; with `backAfterMs` the machine comes back by itself. */
  powerOff(id: HostId, backAfterMs?: number): void {
    const machine = this.machines.get(id);
    if (machine === undefined || !machine.up) return;
    machine.up = false;
    machine.transients = [];
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

  /** What lies at a path is gone. */
  wipe(id: HostId, path: string): void {
    this.machines.get(id)?.remove(path);
    this.note(`${path} on ${id} is gone`);
    this.etcd.settle();
  }

  cutOff(id: HostId, from: Away): void {
    if (from !== 'peers') this.#awayFromOperator.add(id);
    if (from !== 'operator') this.#awayFromPeers.add(id);
    this.note(`${id} is cut off from ${from}`);
    this.etcd.settle();
  }

  heal(id: HostId): void {
    const was = this.#awayFromOperator.delete(id);
    if (this.#awayFromPeers.delete(id) || was) this.note(`${id} is reached again`);
    this.#slow.delete(id);
  }

  /** Every answer of the machine takes up to so much longer. */
  slow(id: HostId, ms: number): void {
    this.#slow.set(id, ms);
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
    this.#identifiers = from.#identifiers;
    this.#processes = from.#processes;
    this.#writes = from.#writes;
    for (const [certificate, key] of from.#pairs) this.#pairs.set(certificate, key);
    for (const [host, fence] of from.#highestFence) this.#highestFence.set(host, fence);
    this.etcd.adopt(from.etcd);
  }

  #gate({ cuts = [], onCall }: ProcessOptions): Gate {
    return gate({
      clock: this.clock,
      rng: this.rng,
      cuts,
      ...(onCall === undefined ? {} : { onCall }),
      delayMs: (host) => this.rng.below((this.#slow.get(host) ?? 0) + 1),
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

  #ports(own: Gate): SimPorts {
    const clock: Clock = { now: this.clock.now, monotonicMs: this.clock.monotonicMs, sleep: own.sleep };
    const sawServing = new Map<HostId, number>();
    const world: RunMachineWorld = {
      clock,
      nowMs: this.clock.monotonicMs,
      wallMs: () => this.#wallMs(),
      etcd: this.etcd,
      reaches: (from, address) => {
        const to = [...this.machines.values()].find((m) => m.address === address);
        return to !== undefined && this.#connected(from.id, to.id);
      },
      reachable: (machine) => !this.#awayFromOperator.has(machine.id),
      heldMs: (machine) => Math.max(0, (this.#heldUntil.get(machine.id) ?? 0) - this.clock.monotonicMs()),
      actor: (run): Actor => ({ run, issuedAt: this.clock.monotonicMs(), sawServing: new Map(sawServing) }),
      later: (machine, ms, effect) => this.#later(machine, ms, effect),
      received: (machine, binding, what) => this.#received(machine, binding, what),
    };
    const operator = <T>(what: string, effect: () => T): Promise<T> => own.call({ what, host: null, effect });
    return {
      machines: new Map([...this.machines].map(([id, machine]) => [id, runMachine(machine, own, world)])),
      etcd: simEtcdAdmin({
        etcd: this.etcd,
        machines: this.machines,
        reaches: (host) => !this.#awayFromOperator.has(host),
        belongTogether: (certificate, key) => this.#belongTogether(certificate, key),
        call: (what, host, effect, onLost) => own.call({ what, host, effect, onLost }),
        sleep: own.sleep,
        saw: (host, serving) => {
          if (serving) sawServing.set(host, this.clock.monotonicMs());
          else sawServing.delete(host);
        },
      }),
      pki: {
        createCa: (spec) => this.#made(own, this.#issuer.createCa(spec)),
        issue: (spec, ca) => this.#made(own, this.#issuer.issue(spec, ca)),
        loadCa: (files) => this.#made(own, this.#issuer.loadCa(files)),
      },
      vault: simVault(
        () => this.vault,
        (what, effect) => operator(`vault ${what}`, () => this.#withBackup(effect)),
      ),
      clock,
      random: { uuid: () => this.#uuid(), hex: (bytes) => this.#hex(bytes) },
      runStore: this.#runStore(operator),
      bundleKubeadm: null,
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

  async #made(own: Gate, work: Promise<CertificatePair>): Promise<CertificatePair> {
    const pair = await work;
    this.#pairs.set(pair.certificate, Secret.valueOf(pair.key));
    return own.call({ what: 'make a key', host: null, effect: () => pair });
  }

  #runStore(operator: <T>(what: string, effect: () => T) => Promise<T>): RunStore<RunEvent, Plan> {
    return {
      open: (run) =>
        operator('journal open', (): JournalWriter<RunEvent> => {
          const events: RunEvent[] = [];
          this.journals.set(run, events);
          return {
            append: (event) => operator(`journal ${event.type}`, () => this.#journal(events, event)),
            close: () => operator('journal close', () => undefined),
          };
        }),
      list: () => operator('journal list', () => [...this.journals.keys()].reverse()),
      read: (run) =>
        operator('journal read', () => ({ run, events: this.journals.get(run) ?? [], torn: false, damagedLines: [] })),
      savePlan: (_digest, plan) => operator('save plan', () => this.#checkText('a saved plan', plan)),
      readPlan: () => operator('read plan', () => null),
    };
  }

  #journal(events: RunEvent[], event: RunEvent): void {
    events.push(event);
    this.#checkText('a journal', event);
    if (event.type === 'step.finished' && 'error' in event)
      this.note(`step ${event.step} ${event.outcome}: ${event.error.code} ${event.error.message}`);
    if (event.type === 'run.finished')
      this.note(
        `run ${event.run} ${event.outcome}${event.error === undefined ? '' : `: ${event.error.code} ${event.error.message}`}`,
      );
  }

  #checkText(where: string, value: unknown): void {
    if (JSON.stringify(value).includes('PRIVATE KEY')) this.violate(`a private key lies in ${where}`);
  }

  #received(
    machine: SimMachine,
    { run, step, fence }: { run: RunId; step: string; fence: number },
    what: string,
  ): void {
    const begun = this.journals.get(run)?.some((e) => e.type === 'step.started' && e.step === step) ?? false;
    if (!begun) this.violate(`${machine.id} received ${what} of a step that the journal has not begun`);
    const writers = this.#writers.get(fence) ?? new Set();
    this.#writers.set(fence, writers.add(run));
    if (writers.size > 1) this.violate(`runs ${[...writers].join(' and ')} both wrote under number ${fence}`);
    const highest = this.#highestFence.get(machine.id) ?? 0;
    if (fence < highest)
      this.violate(`${machine.id} received ${what} under number ${fence} after one under ${highest}`);
    this.#highestFence.set(machine.id, Math.max(highest, fence));
  }

  /** Keelson takes a voter down: the others must carry the quorum as far as the run could know. */
  #onStop({ machine, by, wasServing, others, need }: Stop): void {
    if (this.ending || !this.#isHandedOver() || !wasServing) return;
    const justBefore = by.issuedAt - JUST_BEFORE_MS;
    const stay = others.filter(
      ({ host, serves, ours }) =>
        serves || (!ours && (by.sawServing.get(host) ?? Number.NEGATIVE_INFINITY) >= justBefore),
    ).length;
    if (stay < need)
      this.violate(`run ${by.run} takes ${machine.id} down while ${stay} of the other members serve and ${need} must`);
  }

  #isHandedOver(): boolean {
    if (this.vault.identity?.etcd.phase === 'handed-over') this.handedOver = true;
    return this.handedOver;
  }

  async #writeAsClients(): Promise<void> {
    const ids = [...this.machines.keys()];
    while (this.#clientRuns) {
      await this.clock.sleep(CLIENT_EVERY_MS);
      this.etcd.settle();
      const through = ids[this.rng.below(ids.length)];
      if (!this.#isHandedOver() || through === undefined) continue;
      this.#writes += 1;
      this.etcd.clientPut(through, `user/${this.#writes % 50}`, String(this.#writes));
    }
  }

  #connected(a: HostId, b: HostId): boolean {
    const [one, other] = [this.machines.get(a), this.machines.get(b)];
    return one?.up === true && other?.up === true && !this.#awayFromPeers.has(a) && !this.#awayFromPeers.has(b);
  }

  #wallMs(): number {
    return this.clock.now().getTime();
  }

  /** The same ones in every simulation, so that what is rendered from them is rendered once. */
  #hex(bytes: number): string {
    this.#identifiers += 1;
    return createHash('sha256')
      .update(`identifier ${this.#identifiers}`)
      .digest('hex')
      .slice(0, 2 * bytes);
  }

  #uuid(): string {
    const h = this.#hex(16);
    return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-8${h.slice(17, 20)}-${h.slice(20)}`;
  }
}
