import { beforeAll, describe, expect, it } from 'vitest';
import { spoil } from '../../../test/scenarios/sim/drift.ts';
import { runningCluster } from '../../../test/scenarios/sim/founded.ts';
import { policy, subjectOf } from '../../../test/scenarios/sim/world.ts';
import { type HostId, hostId, type StepId } from '../../model/ids.ts';
import { makePlan } from '../../operations/run.ts';
import type { View } from '../../steps/types.ts';
import type { SimCluster } from '../../testing/sim/cluster.ts';
import type { PlannedStep, SafetyRule } from '../types.ts';
import { clusterId } from './cluster-id.ts';
import { dataGone } from './data-gone.ts';
import { othersHealthy } from './others-healthy.ts';
import { quorum } from './quorum.ts';

const shape = { members: 3, source: 'preinstalled' } as const;
const [first, second, third] = ['etcd-0', 'etcd-1', 'etcd-2'].map(hostId) as [HostId, HostId, HostId];

function step(kind: string, on: HostId): PlannedStep {
  return {
    id: 'x' as StepId,
    kind,
    on,
    params: {},
    title: 'a step',
    risk: 'disruptive',
    changes: [],
    needs: [],
    why: '',
  };
}

async function seen(befalls: (sim: SimCluster) => void): Promise<View> {
  const sim = await runningCluster(shape, 1);
  befalls(sim);
  await sim.clock.advance(15_000);
  const { ports } = sim.process();
  return (
    await sim.clock.drive(makePlan(subjectOf(shape), ports, { kind: 'apply' }, new AbortController().signal, policy))
  ).view;
}

const codes = (rule: SafetyRule, view: View, kind: string, on: HostId): string[] =>
  rule(step(kind, on), view).map((f) => f.code);

describe('rules', () => {
  let well: View;
  let oneIll: View;
  let oneDown: View;
  let twoDown: View;
  beforeAll(async () => {
    well = await seen(() => {});
    oneIll = await seen((s) => s.cutOff(first, 'peers'));
    oneDown = await seen((s) => spoil(s, first, 'remove manifest'));
    twoDown = await seen((s) => {
      for (const host of [first, second]) spoil(s, host, 'remove manifest');
    });
  });

  it('have nothing against one step on a healthy cluster', () => {
    for (const rule of [quorum, othersHealthy, dataGone, clusterId])
      expect(codes(rule, well, 'etcd-member-run', second)).toEqual([]);
  });

  it('do not let a healthy member be disturbed while another is ill', () => {
    for (const view of [oneIll, oneDown]) {
      const [refused, ...more] = quorum(step('etcd-member-run', second), view);
      expect([refused?.code, ...more]).toEqual(['safety.quorum']);
      expect(refused?.message).toContain('would leave 1 healthy voter; the quorum is 2');
      expect(codes(othersHealthy, view, 'etcd-member-run', second)).toEqual(['safety.others-unhealthy']);
    }
  });

  it('name a damaged certificate that may be what keeps the other one ill', async () => {
    const view = await seen((s) => {
      spoil(s, second, 'spoil peer.crt');
      spoil(s, first, 'remove manifest');
    });
    const [found] = othersHealthy(step('etcd-member-run', third), view);
    expect(found?.message).toMatch(
      /while etcd-0 is not healthy: .*; peer\.crt on etcd-1 cannot be used: the file holds no certificate$/,
    );
  });

  it('let the ill one be mended', () => {
    for (const view of [oneIll, oneDown])
      for (const rule of [quorum, othersHealthy]) expect(codes(rule, view, 'etcd-member-run', first)).toEqual([]);
  });

  it('let members be started when too few run for a quorum, and keep the last one from being restarted for nothing', () => {
    expect(codes(quorum, twoDown, 'etcd-member-run', first)).toEqual([]);
    expect(codes(quorum, twoDown, 'kubelet-service', first)).toEqual([]);
    expect(codes(quorum, twoDown, 'kubelet-service', third)).toEqual([]);
  });

  it('do not start a member whose data is gone, and say so for remains and for an unknown directory', async () => {
    const wiped = await seen((s) => s.wipe(first, '/var/lib/etcd'));
    expect(codes(dataGone, wiped, 'kubelet-service', first)).toEqual(['safety.data-gone']);
    expect(codes(dataGone, wiped, 'kubelet-service', second)).toEqual([]);
    const off = await seen((s) => s.powerOff(first));
    expect(codes(dataGone, off, 'kubelet-service', first)).toEqual(['safety.unknown-fact']);
  });

  it('see a member of another cluster', () => {
    const view: View = {
      ...well,
      desired: { ...well.desired, cluster: { ...well.desired.cluster, etcdClusterId: 'another' } },
    };
    expect(codes(clusterId, view, 'etcd-member-run', first)).toHaveLength(3);
  });

  it('say nothing before the founding: nobody can be disturbed yet', () => {
    const view: View = {
      ...oneIll,
      desired: { ...oneIll.desired, cluster: { ...oneIll.desired.cluster, phase: 'founding' } },
    };
    for (const rule of [quorum, othersHealthy, dataGone])
      expect(codes(rule, view, 'etcd-member-run', second)).toEqual([]);
  });
});
