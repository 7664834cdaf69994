import { expect, it } from 'vitest';
import { runningCluster } from '../../../test/checks/nodes.ts';
import { AT, type Scene, scene, unit } from '../../../test/checks/scene.ts';
import type { BalancerFact } from '../../facts/types.ts';
import { statusReport } from '../../operations/status.ts';
import type { PlanResult } from '../../plan/types.ts';

const none: PlanResult = {
  ok: true,
  warnings: [],
  plan: { digest: '' as never, intent: { kind: 'apply' }, basis: { config: '' as never, at: AT }, steps: [] },
};
const OWN = `  etcd: { topology: stacked }
  controlPlane: { endpoint: "10.77.0.100:8443", loadBalancer: { kind: haproxy-keepalived, virtualIP: 10.77.0.100 } }`;

function machine(more: readonly string[] = []): BalancerFact {
  const addresses = ['10.77.0.20', ...more].map((address) => ({ interface: 'host0', address, prefixLength: 24 }));
  return { addresses, programs: new Set(['haproxy', 'keepalived', 'curl']), taken: null };
}

const units = (inactive: string | null = null) =>
  new Map(
    ['kubelet.service', 'containerd.service', 'haproxy.service', 'keepalived.service'].map((name) => [
      name,
      unit(name === inactive ? 'inactive' : 'active'),
    ]),
  );
const holder = { balancer: machine(['10.77.0.100']), units: units() };
const idle = { balancer: machine(), units: units() };
type Facts = NonNullable<Scene['facts']>;
const well: Facts = { 'cp-0': { ...holder, endpoint: { is: 'answers' } }, 'cp-1': idle, 'cp-2': idle };

function report(facts: Facts, more: Scene = {}) {
  const { view, preflight } = scene(runningCluster({ spec: OWN, ...more, facts: { ...well, ...facts } }));
  const { findings, kubernetes } = statusReport({ view, result: none }, preflight, new Date(AT), new Map());
  return {
    reached: kubernetes?.reached,
    told: findings.map((f) => `${f.severity} ${f.code} ${f.host ?? '-'}: ${f.message}`),
  };
}

it('says who holds the virtual IP', () => {
  const { reached, told } = report({});
  expect(told).toEqual([]);
  expect(reached).toEqual({
    from: 'cp-0',
    answers: true,
    problem: null,
    virtualIp: '10.77.0.100',
    holders: ['cp-0'],
    allAsked: true,
  });
});

it.each<[string, Facts, readonly string[]]>([
  [
    'nobody holds it',
    { 'cp-0': { ...idle, endpoint: { is: 'timed-out' } } },
    [
      'error status.virtual-ip -: no machine of the load balancer holds 10.77.0.100',
      'error status.endpoint cp-0: 10.77.0.100:8443, as seen from cp-0: no answer, neither yes nor no',
    ],
  ],
  [
    'two hold it',
    { 'cp-2': holder },
    ['error status.virtual-ip -: cp-0 and cp-2 hold 10.77.0.100 at the same time: they do not hear each other'],
  ],
  [
    'haproxy is stopped where nobody looks',
    { 'cp-1': { ...idle, units: units('haproxy.service') } },
    ['warning status.load-balancer cp-1: haproxy.service on cp-1 does not run: it cannot hold the virtual IP'],
  ],
])('%s', (_when, facts, expected) => expect(report(facts).told).toEqual(expected));

it('does not say that nobody holds it while a machine is out of reach', () => {
  const { told } = report({ 'cp-0': idle }, { away: ['cp-1'] });
  expect(told.filter((line) => line.includes('virtual-ip'))).toEqual([]);
});

it('of the user’s own load balancer says only whether the API answers there', () => {
  const spec = OWN.replace('haproxy-keepalived, virtualIP: 10.77.0.100', 'external');
  expect(report({ 'cp-0': { endpoint: { is: 'silent' } } }, { spec }).told).toEqual([
    'error status.endpoint cp-0: 10.77.0.100:8443, as seen from cp-0: connections are accepted, and no API server of this cluster answers',
  ]);
});
