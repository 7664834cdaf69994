import { PassThrough } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { founded } from '../../test/scenarios/sim/founded.ts';
import { newCluster, type Shape, subjectOf } from '../../test/scenarios/sim/world.ts';
import { hostId } from '../model/ids.ts';
import type { SimCluster } from '../testing/sim/cluster.ts';
import { blockingFindings, type CheckOptions, checkCluster, mustBeFit, unfitFindings } from './check.ts';
import type { Context } from './context.ts';
import { makePlan } from './run.ts';
import { readStatus } from './status.ts';

const shape: Shape = { members: 3, source: 'bundle' };
const never = new AbortController().signal;

function check(sim: SimCluster, options?: CheckOptions) {
  const { ports } = sim.process();
  return sim.clock.drive(checkCluster(subjectOf(shape), ports, never, options));
}

function status(sim: SimCluster) {
  const { ports } = sim.process();
  return sim.clock.drive(readStatus({ subject: subjectOf(shape), ports }, never));
}

const told = (report: { findings: readonly { code: string; host?: string }[] }): string[] =>
  report.findings.map((f) => `${f.code} ${f.host ?? '-'}`);
const box = (sim: SimCluster, n: number) => {
  const machine = sim.machines.get(hostId(`etcd-${n}`));
  if (machine === undefined) throw new Error(`there is no etcd-${n}`);
  return machine;
};

describe('a check of bare machines', () => {
  it('finds them ready and says what they are', async () => {
    const report = await check(newCluster(shape, 1));
    // Nothing here forwards connections.
    expect(new Set(report.findings.map((f) => f.code))).toEqual(new Set(['check.unknown']));
    expect(report.ready).toBe(true);
    expect(report.hosts[0]).toEqual({
      host: 'etcd-0',
      address: '10.77.0.10',
      reachable: true,
      about: 'Debian 12, x86_64, systemd 252',
    });
  });

  it('tells of a machine that is away once, and of all others all the same', async () => {
    const sim = newCluster(shape, 1);
    sim.powerOff(hostId('etcd-1'));
    box(sim, 2).clockSkewMs = 45_000;
    const report = await check(sim);
    expect(told({ findings: blockingFindings(report) })).toEqual(['host.unreachable etcd-1', 'check.clock etcd-2']);
    expect(report.hosts[1]).toEqual({ host: 'etcd-1', address: '10.77.0.11', reachable: false, about: null });
  });

  it('holds what the planner would refuse', async () => {
    const sim = newCluster(shape, 1);
    box(sim, 2).machineId = box(sim, 0).machineId;
    expect(told({ findings: blockingFindings(await check(sim)) })).toEqual(['safety.twin etcd-2']);
  });

  it('tells plan what apply refuses for, and asks nobody when there is nothing to do', async () => {
    const sim = newCluster(shape, 1);
    box(sim, 2).clockSkewMs = 45_000;
    const { ports } = sim.process();
    const context = { subject: subjectOf(shape), ports, machines: {} } as Context;
    const made = await sim.clock.drive(makePlan(context.subject, ports, { kind: 'apply' }, never));
    expect(told({ findings: await sim.clock.drive(unfitFindings(context, made, never)) })).toEqual([
      'check.clock etcd-2',
    ]);
    await expect(sim.clock.drive(mustBeFit(context, made, never))).rejects.toMatchObject({ code: 'check.clock' });
    const nobody = { ...context, ports: { ...ports, machines: new Map() } };
    const { result } = made;
    if (!result.ok) throw new Error('no plan');
    const empty = { ...made, result: { ...result, plan: { ...result.plan, steps: [] } } };
    expect(await unfitFindings(nobody, empty, never)).toEqual([]);
  });

  it('when quick, leaves the disks’ speed out', async () => {
    const sim = newCluster(shape, 1);
    const asked: string[] = [];
    const { ports } = sim.process();
    const machines = new Map(
      [...ports.machines].map(([id, machine]) => {
        const runAll: typeof machine.read.runAll = (commands, signal) => {
          asked.push(...commands.map((c) => c.builder));
          return machine.read.runAll(commands, signal);
        };
        return [id, { ...machine, read: { id, runAll } }];
      }),
    );
    await sim.clock.drive(checkCluster(subjectOf(shape), { ...ports, machines }, never, { quick: true }));
    expect(asked).toContain('reach-peers');
    expect(asked).not.toContain('fsync-latency');
  });
});

describe('forwarding', () => {
  async function tried(dial: NonNullable<CheckOptions['dial']>) {
    const report = await check(newCluster(shape, 1), { dial });
    return told(report);
  }
  const failing = (code: string) => async () => {
    const stream = new PassThrough();
    setImmediate(() => stream.destroy(Object.assign(new Error(`administratively prohibited`), { code })));
    return stream;
  };

  it('is refused by sshd alone; that nobody listens yet proves that it works', async () => {
    expect(await tried(failing('EACCES'))).toEqual([
      'check.forwarding etcd-0',
      'check.forwarding etcd-1',
      'check.forwarding etcd-2',
    ]);
    expect(await tried(failing('ECONNREFUSED'))).toEqual([]);
    expect(await tried(failing('ECONNRESET'))).toEqual([
      'check.unknown etcd-0',
      'check.unknown etcd-1',
      'check.unknown etcd-2',
    ]);
  });
});

describe('a running cluster', () => {
  let running: SimCluster;
  beforeAll(async () => {
    running = await founded(shape);
  });
  /** Goes on from there, when the members have found a leader again. */
  const goOn = async (): Promise<SimCluster> => {
    const sim = newCluster(shape, 2, running);
    sim.startClients();
    await sim.clock.advance(10_000);
    sim.stopClients();
    return sim;
  };

  it('is healthy, without drift, and passes the check', async () => {
    const sim = await goOn();
    expect(await status(sim)).toMatchObject({
      healthy: true,
      findings: [],
      etcd: { phase: 'handed-over', quorum: { healthy: 3, tolerates: 1 } },
    });
    expect(told(await check(sim))).toEqual([]);
  });

  it('shows drift machine by machine and stays healthy', async () => {
    const sim = await goOn();
    box(sim, 1).alter('/etc/keelson/kubelet.yaml', { mode: '666' });
    const report = await status(sim);
    expect(told(report)).toEqual(['status.drift etcd-1']);
    expect(report.healthy).toBe(true);
  });

  it('says of a wiped member that it has to be replaced, and of wiped majorities that a snapshot is needed', async () => {
    const sim = await goOn();
    sim.wipe(hostId('etcd-2'), '/var/lib/etcd');
    await sim.clock.advance(5_000);
    const one = await status(sim);
    expect(told(one)).toEqual(['safety.data-gone etcd-2']);
    expect(one).toMatchObject({ healthy: false, etcd: { quorum: { healthy: 2, needed: 2, tolerates: 0 } } });
    sim.wipe(hostId('etcd-1'), '/var/lib/etcd');
    const two = await status(sim);
    expect(told(two)).toEqual([
      'status.quorum-lost -',
      'status.member-down etcd-0',
      'safety.data-gone etcd-1',
      'safety.data-gone etcd-2',
    ]);
    sim.wipe(hostId('etcd-0'), '/var/lib/etcd');
    expect(told(await status(sim))).toEqual(['safety.all-data-gone -', 'status.quorum-lost -']);
  });

  it('keeps its quorum without one machine', async () => {
    const sim = await goOn();
    sim.powerOff(hostId('etcd-0'));
    await sim.clock.advance(5_000);
    const report = await status(sim);
    expect(told(report)).toEqual(['host.unreachable etcd-0']);
    expect(report.etcd.quorum).toMatchObject({ voters: 3, healthy: 2, tolerates: 0 });
  });
});
