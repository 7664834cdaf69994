import type { Ports } from '../../engine/types.ts';
import type { RunEvent } from '../../model/events.ts';
import type { HostId, RunId } from '../../model/ids.ts';
import type { Cache } from '../../ports/cache.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CertificatePair, Issuer } from '../../ports/issuer.ts';
import type { Random } from '../../ports/random.ts';
import type { SimClock } from './clock.ts';
import type { Actor, SimEtcd } from './etcd.ts';
import { simEtcdAdmin } from './etcd-admin.ts';
import type { Gate } from './gate.ts';
import type { SimKube } from './kube.ts';
import { simKubeApi } from './kube-api.ts';
import type { SimLinks } from './links.ts';
import type { SimMachine } from './machine.ts';
import { type RunMachineWorld, runMachine } from './run-machine.ts';
import { simRunStore } from './run-store.ts';
import { simVault, type VaultStore } from './vault.ts';
import type { WriteWatch } from './write-watch.ts';

/** The cluster as its processes act on it. */
export interface SimWorld {
  clock: SimClock;
  machines: ReadonlyMap<HostId, SimMachine>;
  etcd: SimEtcd;
  kube: SimKube;
  links: SimLinks;
  watch: WriteWatch;
  issuer: Issuer;
  random: Random;
  cache: Cache;
  journals: Map<RunId, RunEvent[]>;
  vault: () => VaultStore;
  /** Does something to the vault. */
  changeVault: <T>(effect: () => T) => T;
  /** Whether two machines reach each other. */
  connected: (a: HostId, b: HostId) => boolean;
  /** Milliseconds until nobody holds the machine's lock file any more. */
  heldMs: (machine: SimMachine) => number;
  /** Does something on the machine after a while, unless it loses power before. */
  later: (machine: SimMachine, ms: number, effect: () => void) => void;
  keyMade: (pair: CertificatePair) => void;
  belongTogether: (certificate: string | undefined, key: string | undefined) => boolean;
  note: (line: string) => void;
  violate: (what: string) => void;
}

/** What one process is given. Every call of it goes through its gate. */
export function simPorts(sim: SimWorld, own: Gate): Ports {
  const { now, monotonicMs } = sim.clock;
  const clock: Clock = { now, monotonicMs, sleep: own.sleep };
  const sawServing = new Map<HostId, number>();
  /** The run whose journal this process has opened. */
  let run: RunId | null = null;
  const world: RunMachineWorld = {
    clock,
    nowMs: monotonicMs,
    wallMs: () => now().getTime(),
    etcd: sim.etcd,
    kube: sim.kube,
    reaches: (from, address) => {
      const to = [...sim.machines.values()].find((m) => m.address === address);
      return to !== undefined && sim.connected(from.id, to.id);
    },
    reachable: (machine) => sim.links.fromOperator(machine.id),
    heldMs: sim.heldMs,
    actor: (run): Actor => ({ run, issuedAt: monotonicMs(), sawServing: new Map(sawServing) }),
    later: sim.later,
    received: (machine, binding, what) => sim.watch.received(machine.id, binding, what),
  };
  const operator = <T>(what: string, effect: () => T): Promise<T> => own.call({ what, host: null, effect });

  async function made(work: Promise<CertificatePair>): Promise<CertificatePair> {
    const pair = await work;
    sim.keyMade(pair);
    return operator('make a key', () => pair);
  }

  return {
    machines: new Map([...sim.machines].map(([id, machine]) => [id, runMachine(machine, own, world)])),
    etcd: simEtcdAdmin({
      etcd: sim.etcd,
      machines: sim.machines,
      reaches: (host) => sim.links.fromOperator(host),
      belongTogether: sim.belongTogether,
      call: (what, host, effect, onLost) => own.call({ what, host, effect, onLost }),
      sleep: own.sleep,
      saw: (host, serving) => {
        if (serving) sawServing.set(host, monotonicMs());
        else sawServing.delete(host);
      },
    }),
    kube: simKubeApi({
      kube: sim.kube,
      machines: sim.machines,
      reaches: (host) => sim.links.fromOperator(host),
      authority: () => sim.vault().clusterKeys.get('kubernetes-ca')?.public,
      call: own.call,
      sleep: own.sleep,
      writes: (host, what) => sim.watch.wroteByApi(host, run, what),
    }),
    pki: {
      createCa: (spec) => made(sim.issuer.createCa(spec)),
      encryptForUpload: sim.issuer.encryptForUpload,
      createKeyPair: async (algorithm) => {
        const pair = await sim.issuer.createKeyPair(algorithm);
        return operator('make a key', () => pair);
      },
      issue: (spec, ca) => made(sim.issuer.issue(spec, ca)),
      loadCa: (files) => made(sim.issuer.loadCa(files)),
    },
    vault: simVault(sim.vault, (what, effect) => operator(`vault ${what}`, () => sim.changeVault(effect))),
    clock,
    random: sim.random,
    cache: sim.cache,
    runStore: simRunStore({
      journals: sim.journals,
      call: operator,
      opened: (id) => {
        run = id;
      },
      note: sim.note,
      violate: sim.violate,
    }),
    bundleKubeadm: null,
  };
}
