import { goDurationSeconds } from '../config/duration.ts';
import type { ClusterConfig } from '../config/schema.ts';
import type { Software } from '../desired/types.ts';
import { executePlan } from '../engine/execute.ts';
import { acquireLock, releaseLock, settleLeftovers } from '../engine/lock.ts';
import type { Ports, RunOutcome, RunSignals } from '../engine/types.ts';
import { type ReadView, viewReader } from '../facts/gather.ts';
import { KeelsonError } from '../model/errors.ts';
import type { RunEvent } from '../model/events.ts';
import type { Finding } from '../model/finding.ts';
import type { Digest, HostId, RunId } from '../model/ids.ts';
import { plan as planner } from '../plan/planner.ts';
import { type Policy, standardPolicy } from '../plan/policy.ts';
import type { Intent, Plan, PlanResult } from '../plan/types.ts';
import type { Clock } from '../ports/clock.ts';
import type { LockHolder } from '../ports/host.ts';
import type { Random } from '../ports/random.ts';
import type { View } from '../steps/types.ts';
import { planWithMembersBack } from './await-members.ts';
import { openJournal } from './run-journal.ts';

/** What is to be made. */
export interface Subject {
  config: ClusterConfig;
  configDigest: Digest;
  software: Software;
  /** PEM of the CA that the configuration names; null when keelson makes one. */
  configuredCa: string | null;
  /** Why `software` is a stand-in; every plan is refused then. */
  softwareUnread?: Finding;
}

export interface Operator {
  /** Who runs this, without what the run itself adds. */
  owner: Omit<LockHolder, 'run' | 'fence' | 'since'>;
  isDead: (holder: LockHolder) => boolean;
}

export interface MadePlan {
  result: PlanResult;
  view: View;
}

/** Reads all facts and plans. Writes nothing. Of what was `seen` before, only what the machines say is the same is not worked out again. */
export async function makePlan(
  subject: Subject,
  ports: Ports,
  intent: Intent,
  signal: AbortSignal,
  policy: Policy = standardPolicy,
  seen: View | null = null,
): Promise<MadePlan & { readView: ReadView }> {
  const readView = viewReader({
    config: subject.config,
    software: subject.software,
    configuredCa: subject.configuredCa,
    hosts: new Map([...ports.machines].map(([id, machine]) => [id, machine.read])),
    etcd: ports.etcd,
    kube: ports.kube,
    vault: ports.vault,
    cache: ports.cache,
    clock: ports.clock,
    bundleKubeadm: ports.bundleKubeadm,
    desire: policy.desire,
  });
  const view = await readView('all', seen, signal);
  const { softwareUnread, configDigest } = subject;
  const result: PlanResult =
    softwareUnread === undefined
      ? planner(view, intent, policy, configDigest, ports.clock.now().toISOString())
      : { ok: false, refusals: [...policy.refusals(view, intent), softwareUnread], warnings: [] };
  return { result, view, readView };
}

export interface RunRequest {
  intent: Intent;
  /** Machines of which a majority must be locked; all by default. On any other the engine takes the lock before its first write. */
  lockOn?: readonly HostId[];
  /** A plan that a person has seen: every step of the fresh plan must be in it. */
  approved: Plan;
  /** What the approved plan, or one like it, was made from. */
  seen?: View;
  emit: (event: RunEvent) => void;
  /** For what no step tells: machines that were not reached, locks taken over. */
  note: (text: string) => void;
  signals: RunSignals;
}

export interface Ran extends RunOutcome {
  run: RunId;
  plan: Plan;
}

/**
 * Opens the journal, takes the lock, ends what earlier runs left running, plans again on fresh facts, and obeys that plan as far as the
 * approved one covers it. An empty fresh plan needs nothing more.
 */
export async function runPlan(
  subject: Subject,
  ports: Ports,
  operator: Operator,
  request: RunRequest,
  policy: Policy = standardPolicy,
): Promise<Ran | 'nothing-to-do'> {
  const { clock } = ports;
  const { cancel, stop } = request.signals;
  const all = [...ports.machines.values()].map((m) => m.lock);
  const { lockOn } = request;
  const locks = lockOn === undefined ? all : all.filter((l) => lockOn.includes(l.id));
  const limits = limitsOf(subject.config);
  const run = newRunId(clock, ports.random);
  const owner = { ...operator.owner, run, since: clock.now().toISOString() };
  // First of all: a process that dies with the lock has a journal then.
  const journal = await openJournal(ports, run, subject.config.metadata.name, operator.owner);
  let engineBegan = false;
  try {
    const ran = await underLock();
    if (ran === 'nothing-to-do') await journal.endEarly('done');
    return ran;
  } catch (error) {
    const outcome = cancel.aborted || stop.aborted ? 'cancelled' : 'failed';
    // The reason that ended the run counts, not that it could not be written down.
    if (!engineBegan) await journal.endEarly(outcome, error).catch(() => undefined);
    throw error;
  } finally {
    // Every event is on the disk already.
    await journal.writer.close().catch(() => undefined);
  }

  async function underLock(): Promise<Ran | 'nothing-to-do'> {
    const lock = await acquireLock(locks, owner, { isDead: operator.isDead }, AbortSignal.any([cancel, stop]));
    try {
      for (const { host, because } of lock.unreachable) request.note(`${host} could not be locked: ${because}`);
      for (const old of lock.tookOver) request.note(`took over the lock of run ${old.run}, whose process is gone`);
      const taken = locks.filter((l) => lock.taken.includes(l.id));
      const left = await settleLeftovers(taken, limitsOf(subject.config).leftoverMs, AbortSignal.any([cancel, stop]));
      for (const { host, units } of left.ended)
        request.note(`${host}: ${units.length} commands of an earlier run have ended`);
      // Where leftovers could not be settled, the engine does it before its first write.
      const locked = lock.taken.filter((id) => !left.unreachable.some((u) => u.host === id));
      const signal = AbortSignal.any([cancel, stop]);
      const fresh = await planWithMembersBack(
        () => makePlan(subject, ports, request.intent, signal, policy, request.seen),
        {
          clock,
          note: request.note,
          signal,
        },
      );
      if (!fresh.result.ok) throw refused(fresh.result.refusals);
      const { plan } = fresh.result;
      if (plan.steps.length === 0) return 'nothing-to-do';
      checkApproved(plan, request.approved);
      await ports.runStore.savePlan(plan.digest, plan);
      engineBegan = true;
      const outcome = await executePlan(
        plan,
        {
          cluster: subject.config.metadata.name,
          holder: lock.holder,
          locked,
          machines: ports.machines,
          view: fresh.view,
          readView: fresh.readView,
          kinds: policy.kinds,
          rules: policy.rules,
          etcd: ports.etcd,
          kube: ports.kube,
          pki: ports.pki,
          vault: ports.vault,
          clock,
          random: ports.random,
          journal: journal.writer,
          emit: request.emit,
          limits,
        },
        request.signals,
      );
      return { ...outcome, run, plan };
    } finally {
      await releaseLock(all, run, stop.aborted ? AbortSignal.timeout(5_000) : stop);
    }
  }
}

/** The first refusal as an error; all of them in its findings. */
export function refused(refusals: readonly Finding[]): KeelsonError {
  const [first] = refusals;
  if (first === undefined) throw new Error('a refusal without a reason');
  return new KeelsonError(first.code, first.message, {
    action: first.action,
    ...(first.host === undefined ? {} : { host: first.host }),
    findings: refusals,
  });
}

export function checkApproved(fresh: Plan, approved: Plan): void {
  if (approved.basis.config !== fresh.basis.config) {
    throw new KeelsonError('plan.stale', 'the configuration is not the one that the plan was made from');
  }
  const known = new Set(approved.steps.map((s) => s.id));
  const added = fresh.steps.filter((s) => !known.has(s.id));
  if (added.length === 0) return;
  throw new KeelsonError(
    'plan.stale',
    `the machines have changed: now also needed are ${added.map((s) => `“${s.title}”`).join(', ')}`,
  );
}

function newRunId(clock: Clock, random: Random): RunId {
  const time = clock
    .now()
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'z')
    .toLowerCase();
  return `${time}-${random.hex(3)}` as RunId;
}

function limitsOf(config: ClusterConfig) {
  return {
    steps: config.spec.concurrency.hosts * 2,
    stepsPerHost: 2,
    hostReturnMs: goDurationSeconds(config.spec.timeouts.hostReturn) * 1000,
    leftoverMs: goDurationSeconds(config.spec.timeouts.lostCommand) * 1000,
  };
}
