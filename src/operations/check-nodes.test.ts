import { expect, it } from 'vitest';
import { stackedConfig } from '../../test/checks/stacked.ts';
import { newCluster, type Shape, subjectOf } from '../../test/scenarios/sim/world.ts';
import { configDigest } from '../config/digest.ts';
import type { HostFacts } from '../facts/types.ts';
import { type HostId, hostId } from '../model/ids.ts';
import { SimCluster } from '../testing/sim/cluster.ts';
import { checkCluster, unfitFindings } from './check.ts';
import type { Context } from './context.ts';
import { type MadePlan, makePlan } from './run.ts';

const shape: Shape = { members: 3, source: 'preinstalled' };
const never = new AbortController().signal;
const worker = '    - { name: worker-0, address: 10.77.0.30, roles: [worker] }';

/** Three bare control planes and a worker. */
function bareCluster() {
  const config = stackedConfig({
    source: 'preinstalled',
    endpoint: 'api.example.com:6443',
    controlPlane: '',
    hosts: worker,
  });
  const subject = { ...subjectOf(shape), config, configDigest: configDigest(config) };
  const sim = new SimCluster({ ...newCluster(shape, 1).options, config });
  return { sim, subject, ports: sim.process().ports };
}

const told = (findings: readonly { code: string; host?: string }[]): string[] =>
  findings.map((f) => `${f.code} ${f.host ?? '-'}`);

it('asks nodes for what nodes need, and nothing of what only etcd’s machines are asked', async () => {
  const { sim, subject, ports } = bareCluster();
  const asked = new Map<HostId, string[]>();
  const machines = new Map(
    [...ports.machines].map(([id, machine]) => {
      const runAll: typeof machine.read.runAll = (commands, signal) => {
        asked.set(id, [...(asked.get(id) ?? []), ...commands.map((c) => c.builder)]);
        return machine.read.runAll(commands, signal);
      };
      return [id, { ...machine, read: { id, runAll } }];
    }),
  );
  const report = await sim.clock.drive(checkCluster(subject, { ...ports, machines }, never));
  // Nothing here forwards connections; a worker is asked for none.
  expect(told(report.findings.filter((f) => f.severity !== 'info'))).toEqual(
    ['cp-0', 'cp-1', 'cp-2'].map((host) => `check.unknown ${host}`),
  );
  expect(report.findings.filter((f) => f.code === 'check.unknown').map((f) => f.message)).toContain(
    'not checked on cp-0: forwarding through sshd (nothing here forwards connections)',
  );
  const ofWorker = asked.get(hostId('worker-0'));
  expect(ofWorker).toEqual(expect.arrayContaining(['reach-ports', 'node-fitness']));
  expect(ofWorker).not.toContain('reach-peers');
  expect(ofWorker).not.toContain('fsync-latency');
  expect(asked.get(hostId('cp-0'))).toContain('fsync-latency');
});

it('keeps a machine that is not fit from joining a cluster that is there, and leaves those alone that are ours', async () => {
  const { sim, subject, ports } = bareCluster();
  for (const host of ['cp-1', 'worker-0']) {
    const machine = sim.machines.get(hostId(host));
    if (machine !== undefined) machine.clockSkewMs = 400_000;
  }
  const context = { subject, ports, machines: {} } as Context;
  const made = await sim.clock.drive(makePlan(subject, ports, { kind: 'apply' }, never));
  expect(told(await sim.clock.drive(unfitFindings(context, made, never)))).toEqual([
    'check.clock cp-1',
    'check.clock worker-0',
  ]);
  // The control planes have been claimed, and the cluster handed over: the worker is new.
  const after = founded(made, ['cp-0', 'cp-1', 'cp-2']);
  expect(told(await sim.clock.drive(unfitFindings(context, after, never)))).toEqual(['check.clock worker-0']);
  const all = founded(made, ['cp-0', 'cp-1', 'cp-2', 'worker-0']);
  expect(await sim.clock.drive(unfitFindings(context, all, never))).toEqual([]);
});

function founded(made: MadePlan, claimed: readonly string[]): MadePlan {
  const { desired, facts } = made.view;
  const hosts = [...facts.hosts].map(([id, own]): [HostId, HostFacts] => {
    const record = { is: 'known', value: { is: 'record', record: {} as never }, at: '' } as const;
    return [id, claimed.includes(id) ? { ...own, record } : own];
  });
  const cluster = { ...desired.cluster, phase: 'handed-over' as const };
  return { ...made, view: { desired: { ...desired, cluster }, facts: { ...facts, hosts: new Map(hosts) } } };
}
