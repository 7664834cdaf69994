import type { ReadView } from '../facts/gather.ts';
import type { KeelsonError } from '../model/errors.ts';
import type { RunEvent } from '../model/events.ts';
import type { HostId, StepId } from '../model/ids.ts';
import type { Plan, SafetyRule } from '../plan/types.ts';
import type { Cache } from '../ports/cache.ts';
import type { Clock } from '../ports/clock.ts';
import type { EtcdAdmin } from '../ports/etcd-admin.ts';
import type { LockHolder, ReadHost } from '../ports/host.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { KubeApi } from '../ports/kube-api.ts';
import type { Machine } from '../ports/machine.ts';
import type { Random } from '../ports/random.ts';
import type { JournalWriter, RunStore } from '../ports/run-store.ts';
import type { Vault } from '../ports/vault.ts';
import type { Step, View } from '../steps/types.ts';

export interface EngineLimits {
  /** Steps that run at the same time, on all machines together and on one. Steps of the operator run one at a time. */
  steps: number;
  stepsPerHost: number;
  /** How long a machine that went away is waited for. */
  hostReturnMs: number;
  /** How long commands of a lost connection may still run on a machine before they are stopped. */
  leftoverMs: number;
}

/** Everything that an operation needs of the world: adapters in a real run, the simulation in a test. */
export interface Ports {
  machines: ReadonlyMap<HostId, Machine>;
  etcd: EtcdAdmin;
  kube: KubeApi;
  pki: Issuer;
  vault: Vault;
  clock: Clock;
  random: Random;
  /** For what machines need not tell again. */
  cache: Cache;
  runStore: RunStore<RunEvent, Plan>;
  /** The bundle's own kubeadm on the operator's machine; null where it cannot run. */
  bundleKubeadm: ReadHost | null;
}

export interface EngineDeps extends Omit<Ports, 'runStore' | 'bundleKubeadm' | 'cache'> {
  cluster: string;
  /** Who runs this, as the lock says: run, fencing number, command, user, operator. */
  holder: LockHolder;
  /** Machines on which the lock was taken. On any other it is taken before the first write. */
  locked: readonly HostId[];
  /** The view that the plan was made from. */
  view: View;
  readView: ReadView;
  kinds: readonly Step[];
  rules: readonly SafetyRule[];
  /** Opened for this run; closed by who opened it. */
  journal: JournalWriter<RunEvent>;
  /** Gets each event once, in order, after it was written to the journal. */
  emit: (event: RunEvent) => void;
  limits: EngineLimits;
}

export interface RunSignals {
  /** Running steps end, no new one starts. */
  cancel: AbortSignal;
  /** Everything ends at once; running steps are recorded as unknown. */
  stop: AbortSignal;
}

export type StepEnd = { outcome: 'changed' | 'already-right' } | { outcome: 'failed' | 'unknown'; error: KeelsonError };

export interface RunOutcome {
  outcome: 'done' | 'failed' | 'cancelled';
  /** Set unless done: what ended the run, naming host and step where there is one. */
  error?: KeelsonError;
  /** How each step that was started ended; the others were not touched. */
  steps: ReadonlyMap<StepId, StepEnd>;
  /** The last known facts. */
  view: View;
}
