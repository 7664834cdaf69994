import { describe, expect, it } from 'vitest';
import { CLUSTER_HOSTS, controlPlaneNode, runningCluster, STACKED } from '../../../test/checks/nodes.ts';
import { known, openVault, type Scene, scene } from '../../../test/checks/scene.ts';
import { bundle } from '../../../test/scenarios/sim/bundle.ts';
import type { FitnessFact, PeersFact, Reach } from '../../facts/preflight/types.ts';
import type { ErrorCode } from '../../model/codes.ts';
import { hostId } from '../../model/ids.ts';
import { checks, preflightFindings } from './index.ts';

/** `SEVERITY HOST: MESSAGE` of one check. */
function found(code: ErrorCode, options: Scene): string[] {
  const check = checks.find((c) => c.code === code);
  if (check === undefined) throw new Error(`there is no check ${code}`);
  return check.judge(scene(options)).map((f) => `${f.severity} ${f.host ?? '-'}: ${f.message}`);
}

const bare = (change: Scene = {}): Scene => ({ hosts: CLUSTER_HOSTS, spec: STACKED, ...change });

const good = (() => {
  const fact = scene(bare()).preflight.get(hostId('cp-0'))?.fitness;
  if (fact?.is !== 'known') throw new Error('the scene has no fitness');
  return fact.value;
})();
const brings = (host: string, change: Partial<FitnessFact>, more: Scene = {}): Scene =>
  bare({ ...more, preflight: { [host]: { fitness: { ...good, addresses: [], ...change } } } });
const listens = (host: string, port: number, process: string, more: Scene = {}): Scene =>
  bare({ ...more, preflight: { [host]: { listeners: [{ address: '127.0.0.1', port, process, pid: 9 }] } } });

const reached: Reach = { is: 'reached' };
const lost: Reach = { is: 'failed', why: 'No route to host' };
/** What each machine found on one port: everything but what is named, as `FROM TO`. */
const ways = (port: number, broken: readonly string[], silent: readonly string[] = []): Scene =>
  bare({
    preflight: Object.fromEntries(
      CLUSTER_HOSTS.map(({ name, role }) => {
        const others = CLUSTER_HOSTS.filter((h) => h.role === 'control-plane' && h.name !== name).map(
          (h): [string, Reach] => [h.address, broken.includes(`${name} ${h.name}`) ? lost : reached],
        );
        const self = role === 'worker' ? null : silent.includes(name) ? lost : reached;
        const fact: PeersFact = { self, others: new Map(others) };
        return [name, { ways: new Map([[port, fact]]) }];
      }),
    ),
  });

const ours = { record: { is: 'record', record: { clusterUid: 'uid-1', clusterName: 'lab' } as never } } as const;

interface Case {
  code: ErrorCode;
  when: string;
  bad: Scene;
  says: readonly string[];
  good: Scene;
}

const cases: readonly Case[] = [
  {
    code: 'check.processors',
    when: 'a control plane has one processor',
    bad: brings('cp-0', { cpus: 1 }),
    says: ['error cp-0: cp-0 has one processor; a control plane needs 2'],
    good: brings('worker-0', { cpus: 1 }),
  },
  {
    code: 'check.processors',
    when: 'and kubeadm need not mind',
    bad: brings('cp-0', { cpus: 1 }, { spec: `${STACKED}\n  kubeadm: { ignorePreflightErrors: [numcpu] }` }),
    says: ['warning cp-0: cp-0 has one processor; a control plane needs 2'],
    good: brings('cp-0', { cpus: 2 }),
  },
  {
    code: 'check.memory',
    when: 'kubeadm would refuse a control plane',
    bad: brings('cp-0', { memoryKiB: 1700 * 1024 - 1 }),
    says: ['error cp-0: cp-0 has 1.6 GiB of memory; kubeadm refuses a control plane with less than 1700 MiB'],
    good: brings('cp-0', { memoryKiB: 1.95 * 2 ** 20 }),
  },
  {
    code: 'check.memory',
    when: 'it is less than there should be',
    bad: brings('cp-0', { memoryKiB: 1700 * 1024 }),
    says: ['warning cp-0: cp-0 has 1.6 GiB of memory; a control plane should have 2 GiB'],
    good: brings('cp-0', { memoryKiB: 2 ** 21 }),
  },
  {
    code: 'check.memory',
    when: 'a worker has little',
    bad: brings('worker-0', { memoryKiB: 2 ** 20 }),
    says: ['warning worker-0: worker-0 has 1 GiB of memory; 2 GiB is the least that leaves room for pods'],
    good: brings('worker-0', { memoryKiB: 2 ** 21 }),
  },
  {
    code: 'check.networks',
    when: 'pods would have addresses of a machine’s own networks',
    bad: brings('worker-0', {
      addresses: [{ interface: 'eth1', cidr: '10.244.3.1/24' }],
      routes: [
        { destination: '10.244.3.0/24', interface: 'eth1' },
        { destination: '10.96.0.10', interface: 'wg0' },
      ],
    }),
    says: [
      'error worker-0: spec.network.podSubnet 10.244.0.0/16 overlaps the address 10.244.3.1/24 of eth1 of worker-0',
      'error worker-0: spec.network.serviceSubnet 10.96.0.0/12 overlaps the route to 10.96.0.10 by wg0 of worker-0',
    ],
    good: brings('worker-0', {
      addresses: [{ interface: 'cni0', cidr: '10.244.3.1/24' }],
      routes: [{ destination: '0.0.0.0/0', interface: 'eth0' }],
    }),
  },
  {
    code: 'check.tools',
    when: 'kubeadm lacks a program',
    bad: brings('worker-0', { lacks: ['losetup'] }),
    says: ['error worker-0: worker-0 lacks losetup'],
    good: brings('worker-0', {}),
  },
  {
    code: 'check.address',
    when: 'a machine has another address',
    bad: brings('worker-0', { addresses: [{ interface: 'eth0', cidr: '10.77.0.99/24' }] }),
    says: ['error worker-0: worker-0 does not have the address 10.77.0.30 that cluster.yaml gives it'],
    good: brings('worker-0', { addresses: [{ interface: 'eth0', cidr: '10.77.0.30/24' }] }),
  },
  {
    code: 'check.port',
    when: 'another program has the API server’s port, on whatever address',
    bad: listens('cp-0', 6443, 'nginx'),
    says: ['error cp-0: port 6443 on cp-0, for the API server, is taken by nginx (pid 9)'],
    good: listens('worker-0', 6443, 'nginx'),
  },
  {
    code: 'check.port',
    when: 'a scheduler runs that keelson has not made',
    bad: listens('cp-0', 10259, 'kube-scheduler'),
    says: ['error cp-0: port 10259 on cp-0, for the scheduler, is taken by kube-scheduler (pid 9)'],
    good: listens('cp-0', 10259, 'kube-scheduler', { vault: openVault('handed-over'), facts: { 'cp-0': ours } }),
  },
  {
    code: 'check.port',
    when: 'kube-proxy’s port of a worker is taken',
    bad: listens('worker-0', 10256, 'python3'),
    says: ['error worker-0: port 10256 on worker-0, for kube-proxy’s health, is taken by python3 (pid 9)'],
    good: listens('worker-0', 10257, 'python3'),
  },
  {
    code: 'check.peers',
    when: 'a worker does not reach an API server',
    bad: ways(6443, ['worker-0 cp-1']),
    says: ['error worker-0: worker-0 does not reach cp-1 on port 6443 (No route to host)'],
    good: ways(6443, ['worker-0 cp-1'], ['cp-1']),
  },
  {
    code: 'check.peers',
    when: 'nobody reaches one',
    bad: ways(6443, ['worker-0 cp-1', 'cp-0 cp-1', 'cp-2 cp-1']),
    says: ['error cp-1: no other machine reaches cp-1 on port 6443 (No route to host)'],
    good: ways(6443, []),
  },
  {
    code: 'check.peers',
    when: 'control planes do not reach each other’s etcd',
    bad: ways(2380, ['cp-0 cp-1']),
    says: ['error cp-0: cp-0 does not reach cp-1 on port 2380 (No route to host)'],
    good: ways(2380, []),
  },
  {
    code: 'check.foreign-node',
    when: 'a machine is another cluster’s node',
    bad: bare({ preflight: { 'worker-0': { nodeFiles: ['/etc/kubernetes/kubelet.conf'] } } }),
    says: ['error worker-0: worker-0 is a machine of a Kubernetes cluster: it has /etc/kubernetes/kubelet.conf'],
    good: bare({
      vault: openVault('handed-over'),
      facts: { 'worker-0': ours },
      preflight: { 'worker-0': { nodeFiles: ['/etc/kubernetes/kubelet.conf'] } },
    }),
  },
  {
    code: 'check.foreign-etcd',
    when: 'an etcd runs where one is to be',
    bad: listens('cp-0', 4001, 'etcd'),
    says: ['error cp-0: an etcd that is not this cluster’s runs on cp-0, on 127.0.0.1:4001'],
    good: listens('worker-0', 4001, 'etcd'),
  },
  {
    code: 'check.images',
    when: 'the bundle is for etcd alone',
    bad: bare({ software: { source: 'bundle', bundle: { directory: '/bundle', manifest: bundle } } }),
    says: [
      ...['cp-0', 'cp-1', 'cp-2'].map(
        (host) =>
          `error ${host}: the bundle holds no image of kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy and coredns, which ${host} needs`,
      ),
      'error worker-0: the bundle holds no image of kube-proxy, which worker-0 needs',
    ],
    good: bare({
      software: {
        source: 'bundle',
        bundle: {
          directory: '/bundle',
          manifest: {
            ...bundle,
            images: [
              'kube-apiserver',
              'kube-controller-manager',
              'kube-scheduler',
              'kube-proxy',
              'coredns/coredns',
              'pause',
              'etcd',
            ].map((name) => ({
              name: `registry.k8s.io/${name}:v1`,
              version: '1',
              path: 'x',
              sha256: '',
              sizeBytes: 1,
            })),
          },
        },
      },
    }),
  },
  {
    code: 'check.swap',
    when: 'a worker may swap',
    bad: (() => {
      const machine = scene(bare()).view.facts.hosts.get(hostId('worker-0'))?.machine;
      if (machine?.is !== 'known') throw new Error('the scene has no machine');
      return bare({
        spec: `${STACKED}\n  kubelet: { failSwapOn: false }`,
        facts: { 'worker-0': { machine: { ...machine.value, swapKiB: 2 ** 20 } } },
      });
    })(),
    says: ['info worker-0: worker-0 has 1 GiB of swap: pods there may become slow without a sign'],
    good: bare({ spec: `${STACKED}\n  kubelet: { failSwapOn: false }` }),
  },
];

describe('checks of nodes', () => {
  it.each(cases)('$code: $when', ({ code, bad, says, good: well }) => {
    expect(found(code, bad)).toEqual(says);
    expect(found(code, well)).toEqual([]);
  });
  it('find nothing on good machines but images that are still to be had', () => {
    const findings = preflightFindings(scene(bare()));
    expect(new Set(findings.map(({ severity, code }) => `${severity} ${code}`))).toEqual(
      new Set(['info check.images']),
    );
  });
  it('find nothing wrong with a cluster of ours that runs', () => {
    const running = runningCluster({
      facts: Object.fromEntries(
        CLUSTER_HOSTS.map(({ name, role }) => [
          name,
          { ...ours, ...(role === 'worker' ? {} : { node: controlPlaneNode }) },
        ]),
      ),
      preflight: {
        all: {
          nodeFiles: ['/etc/kubernetes/kubelet.conf'],
          fitness: { ...good, addresses: [], routes: [{ destination: '10.244.0.0/24', interface: 'cni0' }] },
        },
        'cp-0': { listeners: [{ address: '*', port: 6443, process: 'kube-apiserver', pid: 3 }] },
      },
      etcd: known({ endpoints: new Map() }),
    });
    expect(preflightFindings(scene(running)).filter(({ severity }) => severity !== 'info')).toEqual([]);
  });
});
