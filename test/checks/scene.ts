import { desire } from '../../src/desired/desire.ts';
import type { Software } from '../../src/desired/types.ts';
import type { DiskFact, PreflightFacts } from '../../src/facts/preflight/types.ts';
import type { Fact, HostFacts, View } from '../../src/facts/types.ts';
import { type HostId, hostId } from '../../src/model/ids.ts';
import type { VaultState } from '../../src/ports/vault.ts';
import { placed } from './certificates.ts';
import { configOf } from './config.ts';
import { etcdPod } from './pod.ts';

// Views made by hand: three good machines, of which a test spoils what it is about.

export const AT = '2026-01-01T00:00:00.000Z';
export const HOSTS = ['etcd-0', 'etcd-1', 'etcd-2'].map(hostId);

type Known<Facts> = { [N in keyof Facts]: Facts[N] extends Fact<infer T> ? T : never };

interface SceneHost {
  name: string;
  address: string;
  role: 'etcd' | 'control-plane' | 'worker';
}

const TRIO: readonly SceneHost[] = HOSTS.map((name, n) => ({ name, address: `10.77.0.1${n}`, role: 'etcd' }));

export interface Scene {
  /** Instead of the three machines of etcd's. */
  hosts?: readonly SceneHost[];
  /** Further lines of `spec`, two blanks in front. */
  spec?: string;
  /** Instead of v1.36.3. */
  kubernetesVersion?: string;
  software?: Software;
  vault?: VaultState;
  /** What differs on one machine, or on `all`. */
  facts?: Partial<Record<string, Partial<Known<HostFacts>>>>;
  preflight?: Partial<Record<string, Partial<Known<PreflightFacts>>>>;
  /** Machines that cannot be reached. */
  away?: readonly string[];
  etcd?: View['facts']['etcd'];
  kube?: View['facts']['kube'];
}

export function known<T>(value: T): Fact<T> {
  return { is: 'known', value, at: AT };
}

export const GiB = 2 ** 30;

export function disk(change: Partial<DiskFact> = {}): DiskFact {
  const good = { mount: '/', writable: true, type: 'ext2/ext3', sizeBytes: 100 * GiB, availableBytes: 80 * GiB };
  return { ...good, inodes: 6_000_000, freeInodes: 5_900_000, ...change };
}

export function disks(change: Readonly<Record<string, Partial<DiskFact>>> = {}): Map<string, DiskFact> {
  const folders = [
    '/var/lib/etcd',
    '/var/lib/containerd',
    '/var/lib/kubelet',
    '/etc/kubernetes',
    '/var/lib/keelson',
    '/run',
  ];
  const all = [...folders, '/usr/local/bin', '/usr/local/sbin'];
  return new Map(all.map((path) => [path, disk(change[path] ?? change.all)]));
}

export const absentVault: VaultState = { is: 'absent' };

export function openVault(phase: 'founding' | 'founded' | 'handed-over', more: object = {}): VaultState {
  return {
    is: 'open',
    identity: {
      clusterUid: 'uid-1',
      clusterToken: 'token-1',
      createdAt: AT,
      etcd: { phase, ...(phase === 'founding' ? {} : { clusterId: 'c1', foundedAt: AT }) },
    },
    hasCaKey: true,
    clusterKeys: new Map(),
    reseal: null,
    ...more,
  };
}

function goodFacts(host: HostId, n: number): Known<HostFacts> {
  return {
    machine: {
      machineId: `machine-${n}`,
      bootId: `boot-${n}`,
      hostname: host,
      architecture: 'x86_64',
      kernel: '6.1.0',
      os: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' },
      systemd: '252',
      cgroup: 2,
      swapKiB: 0,
      missingTools: [],
      clockSkewMs: 0,
      mayLowerOomScore: true,
    },
    record: { is: 'absent' },
    files: { at: new Map(), text: new Map(), entries: [], publicKeys: new Map() },
    units: new Map([
      ['containerd.service', unit()],
      ['kubelet.service', unit()],
    ]),
    tools: new Map([
      ['kubelet', { path: '/usr/bin/kubelet', version: '1.36.3', stamp: '' }],
      ['kubeadm', { path: '/usr/bin/kubeadm', version: '1.36.3', stamp: '' }],
      ['containerd', { path: '/usr/bin/containerd', version: '2.4.2', stamp: '' }],
    ]),
    runtime: {
      is: 'containerd',
      cgroupDriver: 'systemd',
      sandboxImage: 'registry.k8s.io/pause:3.10.2',
      restrictsOomScore: false,
    },
    images: ['registry.k8s.io/etcd:3.6.8-0', 'registry.k8s.io/pause:3.10.2'],
    manifests: {
      founding: { is: 'made', text: etcdPod, by: 'host', config: '', stamp: '' },
      running: { is: 'made', text: etcdPod, by: 'host', config: '', stamp: '' },
    },
    etcdData: { is: 'absent' },
    etcdProcess: { is: 'absent' },
    node: null,
    balancer: null,
    endpoint: null,
    artefacts: new Map(),
  };
}

/** A machine that is to be a node, and is none yet. */
const bareNode: Partial<Known<HostFacts>> = {
  node: {
    kubeconfigs: new Set(),
    superAdminUsers: new Set(),
    manifests: new Set(),
    kubeletConfigured: false,
    sysctls: new Map([['net.ipv4.ip_forward', '1']]),
    hasOverlay: true,
    caSha256: null,
    kubeadmPids: [],
  },
};

export function unit(active = 'active') {
  return {
    loaded: true,
    active,
    sub: '',
    enabled: true,
    needsReload: false,
    mainPid: 10,
    execStart: '',
    execStartFrom: [],
    argv: [],
    startedAt: 1,
    settledAt: 1,
  };
}

function goodPreflight(n: number, addresses: readonly string[]): Known<PreflightFacts> {
  return {
    clock: { earliestMs: -10, latestMs: 10 },
    listeners: [{ address: '0.0.0.0', port: 22, process: 'sshd', pid: 5 }],
    disks: disks(),
    fsync: Array.from({ length: 200 }, () => 0.4),
    hostKeys: [`ssh-ed25519 AAAA${n}`],
    nodeFiles: [],
    peers: {
      self: { is: 'reached' },
      others: new Map(
        addresses.filter((_, other) => other !== n).map((address) => [address, { is: 'reached' as const }]),
      ),
    },
    forwarding: { is: 'works' },
    ways: new Map(),
    fitness: {
      cpus: 4,
      memoryKiB: 8 * 2 ** 20,
      lacks: [],
      addresses: [
        { interface: 'lo', cidr: '127.0.0.1/8' },
        { interface: 'eth0', cidr: `${addresses[n]}/24` },
      ],
      routes: [{ destination: '10.77.0.0/24', interface: 'eth0' }],
    },
  };
}

/** A manifest and certificates on the disk, and an etcd that runs: what makes ports and files ours. */
export function runsEtcd(facts: Partial<Known<HostFacts>> = {}): Partial<Known<HostFacts>> {
  return {
    files: placed(),
    etcdProcess: { is: 'running', pid: 77, argv: [] },
    etcdData: { is: 'data', mode: '700', owner: 'root:root' },
    ...facts,
  };
}

export function scene({
  hosts = TRIO,
  spec = '',
  kubernetesVersion = 'v1.36.3',
  software,
  vault,
  facts = {},
  preflight = {},
  away = [],
  etcd,
  kube,
}: Scene = {}): {
  view: View;
  preflight: ReadonlyMap<HostId, PreflightFacts>;
} {
  const config = configOf(textOf(spec, software?.source ?? 'preinstalled', hosts, kubernetesVersion));
  const state = vault ?? absentVault;
  const desired = desire(config, state, software ?? { source: 'preinstalled' });
  const addresses = desired.machines.map((m) => m.address);
  const ids = desired.machines.map((m) => m.id);
  const lost = { is: 'unknown', because: 'it does not answer', code: 'host.unreachable' } as const;
  const wrap = <Facts extends object>(host: HostId, values: Facts): Record<string, Fact<unknown>> =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, away.includes(host) ? lost : known(value)]),
    );
  return {
    view: {
      desired,
      facts: {
        hosts: new Map(
          ids.map((host, n) => {
            const role = hosts[n]?.role ?? 'etcd';
            const own = { ...goodFacts(host, n), ...(role === 'etcd' ? {} : bareNode), ...facts.all, ...facts[host] };
            return [host, wrap(host, own) as unknown as HostFacts];
          }),
        ),
        etcd: etcd ?? known({ endpoints: new Map() }),
        kube: kube ?? known({ servers: new Map(), cluster: null }),
        vault: known(state),
      },
    },
    preflight: new Map(
      ids.map((host, n) => {
        const own = { ...goodPreflight(n, addresses), ...preflight.all, ...preflight[host] };
        return [host, wrap(host, own) as unknown as PreflightFacts];
      }),
    ),
  };
}

function textOf(spec: string, source: string, hosts: readonly SceneHost[], kubernetesVersion: string): string {
  const software = source === 'bundle' ? '{ source: bundle, bundle: ./bundle }' : `{ source: ${source} }`;
  return `apiVersion: keelson.dev/v1alpha1
kind: Cluster
metadata: { name: lab }
spec:
  kubernetesVersion: ${kubernetesVersion}
  software: ${software}
${spec}
  hosts:
${hosts.map(({ name, address, role }) => `    - { name: ${name}, address: ${address}, roles: [${role}] }`).join('\n')}
`;
}
