import type { Ports } from '../../../src/engine/types.ts';
import { KeelsonError } from '../../../src/model/errors.ts';
import { readLock, unlock } from '../../../src/operations/lock.ts';
import type { Policy } from '../../../src/plan/policy.ts';
import type { SimCluster } from '../../../src/testing/sim/cluster.ts';
import { checkMade } from '../../../src/testing/sim/invariants.ts';
import { type Applied, apply, codeOf, describeApplied, planOf } from './apply.ts';
import { strike } from './fault.ts';
import { runningCluster } from './founded.ts';
import { type ApplyAct, type Schedule, scheduleOf } from './schedule.ts';
import { newCluster, shapeText } from './world.ts';

export interface Outcome {
  seed: number;
  violations: readonly string[];
  trace: readonly string[];
}

/** What is changed about keelson, to see that the simulation finds it. */
export interface Mutation {
  policy?: Policy;
  ports?: (ports: Ports, sim: SimCluster) => Ports;
}

const LAST_TRIES = 8;
const never = new AbortController().signal;

/** Plays a seed's story, lets the same command run until all is well, and holds the result to the invariants. */
export async function runSeed(seed: number, mutation: Mutation = {}): Promise<Outcome> {
  return runSchedule(scheduleOf(seed), mutation);
}

export async function runSchedule(schedule: Schedule, mutation: Mutation = {}): Promise<Outcome> {
  const { shape, seed } = schedule;
  const sim =
    schedule.start === 'founded' ? await runningCluster(shape, seed, mutation.policy) : newCluster(shape, seed);
  sim.note(`${schedule.start}, ${shapeText(shape)}, ${shape.source}`);
  sim.startClients();
  try {
    for (const act of schedule.acts) {
      if (act.is === 'fault') strike(sim, act.fault);
      else if (act.is === 'wait') await sim.clock.advance(act.ms);
      else await sim.clock.drive(applyUnderFire(sim, schedule, act, mutation), 6 * 3_600_000);
      if (sim.violations.length > 0) break;
    }
    if (sim.violations.length === 0) await converge(sim, schedule, mutation);
  } catch (error) {
    sim.violate(`the simulation ended: ${error instanceof Error ? error.stack : String(error)}`);
  }
  sim.stopClients();
  return { seed, violations: sim.check(), trace: sim.trace };
}

async function applyUnderFire(sim: SimCluster, { shape }: Schedule, act: ApplyAct, mutation: Mutation): Promise<void> {
  const cancel = new AbortController();
  const meeting = Promise.withResolvers<void>();
  const events = [...act.events];
  const process = sim.process({
    cuts: act.cuts,
    onCall: (call) => {
      if (act.rival?.at === call) meeting.resolve();
      for (const event of events.filter((e) => e.at === call)) {
        if (event.is === 'pause') process.gate.pause(event.ms);
        else if (event.is === 'interrupt') cancel.abort(new KeelsonError('interrupted', 'SIGINT'));
        else strike(sim, event);
        sim.note(`call ${call}: ${event.is}`);
      }
    },
  });
  let ended = false;
  for (const { afterMs, fault } of act.timed ?? [])
    void sim.clock.sleep(afterMs).then(() => {
      if (!ended) strike(sim, fault);
    });
  const first = runOne(sim, { ...process, ports: mutation.ports?.(process.ports, sim) ?? process.ports }, shape, {
    ...mutation,
    cancel: cancel.signal,
  });
  const second =
    act.rival === undefined
      ? null
      : Promise.race([meeting.promise, first]).then(() => rival(sim, shape, act.rival?.steals === true, mutation));
  await Promise.all([first, second]);
  ended = true;
}

async function runOne(
  sim: SimCluster,
  process: ReturnType<SimCluster['process']>,
  shape: Schedule['shape'],
  options: Mutation & { cancel?: AbortSignal },
): Promise<Applied> {
  sim.note(`${process.owner.operator} ${process.owner.pid}: apply`);
  const applied = await apply(process, shape, {
    ...(options.policy === undefined ? {} : { policy: options.policy }),
    ...(options.cancel === undefined ? {} : { cancel: options.cancel }),
  });
  sim.note(
    `${process.owner.operator} ${process.owner.pid}: ${describeApplied(applied)} after ${process.gate.calls()} calls`,
  );
  if (applied.is === 'done' && sim.handedOver && sim.vault.identity?.etcd.phase !== 'handed-over')
    sim.violate('a wrong vault did not keep apply from writing');
  if (applied.is === 'failed' && applied.error.code === 'internal')
    sim.violate(`internal error: ${applied.error.message} ${applied.error.details.output ?? ''}`);
  return applied;
}

/** A second operator, who may take the lock away from the first. */
async function rival(sim: SimCluster, shape: Schedule['shape'], steals: boolean, mutation: Mutation): Promise<void> {
  const applied = await runOne(sim, fresh(sim, 'other-desk', mutation), shape, mutation);
  if (codeOf(applied) !== 'lock.held' || !steals) return;
  await releaseLock(sim, 'other-desk');
  await runOne(sim, fresh(sim, 'other-desk', mutation), shape, mutation);
}

function fresh(sim: SimCluster, desk: string, mutation: Mutation): ReturnType<SimCluster['process']> {
  const process = sim.process({ desk });
  return { ...process, ports: mutation.ports?.(process.ports, sim) ?? process.ports };
}

/** `keelson unlock` with the id that `keelson lock` shows, leaving out the machines that are not reached. */
async function releaseLock(sim: SimCluster, desk: string): Promise<void> {
  const { ports, exit } = sim.process({ desk });
  const report = await readLock(ports.machines, () => false, never);
  const holders = report.hosts.flatMap((h) =>
    h.is === 'known' && h.state.holder !== null ? [h.state.holder.run] : [],
  );
  const away = report.hosts.flatMap((h) => (h.is === 'unreachable' ? [h.host] : []));
  for (const run of new Set(holders)) {
    try {
      await unlock(ports.machines, run, away, never);
      sim.note(`${desk} released the lock of ${run}`);
    } catch (error) {
      sim.note(
        `${desk} could not release the lock of ${run}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  exit();
}

/** No more faults: the same command, again and again. Then the plan is empty, and nothing changes. */
async function converge(sim: SimCluster, { shape }: Schedule, mutation: Mutation): Promise<void> {
  await sim.rest();
  let applied: Applied = { is: 'died' };
  for (let n = 0; n < LAST_TRIES && sim.violations.length === 0; n += 1) {
    applied = await sim.clock.drive(runOne(sim, fresh(sim, 'desk', mutation), shape, mutation), 6 * 3_600_000);
    if (applied.is === 'nothing-to-do' || (sim.etcd.wiped.size > 0 && applied.is === 'failed')) break;
    if (codeOf(applied) === 'lock.held') await sim.clock.drive(releaseLock(sim, 'desk'));
    if (applied.is === 'failed') await sim.clock.advance(30_000);
  }
  if (sim.violations.length > 0) return;
  await sim.clock.advance(5_000);
  if (sim.etcd.wiped.size > 0) checkRefused(sim, shape.members, applied);
  else await checkConverged(sim, shape, applied);
}

async function checkConverged(sim: SimCluster, shape: Schedule['shape'], applied: Applied): Promise<void> {
  if (applied.is !== 'nothing-to-do') sim.violate(`the same command does not converge: ${describeApplied(applied)}`);
  for (const wrong of checkMade(sim)) sim.violate(wrong);
  const before = sim.fingerprint();
  const shown = await planOf(sim, shape);
  if (!('plan' in shown)) sim.violate(`the plan is refused: ${shown.refusals.map((f) => f.code).join(', ')}`);
  else if (shown.plan.steps.length > 0)
    sim.violate(`the plan is not empty: ${shown.plan.steps.map((s) => s.title).join('; ')}`);
  if (sim.fingerprint() !== before) sim.violate('planning changed a machine');
}

/** Disks are lost: nothing is founded, nothing comes back by itself, and what a quorum of disks holds is not lost. */
function checkRefused(sim: SimCluster, members: number, applied: Applied): void {
  const { etcd } = sim;
  const all = etcd.wiped.size === members;
  const wanted = all ? 'safety.all-data-gone' : 'safety.data-gone';
  if (codeOf(applied) !== wanted)
    sim.violate(`${etcd.wiped.size} members lost their data, and apply ends with ${describeApplied(applied)}`);
  const serving = etcd.serving();
  for (const id of etcd.wiped) if (serving.includes(id)) sim.violate(`${id} lost its data and is back`);
  const tolerated = members - (Math.floor(members / 2) + 1);
  if (etcd.wiped.size > tolerated) return;
  for (const id of serving) {
    const data = etcd.data(id);
    if (data !== undefined && etcd.raft.missingIn(data) > 0)
      sim.violate(`${id} has not ${etcd.raft.missingIn(data)} acknowledged writes`);
  }
}
