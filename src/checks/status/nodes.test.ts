import { describe, expect, it } from 'vitest';
import { goodFingerprint, goodLeaf, placed } from '../../../test/checks/certificates.ts';
import { controlPlaneNode, goodServer, kubeFacts, runningCluster } from '../../../test/checks/nodes.ts';
import { AT, known, openVault, type Scene, scene, unit } from '../../../test/checks/scene.ts';
import { API_SERVER_CERTIFICATE, KUBELET_CERTIFICATE } from '../../desired/node-certificates.ts';
import type { NodeCertificatesFact } from '../../facts/node-certificates.ts';
import type { KubeServerFact } from '../../facts/types.ts';
import { type HostId, hostId, OPERATOR } from '../../model/ids.ts';
import { statusReport } from '../../operations/status.ts';
import { createIssuer } from '../../pki/issuer.ts';
import type { PlannedStep, PlanResult } from '../../plan/types.ts';

const wants = (steps: readonly PlannedStep[]): PlanResult => ({
  ok: true,
  warnings: [],
  plan: { digest: '' as never, intent: { kind: 'apply' }, basis: { config: '' as never, at: AT }, steps },
});
const none = wants([]);

function report(
  change: Scene = {},
  { certificates = new Map() as ReadonlyMap<HostId, NodeCertificatesFact>, plan = none, at = AT } = {},
) {
  const { view, preflight } = scene(runningCluster(change));
  return statusReport({ view, result: plan }, preflight, new Date(at), certificates);
}

const told = (r: ReturnType<typeof report>): string[] =>
  r.findings.map((f) => `${f.severity} ${f.code} ${f.host ?? '-'}: ${f.message}`);

const silentServer: KubeServerFact = {
  is: 'failed',
  code: 'kube.not-listening',
  message: 'nothing listens on the API server’s port',
};
const lostServer: KubeServerFact = { is: 'failed', code: 'kube.timeout', message: 'no answer in time' };

describe('a cluster that is well', () => {
  it('is healthy, and shows servers, nodes and who is at work', () => {
    const { healthy, findings, kubernetes } = report();
    expect({ healthy, findings }).toEqual({ healthy: true, findings: [] });
    expect(kubernetes).toMatchObject({ endpoint: 'api.example.com:6443', made: true, asked: true });
    expect(kubernetes?.servers[1]).toEqual({
      host: 'cp-1',
      address: '10.77.0.21:6443',
      ready: true,
      failing: [],
      version: 'v1.36.3',
      problem: null,
    });
    expect(kubernetes?.nodes.map(({ name, role, ready }) => `${name} ${role} ${ready}`)).toEqual([
      'cp-0 control-plane true',
      'cp-1 control-plane true',
      'cp-2 control-plane true',
      'worker-0 worker true',
    ]);
    expect(kubernetes?.leases.map(({ name, holder, held }) => `${name} ${holder} ${held}`)).toEqual([
      'kube-controller-manager cp-1_0f1e true',
      'kube-scheduler cp-1_0f1e true',
    ]);
  });
  it('says nothing of Kubernetes where etcd is all there is', () => {
    const { view, preflight } = scene();
    expect(statusReport({ view, result: none }, preflight, new Date(AT))).not.toHaveProperty('kubernetes');
  });
});

interface Case {
  when: string;
  scene: Scene;
  says: readonly string[];
  healthy?: boolean;
}

const cases: readonly Case[] = [
  {
    when: 'an API server is not ready',
    scene: {
      kube: kubeFacts({ servers: { 'cp-1': { is: 'ok', ready: false, failing: ['etcd', 'ping'], version: '' } } }),
    },
    says: ['error status.api-server cp-1: the API server on cp-1 is not ready: etcd and ping failed'],
  },
  {
    when: 'nothing listens on the port of one',
    scene: { kube: kubeFacts({ servers: { 'cp-1': silentServer } }) },
    says: [
      'error status.api-server cp-1: the API server on cp-1 is not ready: nothing listens on the API server’s port',
    ],
  },
  {
    when: 'one gives no answer in time',
    scene: { kube: kubeFacts({ servers: { 'cp-1': lostServer } }) },
    says: [
      'error status.api-server-unknown cp-1: whether the API server on cp-1 is ready is not known: no answer in time',
    ],
  },
  {
    when: 'none is ready',
    scene: { kube: kubeFacts({ servers: { 'cp-0': silentServer, 'cp-1': silentServer, 'cp-2': silentServer } }) },
    says: [
      'error status.no-api-server -: no API server is ready: cp-0 (nothing listens on the API server’s port), cp-1 (nothing listens on the API server’s port) and cp-2 (nothing listens on the API server’s port)',
    ],
  },
  {
    when: 'no one gives an answer',
    scene: { kube: kubeFacts({ servers: { 'cp-0': lostServer, 'cp-1': lostServer, 'cp-2': silentServer } }) },
    says: [
      'error status.api-server-unknown -: no API server gives an answer from here: cp-0 (no answer in time), cp-1 (no answer in time) and cp-2 (nothing listens on the API server’s port)',
    ],
  },
  {
    when: 'a control plane is added',
    scene: {
      kube: kubeFacts({ servers: { 'cp-2': silentServer }, nodes: { 'cp-2': null } }),
      facts: { 'cp-2': { node: { ...controlPlaneNode, kubeconfigs: new Set(), manifests: new Set() } } },
    },
    says: ['error status.node-missing cp-2: cp-2 is not a node of the cluster: it has not joined, or was removed'],
  },
  {
    when: 'a manifest has been moved away',
    scene: { facts: { 'cp-2': { node: { ...controlPlaneNode, manifests: new Set(['etcd', 'kube-apiserver']) } } } },
    says: [
      'error status.manifest-missing cp-2: /etc/kubernetes/manifests on cp-2 has no kube-controller-manager.yaml and kube-scheduler.yaml: these do not run',
    ],
  },
  {
    when: 'a kubeadm is at work where manifests are missing',
    scene: { facts: { 'cp-2': { node: { ...controlPlaneNode, manifests: new Set(), kubeadmPids: [4] } } } },
    says: [],
    healthy: true,
  },
  {
    when: 'a node is not Ready',
    scene: {
      kube: kubeFacts({ nodes: { 'worker-0': { ready: false, why: 'Kubelet stopped posting node status.' } } }),
    },
    says: ['error status.node-not-ready worker-0: node worker-0 is not Ready: Kubelet stopped posting node status'],
  },
  {
    when: 'the kubelet of a worker is stopped, and nobody has missed it yet',
    scene: { facts: { 'worker-0': { units: new Map([['kubelet.service', unit('inactive')]]) } } },
    says: [
      'warning status.kubelet worker-0: the kubelet on worker-0 is inactive: nobody would start a pod again there',
    ],
    healthy: true,
  },
  {
    when: 'a node has gone',
    scene: { kube: kubeFacts({ nodes: { 'worker-0': null } }) },
    says: [
      'error status.node-missing worker-0: worker-0 is not a node of the cluster: it has not joined, or was removed',
    ],
  },
  {
    when: 'there is a node that nobody has listed',
    scene: { kube: kubeFacts({ nodes: { stranger: {} } }) },
    says: ['warning status.node-unknown -: the cluster has a node stranger that cluster.yaml does not list'],
    healthy: true,
  },
  {
    when: 'no scheduler is at work',
    scene: {
      kube: kubeFacts({
        cluster: {
          leases: new Map([
            ['kube-controller-manager', { holder: 'cp-0_1', renewedAt: '2025-12-31T23:59:10.000Z', seconds: 15 }],
          ]),
        },
      }),
    },
    says: [
      'error status.no-lease-holder -: no kube-controller-manager is at work: cp-0_1 has not renewed its lease since 2025-12-31T23:59:10.000Z',
      'error status.no-lease-holder -: no kube-scheduler is at work: its lease in kube-system has no holder',
    ],
  },
  {
    when: 'a lease is dated by a clock that is behind',
    scene: {
      kube: kubeFacts({
        cluster: {
          leases: new Map(
            ['kube-controller-manager', 'kube-scheduler'].map((name) => [
              name,
              { holder: 'cp-0_1', renewedAt: '2025-12-31T23:59:10.000Z', seconds: 15 },
            ]),
          ),
        },
      }),
      facts: { 'cp-0': { machine: { ...machineOf('cp-0'), clockSkewMs: -50_000 } } },
    },
    says: [],
    healthy: true,
  },
  {
    when: 'versions are too far apart',
    scene: {
      kube: kubeFacts({
        servers: { 'cp-0': { ...goodServer, version: 'v1.38.0' } as KubeServerFact },
        nodes: {
          'cp-1': { kubeletVersion: 'v1.37.0' },
          'cp-2': { kubeletVersion: 'v1.33.9' },
          'worker-0': { kubeletVersion: 'v1.32.9' },
        },
      }),
    },
    says: [
      'error status.kubernetes-skew -: the API servers are more than one minor version apart: v1.38.0 on cp-0, v1.36.3 on cp-1',
      'error status.kubernetes-skew cp-1: the kubelet of cp-1 is v1.37.0, newer than the API server on cp-1 (v1.36.3)',
      'error status.kubernetes-skew worker-0: the kubelet of worker-0 is v1.32.9, more than 3 minor versions older than the API server on cp-1 (v1.36.3)',
    ],
  },
  {
    when: 'a worker cannot be reached, and its node is Ready',
    scene: { away: ['worker-0'] },
    says: ['warning host.unreachable worker-0: it does not answer; its node is Ready'],
    healthy: true,
  },
  {
    when: 'a control plane cannot be reached, and its node is Ready',
    scene: { away: ['cp-1'], kube: kubeFacts({ servers: { 'cp-1': lostServer } }) },
    says: [
      'error host.unreachable cp-1: it does not answer; its member answers and is healthy; its node is Ready; whether its API server is ready is not known',
    ],
  },
];

describe('a cluster that is ill', () => {
  it.each(cases)('says so when $when', ({ scene: change, says, healthy = false }) => {
    const r = report(change);
    expect({ told: told(r), healthy: r.healthy }).toEqual({ told: says, healthy });
  });
  it('leaves a node’s kubelet to be started by hand, because apply looks at it no more', () => {
    const stopped = { units: new Map([['kubelet.service', unit('inactive')]]) };
    const { findings } = report({ facts: { 'worker-0': stopped } });
    expect(findings[0]?.action).toContain('systemctl enable --now kubelet');
  });
  it('shows of nodes what cluster.yaml says while no API server is ready', () => {
    const all = { 'cp-0': silentServer, 'cp-1': silentServer, 'cp-2': silentServer };
    const { kubernetes } = report({ kube: kubeFacts({ servers: all }) });
    expect(kubernetes).toMatchObject({ made: true, asked: false, leases: [] });
    expect(kubernetes?.nodes[3]).toMatchObject({ name: 'worker-0', ready: null, problem: null });
  });
});

describe('a cluster that is not made yet', () => {
  it('is not healthy before its nodes are, and no finding misses them', () => {
    const kube = kubeFacts({
      servers: { 'cp-2': silentServer },
      nodes: { 'cp-2': null, 'worker-0': { ready: false, why: 'no network yet' } },
    });
    const r = report({ vault: openVault('founded'), kube });
    expect(told(r)).toEqual([
      'warning status.not-founded -: the founding of lab is not finished: its members are not all hardened and verified',
    ]);
    expect(r.healthy).toBe(false);
  });
  const bare = { node: { ...controlPlaneNode, kubeconfigs: new Set<string>(), manifests: new Set<string>() } };
  it('misses neither servers nor nodes', () => {
    const r = report({
      vault: openVault('founding'),
      kube: known({ servers: new Map(), cluster: null }),
      facts: { 'cp-0': bare, 'cp-1': bare, 'cp-2': bare, 'worker-0': bare },
      etcd: known({ endpoints: new Map() }),
    });
    expect(r.kubernetes?.made).toBe(false);
    expect(told(r).filter((line) => !line.includes('status.not-founded'))).toEqual([]);
  });
  it('says so where etcd, which is elsewhere, is there already', () => {
    const { view, preflight } = scene({
      hosts: [
        { name: 'etcd-0', address: '10.77.0.10', role: 'etcd' },
        { name: 'cp-0', address: '10.77.0.20', role: 'control-plane' },
      ],
      spec: '  etcd: { topology: external }',
      vault: openVault('handed-over'),
    });
    const r = statusReport({ view, result: none }, preflight, new Date(AT));
    expect(told(r)).toContain(
      'warning status.not-made -: etcd runs, and the Kubernetes cluster of lab has not been made yet',
    );
    expect(r.healthy).toBe(false);
  });
});

describe('certificates of nodes', () => {
  const issuer = createIssuer({
    clock: { now: () => new Date('2025-02-01T00:00:00.000Z'), monotonicMs: () => 0, sleep: () => Promise.resolve() },
  });
  const day = 86_400;
  const leafOf = async (days: number): Promise<string> => {
    const ca = await issuer.createCa({
      commonName: 'kubernetes',
      algorithm: 'ecdsa-p256',
      validitySeconds: 3650 * day,
    });
    const subject = { commonName: 'x', ekus: ['clientAuth'] as const, dns: [], ips: [] };
    return (await issuer.issue({ ...subject, algorithm: 'ecdsa-p256', validitySeconds: days * day }, ca)).certificate;
  };
  const on = (host: string, files: Record<string, string>, served: string | null = null) =>
    new Map<HostId, NodeCertificatesFact>([
      [hostId(host), { files: known(new Map(Object.entries(files))), served: served === null ? null : known(served) }],
    ]);

  it('are shown under the file they lie in, with what the API server shows', () => {
    const certificates = on(
      'cp-0',
      { [API_SERVER_CERTIFICATE]: goodLeaf, '/etc/kubernetes/admin.conf': goodLeaf },
      goodFingerprint,
    );
    const r = report({}, { certificates });
    expect(r.certificates.map(({ host, path, served }) => [host, path, served])).toEqual([
      ['cp-0', API_SERVER_CERTIFICATE, true],
      ['cp-0', '/etc/kubernetes/admin.conf', null],
    ]);
    expect(r.healthy).toBe(true);
  });
  it('are there once, also while the first member is being founded', () => {
    const path = '/etc/kubernetes/pki/etcd/server.crt';
    const certificates = on('cp-0', { [path]: goodLeaf });
    const r = report({ vault: openVault('founding'), facts: { 'cp-0': { files: placed() } } }, { certificates });
    expect(r.certificates.filter((c) => c.host === 'cp-0' && c.path === path)).toHaveLength(1);
  });
  it('that are not those that are shown are an error', () => {
    const r = report({}, { certificates: on('cp-0', { [API_SERVER_CERTIFICATE]: goodLeaf }, 'ab') });
    expect(told(r)).toEqual([
      `error status.certificate-served cp-0: cp-0 serves another certificate than ${API_SERVER_CERTIFICATE}`,
    ]);
  });
  it('that expire within thirty days are a warning, with kubeadm’s way to renew them', async () => {
    const leaf = await leafOf(365);
    const certificates = on('cp-0', { [API_SERVER_CERTIFICATE]: leaf, '/etc/kubernetes/scheduler.conf': leaf });
    const r = report({}, { certificates, at: '2026-01-12T00:00:00.000Z' });
    expect(told(r).filter((line) => line.includes('certificate'))).toEqual([
      'warning status.certificate-expiring cp-0: apiserver.crt and scheduler.conf on cp-0 expire in 20 days, on 2026-02-01',
    ]);
    expect(r.findings.find((f) => f.code === 'status.certificate-expiring')?.action).toContain('kubeadm certs renew');
  });
  it('of a kubelet are its own to renew, which it does late', async () => {
    const certificates = on('worker-0', { [KUBELET_CERTIFICATE]: await leafOf(60) });
    const warned = (at: string): string[] =>
      told(report({}, { certificates, at })).filter((line) => line.includes('certificate'));
    // A quarter of its time is left: any other certificate would be told of.
    expect(warned('2025-03-19T00:00:00.000Z')).toEqual([]);
    expect(warned('2025-03-29T00:00:00.000Z')).toEqual([
      'warning status.certificate-expiring worker-0: kubelet-client-current.pem on worker-0 expires in 4 days, on 2025-04-02',
    ]);
  });
  it('of an authority are one finding for all control planes', async () => {
    const ca = { '/etc/kubernetes/pki/ca.crt': await leafOf(365) };
    const certificates = new Map([...on('cp-0', ca), ...on('cp-1', ca)]);
    const r = report({}, { certificates, at: '2026-01-12T00:00:00.000Z' });
    expect(told(r).filter((line) => line.includes('certificate'))).toEqual([
      'warning status.certificate-expiring -: the Kubernetes CA’s certificate expires in 20 days, on 2026-02-01',
    ]);
  });
});

describe('what apply would do', () => {
  const step = (kind: string): PlannedStep => ({
    id: kind as never,
    kind,
    on: OPERATOR,
    params: {},
    title: kind,
    risk: 'safe',
    changes: [{ summary: `change of ${kind}` }],
    needs: [],
    why: '',
  });
  it('is not known of the cluster while no API server tells', () => {
    const plan = wants(['pod-network', 'worker-join', 'inventory'].map(step));
    const servers = { 'cp-0': silentServer, 'cp-1': silentServer, 'cp-2': silentServer };
    const all = told(report({ kube: kubeFacts({ servers }) }, { plan }));
    expect(all.filter((line) => line.includes('drift'))).toEqual([
      'info status.drift -: apply would write to the vault: change of inventory',
    ]);
  });
  it('is told of the cluster and of the vault apart, and waiting is none of it', () => {
    const plan = wants(['pod-network', 'inventory', 'nodes-ready', 'api-servers-back'].map(step));
    expect(told(report({}, { plan }))).toEqual([
      'info status.drift -: apply would change in the cluster: change of pod-network',
      'info status.drift -: apply would write to the vault: change of inventory',
    ]);
  });
});

function machineOf(host: string) {
  const fact = scene(runningCluster()).view.facts.hosts.get(hostId(host))?.machine;
  if (fact?.is !== 'known') throw new Error('a scene without machines');
  return fact.value;
}
