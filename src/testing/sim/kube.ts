import type { HostId } from '../../model/ids.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { remembered } from '../../model/remembered.ts';
import { manifestCommand } from '../../render/manifest.ts';
import { flagsOf } from './bootstrap.ts';
import type { SimEtcd } from './etcd.ts';
import { KubeStore } from './kube-store.ts';
import { bootstrapOf, KUBECONFIG, kubeconfigText, kubeletOf } from './kubelet.ts';
import type { SimMachine } from './machine.ts';
import { settleUnits, unitOf } from './systemd.ts';

export const API_SERVER_MANIFEST = '/etc/kubernetes/manifests/kube-apiserver.yaml';
export const KUBERNETES_CA = '/etc/kubernetes/pki/ca.crt';
/** From its manifest, or a booted kubelet, to an API server that listens; and from its etcd to one that is ready. */
const START_MS = 4_000;
/** From the pod network, or a started kubelet, to a node that says it is Ready. */
const READY_MS = 6_000;
/** The node controller gives up a kubelet that says nothing. */
const LOST_MS = 50_000;

export interface SimKubeOptions {
  machines: ReadonlyMap<HostId, SimMachine>;
  etcd: SimEtcd;
  /** Milliseconds since 1970. */
  wallMs: () => number;
  connected: (a: HostId, b: HostId) => boolean;
  /** A certificate file and a key file that were made as a pair. */
  paired: (certificate: string, key: string) => void;
}

/** An API server as somebody finds it who comes to its port. */
export type SimServer =
  | { is: 'down' }
  /** Its etcd does not answer. */
  | { is: 'without-etcd' }
  | { is: 'ready'; store: KubeStore };

const commandOf = remembered((manifest) => flagsOf(manifestCommand(manifest)));

/**
 * The Kubernetes side of the machines: their API servers over what is kept in etcd, the kubelets that register their nodes, and what the
 * controllers do of it that keelson sees. As with etcd, changes happen when somebody looks.
 */
export class SimKube {
  readonly #options: SimKubeOptions;
  /** What each etcd cluster holds: a second one would hold nothing. */
  readonly #stores = new Map<string, KubeStore>();
  /** Since when an API server has had all that it needs, by machine. */
  readonly #servers = new Map<HostId, { boots: number; since: number }>();
  readonly #readySince = new Map<string, number>();
  readonly #lostSince = new Map<string, number>();
  /** Every authority that an API server has ever served with. */
  readonly authorities = new Set<string>();
  #issued = 0;

  constructor(options: SimKubeOptions) {
    this.#options = options;
  }

  adopt(other: SimKube): void {
    for (const [id, store] of other.#stores) this.#stores.set(id, store.copy());
    for (const [id, server] of other.#servers) this.#servers.set(id, { ...server });
    for (const [name, since] of other.#readySince) this.#readySince.set(name, since);
    for (const ca of other.authorities) this.authorities.add(ca);
    this.#issued = other.#issued;
  }

  /** Changes with every write to any cluster. */
  revision(): string {
    return [...this.#stores].map(([id, store]) => `${id} ${store.revision}`).join();
  }

  stores(): readonly KubeStore[] {
    return [...this.#stores.values()];
  }

  /** What `kubeadm` does with a certificate of its own: a new pair, in files. */
  issue(machine: SimMachine, base: string, ca: string, now: number): void {
    this.#issued += 1;
    const certificate = `${base} of ${machine.id}, number ${this.#issued}\n${ca}`;
    const key = `-----BEGIN EC PRIVATE KEY-----\n${base} ${machine.id} ${this.#issued}\n-----END EC PRIVATE KEY-----\n`;
    machine.putFile(`${base}.crt`, certificate, '644', now);
    machine.putFile(`${base}.key`, key, '600', now);
    this.#options.paired(certificate, key);
  }

  /** Of the machine's API server; null while none listens. */
  processOn(machine: SimMachine): number | null {
    this.settle();
    const known = this.#servers.get(machine.id);
    return known !== undefined && this.#options.wallMs() >= known.since + START_MS ? 1000 + known.boots : null;
  }

  /** A member through which a machine that joins can have itself announced. */
  memberFor(from: SimMachine): HostId | null {
    const { machines, etcd, connected } = this.#options;
    const found = etcd.serving().find((id) => id !== from.id && connected(from.id, id) && machines.has(id));
    return found ?? null;
  }

  settle(): void {
    const { machines, etcd, wallMs } = this.#options;
    for (const machine of machines.values()) settleUnits(machine, wallMs());
    etcd.settle();
    for (const machine of machines.values()) this.#settleServer(machine);
    const living = new Set<KubeStore>();
    for (const id of machines.keys()) {
      const server = this.#server(id);
      if (server.is === 'ready') living.add(server.store);
    }
    for (const store of living) this.#control(store);
  }

  server(id: HostId): SimServer {
    this.settle();
    return this.#server(id);
  }

  /** An API server to which `host:port` leads, from a machine: its own, or by a load balancer any that is ready. */
  reach(from: SimMachine, endpoint: string): KubeStore | null {
    this.settle();
    return this.#reach(from, endpoint);
  }

  #reach(from: SimMachine, endpoint: string): KubeStore | null {
    const { machines, connected } = this.#options;
    const address = endpoint.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
    const named = [...machines.values()].find((m) => m.address === address);
    for (const { id } of named === undefined ? machines.values() : [named]) {
      if (id !== from.id && !connected(from.id, id)) continue;
      const server = this.#server(id);
      if (server.is === 'ready') return server.store;
    }
    return null;
  }

  #server(id: HostId): SimServer {
    const { machines, wallMs } = this.#options;
    const running = this.#servers.get(id);
    const machine = machines.get(id);
    if (machine === undefined || running === undefined || wallMs() < running.since + START_MS) return { is: 'down' };
    const clusterId = this.#etcdOf(machine);
    if (clusterId === null) return { is: 'without-etcd' };
    const store = this.#stores.get(clusterId) ?? new KubeStore();
    this.#stores.set(clusterId, store);
    return { is: 'ready', store };
  }

  #settleServer(machine: SimMachine): void {
    const kubelet = unitOf(machine, 'kubelet.service');
    const manifest = machine.files.get(API_SERVER_MANIFEST)?.content;
    const runs =
      machine.up &&
      manifest !== undefined &&
      kubelet.state === 'active' &&
      unitOf(machine, 'containerd.service').state === 'active' &&
      (machine.registry || [...machine.images].some((image) => image.includes('/kube-apiserver:')));
    if (!runs) {
      this.#servers.delete(machine.id);
      return;
    }
    const { content: ca } = machine.files.get(KUBERNETES_CA) ?? {};
    if (ca !== undefined) this.authorities.add(ca);
    // A kubelet that is restarted leaves its containers as they are; after a boot there are none.
    const known = this.#servers.get(machine.id);
    if (known?.boots !== machine.boots)
      this.#servers.set(machine.id, { boots: machine.boots, since: this.#options.wallMs() });
  }

  /** The cluster of the member through which the machine's API server reads and writes. */
  #etcdOf(machine: SimMachine): string | null {
    const { machines, etcd, connected } = this.#options;
    const flags = commandOf(machine.files.get(API_SERVER_MANIFEST)?.content ?? '');
    for (const url of (flags.get('etcd-servers') ?? '').split(',')) {
      const { hostname } = new URL(url || 'https://127.0.0.1:2379');
      const address = hostname.replace(/^\[|\]$/g, '');
      const local = address === '127.0.0.1' || address === '::1';
      const member = local ? machine : [...machines.values()].find((m) => m.address === address);
      if (member === undefined || !etcd.serves(member.id)) continue;
      if (member === machine || connected(machine.id, member.id)) return etcd.data(member.id)?.clusterId ?? null;
    }
    return null;
  }

  /** Token cleaner, nodes and their kubelets. */
  #control(store: KubeStore): void {
    const now = this.#options.wallMs();
    for (const secret of store.all('Secret')) {
      if (secret.type !== 'bootstrap.kubernetes.io/token' || expiryOf(secret) > now) continue;
      const { name, namespace = 'kube-system' } = secret.metadata;
      store.remove({ apiVersion: 'v1', kind: 'Secret', name, namespace }, {});
    }
    for (const machine of this.#options.machines.values()) {
      this.#bootstrap(machine, store);
      this.#register(machine, store);
    }
    for (const node of store.all('Node')) this.#readiness(node, store);
  }

  /** A kubelet that has a token only asks for a certificate with it. */
  #bootstrap(machine: SimMachine, store: KubeStore): void {
    const known = machine.files.has(KUBECONFIG) ? null : bootstrapOf(machine);
    if (known === null || this.#reach(machine, known.server) !== store || !tokenLives(store, known.token)) return;
    const { content = '' } = machine.files.get(KUBERNETES_CA) ?? {};
    const user = `system:node:${known.nodeName}`;
    machine.putFile(KUBECONFIG, kubeconfigText(user, known.server, content), '600', this.#options.wallMs() / 1000);
  }

  #register(machine: SimMachine, store: KubeStore): void {
    const kubelet = kubeletOf(machine);
    if (kubelet === null || this.#reach(machine, kubelet.server) !== store) return;
    if (store.find({ apiVersion: 'v1', kind: 'Node', name: kubelet.nodeName }) !== undefined) return;
    const { nodeName: name, labels, taints } = kubelet;
    store.put(
      {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name, labels: { 'kubernetes.io/hostname': machine.id, 'kubernetes.io/os': 'linux', ...labels } },
        spec: { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }, ...taints] },
        status: {
          conditions: [],
          nodeInfo: { kubeletVersion: `v${machine.program('kubelet')?.version.replace(/^v/, '')}` },
        },
      },
      'kubelet',
    );
  }

  #readiness(node: KubeObject, store: KubeStore): void {
    const now = this.#options.wallMs();
    const { name } = node.metadata;
    const machine = [...this.#options.machines.values()].find((m) => kubeletOf(m)?.nodeName === name);
    const kubelet = machine === undefined ? null : kubeletOf(machine);
    const speaks = machine !== undefined && kubelet !== null && this.#reach(machine, kubelet.server) === store;
    const networked = store.all('DaemonSet').some(({ metadata }) => !metadata.name.startsWith('kube-proxy'));
    const since = `${name} ${machine?.boots}`;
    if (speaks && networked) this.#readySince.set(since, this.#readySince.get(since) ?? now);
    else this.#readySince.delete(since);
    if (speaks) this.#lostSince.delete(name);
    else this.#lostSince.set(name, this.#lostSince.get(name) ?? now);
    const silent = !speaks && now >= (this.#lostSince.get(name) ?? now) + LOST_MS;
    const ready = now >= (this.#readySince.get(since) ?? Number.POSITIVE_INFINITY) + READY_MS;
    if (!speaks && !silent) return;
    const condition = silent
      ? { type: 'Ready', status: 'Unknown', message: 'Kubelet stopped posting node status.' }
      : ready
        ? { type: 'Ready', status: 'True', message: 'kubelet is posting ready status' }
        : {
            type: 'Ready',
            status: 'False',
            message: 'container runtime network not ready: cni plugin not initialized',
          };
    const { taints = [] } = node.spec as { taints?: readonly { key: string }[] };
    const others = taints.filter(({ key }) => !key.startsWith('node.kubernetes.io/'));
    const own = silent ? 'unreachable' : ready ? null : 'not-ready';
    const added = own === null ? [] : [{ key: `node.kubernetes.io/${own}`, effect: 'NoSchedule' }];
    const status = { ...(node.status as object), conditions: [condition] };
    store.put(
      { ...node, spec: { ...(node.spec as object), taints: [...added, ...others] }, status },
      'node controller',
    );
  }
}

/** The token's Secret is there, and holds that secret. */
export function tokenLives(store: KubeStore, token: string): boolean {
  const [id = '', half = ''] = token.split('.');
  const ref = { apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: `bootstrap-token-${id}` };
  const secret = store.find(ref)?.data as { 'token-secret'?: string } | undefined;
  return secret?.['token-secret'] === Buffer.from(half).toString('base64');
}

export function expiryOf(secret: KubeObject): number {
  const { expiration } = secret.data as { expiration?: string };
  if (expiration === undefined) return Number.POSITIVE_INFINITY;
  return Date.parse(Buffer.from(expiration, 'base64').toString());
}
