import type { ClusterConfig } from '../../config/schema.ts';
import type { RunEvent } from '../../model/events.ts';
import { type HostId, hostId, type RunId } from '../../model/ids.ts';
import type { Plan } from '../../plan/types.ts';
import type { EtcdAdmin, Reply } from '../../ports/etcd-admin.ts';
import type { Issuer } from '../../ports/issuer.ts';
import type { Machine } from '../../ports/machine.ts';
import type { Random } from '../../ports/random.ts';
import type { RunStore } from '../../ports/run-store.ts';
import type { Vault } from '../../ports/vault.ts';
import { type ManualClock, manualClock } from '../manual-clock.ts';
import { SimEtcd } from './etcd.ts';
import { type Cut, type Gate, gate } from './gate.ts';
import { SimMachine } from './machine.ts';
import { type RunMachineWorld, runMachine } from './run-machine.ts';
import { simVault, type VaultStore } from './vault.ts';

export interface SimOptions {
  config: ClusterConfig;
  /** One seed decides everything. */
  seed: number;
  /** Makes certificates; keys may be fixtures. */
  issuer: Issuer;
}

/** One run's ports: they die with its process. */
export interface SimPorts {
  machines: ReadonlyMap<HostId, Machine>;
  etcd: EtcdAdmin;
  pki: Issuer;
  vault: Vault;
  clock: ManualClock;
  random: Random;
  runStore: RunStore<RunEvent, Plan>;
  bundleKubeadm: null;
  gate: Gate;
}

interface Postponed {
  host: string;
  at: number;
  effect: () => void;
}

const REBOOT_MS = 20_000;

/** A simulated cluster of machines: the one fake. It keeps a trace, and what went against the invariants. */
export class SimCluster {
  readonly clock = manualClock();
  readonly machines = new Map<HostId, SimMachine>();
  readonly etcd: SimEtcd;
  readonly vault: VaultStore = { identity: null, ca: null, inventory: null };
  readonly journals = new Map<RunId, RunEvent[]>();
  readonly violations: string[] = [];
  readonly trace: string[] = [];
  readonly #random: () => number;
  readonly #issuer: Issuer;
  readonly #unreachable = new Set<string>();
  readonly #apart = new Set<string>();
  #postponed: Postponed[] = [];

  constructor(options: SimOptions) {
    this.#random = mulberry32(options.seed);
    this.#issuer = options.issuer;
    for (const host of options.config.spec.hosts) {
      const id = hostId(host.name);
      this.machines.set(id, new SimMachine(id, host.address, this.#hex(16)));
    }
    this.etcd = new SimEtcd({
      machines: this.machines,
      nowMs: () => this.clock.monotonicMs(),
      connected: (a, b) => !this.#apart.has(a) && !this.#apart.has(b),
      onStop: (machine, stay, need) => {
        const phase = this.vault.identity?.etcd.phase ?? 'new';
        if (phase === 'handed-over' && stay < need)
          this.violations.push(`${machine.id} was taken down while ${stay} healthy voters stay and ${need} are needed`);
      },
    });
  }

  random(): number {
    return this.#random();
  }

  /** The ports of a new process of the operator. */
  ports(cuts: readonly Cut[] = []): SimPorts {
    const own = gate({
      clock: this.clock,
      random: this.#random,
      cuts,
      postpone: (host, ms, effect) => this.#postponed.push({ host, at: this.clock.monotonicMs() + ms, effect }),
      hostGone: (host) => this.powerOff(hostId(host), REBOOT_MS),
      trace: (line) => this.trace.push(`${this.clock.monotonicMs()} ms: ${line}`),
    });
    const world = this.#world();
    return {
      machines: new Map([...this.machines].map(([id, machine]) => [id, runMachine(machine, own, world)])),
      etcd: this.etcd.admin((host, body) =>
        own.call('etcd', host, () => (this.#unreachable.has(host) ? lost(host) : body())),
      ),
      pki: {
        createCa: (spec) => guarded(own, this.#issuer.createCa(spec)),
        issue: (spec, ca) => guarded(own, this.#issuer.issue(spec, ca)),
        loadCa: (files) => guarded(own, this.#issuer.loadCa(files)),
      },
      vault: simVault(this.vault, own),
      clock: this.clock,
      random: { uuid: () => this.#uuid(), hex: (bytes) => this.#hex(bytes) },
      runStore: this.#runStore(own),
      bundleKubeadm: null,
      gate: own,
    };
  }

  /** Power goes away without warning; the machine is back after a while. */
  powerOff(id: HostId, backAfterMs: number): void {
    const machine = this.machines.get(id);
    if (machine === undefined || !machine.up) return;
    machine.up = false;
    this.etcd.machineDown(id);
    this.#postponed = this.#postponed.filter((p) => p.host !== id);
    this.trace.push(`${this.clock.monotonicMs()} ms: ${id} loses power`);
    void this.clock.sleep(backAfterMs).then(() => {
      machine.reboot();
      for (const [name, unit] of machine.units) {
        if (unit.enabled)
          machine.units.set(name, { ...unit, active: true, pid: machine.nextPid(), startedAt: this.#wallMs() / 1000 });
      }
      this.etcd.settle();
    });
  }

  /** The machine's disk is replaced by an empty one under etcd's data directory. */
  wipe(id: HostId, path: string): void {
    this.machines.get(id)?.remove(path);
    this.trace.push(`${this.clock.monotonicMs()} ms: ${path} on ${id} is gone`);
    this.etcd.settle();
  }

  /** Cuts a machine off from the others and the operator, or heals it. */
  partition(id: HostId, apart: boolean): void {
    for (const set of [this.#apart, this.#unreachable]) {
      if (apart) set.add(id);
      else set.delete(id);
    }
  }

  /** Everything that keelson's dead runs still had under way has happened. */
  async quiet(): Promise<void> {
    await this.clock.advance(120_000);
    for (const machine of this.machines.values()) {
      this.#flush(machine);
      machine.settleTransients(this.clock.monotonicMs());
    }
    this.etcd.settle();
  }

  /** What must hold at every moment. */
  checkInvariants(): string[] {
    const found = [...this.violations];
    if (this.etcd.clusterIds.size > 1)
      found.push(`${this.etcd.clusterIds.size} etcd clusters were founded: ${[...this.etcd.clusterIds].join(', ')}`);
    for (const machine of this.machines.values()) {
      for (const [path, file] of machine.files) {
        if (!file.content.includes('PRIVATE KEY')) continue;
        if (!path.startsWith('/etc/kubernetes/pki/') || file.mode !== '600')
          found.push(`a private key lies in ${machine.id}:${path} (${file.mode})`);
        if (path.endsWith('/ca.key')) found.push(`the CA's key lies on ${machine.id}`);
      }
    }
    return found;
  }

  #world(): RunMachineWorld {
    return {
      nowMs: () => this.clock.monotonicMs(),
      wallMs: () => this.#wallMs(),
      etcd: this.etcd,
      clock: this.clock,
      reaches: (from, address) => {
        const to = [...this.machines.values()].find((m) => m.address === address);
        return to !== undefined && to.up && !this.#apart.has(from.id) && !this.#apart.has(to.id);
      },
      reachable: (machine) => !this.#unreachable.has(machine.id),
      flush: (machine) => this.#flush(machine),
      received: (machine, { run, step }, what) => {
        const started = this.journals.get(run)?.some((e) => e.type === 'step.started' && e.step === step) ?? false;
        if (!started) this.violations.push(`${machine.id} received ${what} of a step that the journal has not begun`);
      },
    };
  }

  #flush(machine: SimMachine): void {
    const due = this.#postponed.filter((p) => p.host === machine.id);
    this.#postponed = this.#postponed.filter((p) => p.host !== machine.id);
    for (const { effect } of due) {
      try {
        effect();
      } catch {
        // A late write that the fence refuses, or that finds its machine down: nobody waits for the answer any more.
      }
    }
    machine.settleTransients(this.clock.monotonicMs());
  }

  #runStore(own: Gate): RunStore<RunEvent, Plan> {
    return {
      open: (run) =>
        own.call('journal open', null, () => {
          const events: RunEvent[] = [];
          this.journals.set(run, events);
          return {
            append: (event) => own.call(`journal ${event.type}`, null, () => void events.push(event)),
            close: () => Promise.resolve(),
          };
        }),
      list: () => Promise.resolve([...this.journals.keys()].reverse()),
      read: (run) => Promise.resolve({ run, events: this.journals.get(run) ?? [], torn: false, damagedLines: [] }),
      savePlan: () => own.call('save plan', null, () => undefined),
      readPlan: () => Promise.resolve(null),
    };
  }

  #wallMs(): number {
    return this.clock.now().getTime();
  }

  #hex(bytes: number): string {
    return Array.from({ length: bytes }, () =>
      Math.floor(this.#random() * 256)
        .toString(16)
        .padStart(2, '0'),
    ).join('');
  }

  #uuid(): string {
    const h = this.#hex(16);
    return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-8${h.slice(17, 20)}-${h.slice(20)}`;
  }
}

function lost<T>(host: HostId): Reply<T> {
  return { is: 'failed', reason: 'unreachable', message: `${host} does not answer` };
}

/** Making keys takes real time, which the simulation does not count; a dead process never gets them. */
async function guarded<T>(own: Gate, work: Promise<T>): Promise<T> {
  const value = await work;
  return own.call('pki', null, () => value);
}

/** A small generator with a full 32-bit period: https://github.com/bryc/code/blob/master/jshash/PRNGs.md */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
