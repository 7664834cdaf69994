import type { KubeClusterFact, KubeNodeFact, KubeServerFact, NodeFact, View } from '../../src/facts/types.ts';
import { hostId } from '../../src/model/ids.ts';
import { answering, listed } from './members.ts';
import { AT, known, openVault, type Scene } from './scene.ts';

// A whole cluster, made by hand: two stacked control planes and a worker that are well, of which a test spoils what it is about.

export const CLUSTER_HOSTS = [
  { name: 'cp-0', address: '10.77.0.20', role: 'control-plane' },
  { name: 'cp-1', address: '10.77.0.21', role: 'control-plane' },
  { name: 'cp-2', address: '10.77.0.22', role: 'control-plane' },
  { name: 'worker-0', address: '10.77.0.30', role: 'worker' },
] as const;
const CONTROL_PLANES = ['cp-0', 'cp-1', 'cp-2'];

export const STACKED = `  etcd: { topology: stacked }
  controlPlane: { endpoint: "api.example.com:6443", loadBalancer: { kind: external } }`;

export function kubeNode(change: Partial<KubeNodeFact> = {}): KubeNodeFact {
  return {
    uid: 'u',
    resourceVersion: '1',
    ready: true,
    why: 'kubelet is posting ready status',
    labels: {},
    annotations: {},
    taints: [],
    unschedulable: false,
    kubeletVersion: 'v1.36.3',
    ...change,
  };
}

export const goodServer: KubeServerFact = { is: 'ok', ready: true, failing: [], version: 'v1.36.3' };

interface KubeChange {
  servers?: Readonly<Record<string, KubeServerFact>>;
  /** `null` takes one away. */
  nodes?: Readonly<Record<string, Partial<KubeNodeFact> | null>>;
  cluster?: Partial<KubeClusterFact>;
}

/** What the API servers say. Where none is ready, none tells of the cluster. */
export function kubeFacts({ servers = {}, nodes = {}, cluster = {} }: KubeChange = {}): View['facts']['kube'] {
  const all = new Map(CONTROL_PLANES.map((name) => [hostId(name), servers[name] ?? goodServer]));
  const names = [...new Set([...CLUSTER_HOSTS.map(({ name }) => name), ...Object.keys(nodes)])];
  const lease = { holder: 'cp-1_0f1e', renewedAt: AT, seconds: 15 };
  const ready = [...all.values()].some((server) => server.is === 'ok' && server.ready);
  return known({
    servers: all,
    cluster: ready
      ? {
          through: hostId('cp-0'),
          nodes: new Map(
            names.flatMap((name) => {
              const change = nodes[name];
              return change === null ? [] : [[name, kubeNode(change)] as const];
            }),
          ),
          leases: new Map([
            ['kube-controller-manager', lease],
            ['kube-scheduler', lease],
          ]),
          lacking: [],
          kubeadmConfig: null,
          applied: new Map(),
          ...cluster,
        }
      : null,
  });
}

export function joinedNode(change: Partial<NodeFact> = {}): NodeFact {
  return {
    kubeconfigs: new Set(['kubelet']),
    superAdminUsers: new Set(),
    manifests: new Set(),
    kubeletConfigured: true,
    sysctls: new Map(),
    hasOverlay: true,
    caSha256: null,
    kubeadmPids: [],
    ...change,
  };
}

export const controlPlaneNode = joinedNode({
  kubeconfigs: new Set(['kubelet', 'admin', 'controller-manager', 'scheduler']),
  manifests: new Set(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']),
});

type Facts = NonNullable<Scene['facts']>;

/** The cluster runs; `change` spoils it. */
export function runningCluster({ facts = {}, ...change }: Scene = {}): Scene {
  const runs = { etcdProcess: { is: 'running', pid: 77, argv: [] }, etcdData: DATA } as const;
  const list = CONTROL_PLANES.map((name, n) => listed(n, { name, ...urls(n) }));
  const own: Facts = Object.fromEntries(
    CLUSTER_HOSTS.map(({ name, role }) => [
      name,
      { ...(role === 'worker' ? { node: joinedNode() } : { node: controlPlaneNode, ...runs }), ...facts[name] },
    ]),
  );
  return {
    hosts: CLUSTER_HOSTS,
    spec: STACKED,
    vault: openVault('handed-over'),
    etcd: known({ endpoints: new Map(CONTROL_PLANES.map((name, n) => [hostId(name), answering(n, { list })])) }),
    kube: kubeFacts(),
    ...change,
    facts: own,
  };
}

const DATA: { is: 'data' } & Record<'mode' | 'owner', string> = { is: 'data', mode: '700', owner: 'root:root' };

function urls(n: number) {
  return { peerUrls: [`https://10.77.0.2${n}:2380`], clientUrls: [`https://10.77.0.2${n}:2379`] };
}
