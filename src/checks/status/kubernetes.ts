import { API_SERVER_PORT, controlPlaneEndpoint } from '../../desired/kubeadm-cluster.ts';
import { urlHost } from '../../desired/members.ts';
import type { Node } from '../../desired/nodes.ts';
import { LEADERS } from '../../facts/kube.ts';
import type {
  KubeClusterFact,
  KubeLeaseFact,
  KubeNodeFact,
  KubeServerFact,
  NodeFact,
  View,
} from '../../facts/types.ts';
import type { HostId } from '../../model/ids.ts';
import { observeEndpoint } from './load-balancer.ts';
import type { ApiServerReport, KubernetesReport, LeaseReport, NodeReport } from './types.ts';

export const NEVER_JOINED = 'it has not joined';
const CONTROL_PLANE_LABEL = 'node-role.kubernetes.io/control-plane';

/** What the API servers say, each of itself, and one of them of the cluster. Null for a cluster that is etcd alone. */
export function observeKubernetes(view: View): KubernetesReport | null {
  const { nodes, config } = view.desired;
  if (nodes.length === 0) return null;
  const kube = view.facts.kube.is === 'known' ? view.facts.kube : null;
  const cluster = kube?.value.cluster ?? null;
  return {
    endpoint: controlPlaneEndpoint(config),
    reached: observeEndpoint(view),
    made: cluster !== null ? true : madeByMachines(view),
    servers: controlPlanesOf(view).map((node) => observeServer(view, node)),
    asked: cluster !== null,
    nodes: [
      ...nodes.map((node) => observeNode(node, cluster)),
      ...[...(cluster?.nodes ?? [])]
        .filter(([name]) => !nodes.some((node) => node.name === name))
        .map(([name, node]) => stranger(name, node)),
    ],
    leases:
      cluster === null ? [] : LEADERS.map((name) => observeLease(view, name, cluster, Date.parse(kube?.at ?? ''))),
  };
}

function controlPlanesOf({ desired }: View): readonly Node[] {
  return desired.nodes.filter((node) => node.role === 'control-plane');
}

/** What kubeadm has left on the machine; null when that is not known. */
export function nodeStateOf({ facts }: View, host: HostId): NodeFact | null {
  const fact = facts.hosts.get(host)?.node;
  return fact?.is === 'known' ? fact.value : null;
}

/** Where no API server tells, its manifest shows that there was to be one. */
function madeByMachines(view: View): boolean | null {
  const states = controlPlanesOf(view).map(({ host }) => nodeStateOf(view, host));
  if (
    states.some((state) => state !== null && (state.manifests.has('kube-apiserver') || state.kubeconfigs.has('admin')))
  )
    return true;
  return states.every((state) => state !== null) ? false : null;
}

/** Somebody was there, and it was no API server that is ready. */
const NOT_READY: readonly string[] = ['kube.not-listening', 'kube.tls', 'kube.unauthorized', 'kube.answer'];

function observeServer(view: View, { host, address }: Node): ApiServerReport {
  const port = view.desired.config.spec.controlPlane?.apiServerPort ?? API_SERVER_PORT;
  const place = { host, address: `${urlHost(address)}:${port}` };
  const fact: KubeServerFact | undefined =
    view.facts.kube.is === 'known' ? view.facts.kube.value.servers.get(host) : undefined;
  if (fact?.is === 'ok') {
    const { ready, failing, version } = fact;
    return { ...place, ready, failing, version: version === '' ? null : version, problem: null };
  }
  const problem = fact?.message ?? 'it was not asked';
  // Without a code the server itself has refused to say.
  const known = fact !== undefined && (fact.code === undefined || NOT_READY.includes(fact.code));
  return { ...place, ready: known ? false : null, failing: [], version: null, problem };
}

function observeNode({ name, host, role }: Node, cluster: KubeClusterFact | null): NodeReport {
  const node = cluster?.nodes.get(name);
  if (node === undefined) {
    const problem = cluster === null ? null : NEVER_JOINED;
    const nothing = { kubeletVersion: null, taints: [], unschedulable: false };
    return { name, host, role, ready: cluster === null ? null : false, problem, ...nothing };
  }
  return { name, host, role, ...stateOf(node) };
}

function stranger(name: string, node: KubeNodeFact): NodeReport {
  const role = Object.hasOwn(node.labels, CONTROL_PLANE_LABEL) ? 'control-plane' : 'worker';
  return { name, host: null, role, ...stateOf(node) };
}

function stateOf({ ready, why, kubeletVersion, taints, unschedulable }: KubeNodeFact) {
  const version = kubeletVersion === '' ? null : kubeletVersion;
  return { ready, problem: ready ? null : why, kubeletVersion: version, taints, unschedulable };
}

/** Whoever is alive renews it every other second; so many times its length without that, and nobody is at work. */
const TIMES = 3;

function observeLease(view: View, name: string, { leases }: KubeClusterFact, readAt: number): LeaseReport {
  const lease = leases.get(name);
  if (lease === undefined || lease.holder === '') return { name, holder: null, renewedAt: null, held: false };
  const { holder, renewedAt } = lease;
  return { name, holder, renewedAt, held: isFresh(view, lease, readAt) };
}

function isFresh(view: View, { holder, renewedAt, seconds }: KubeLeaseFact, readAt: number): boolean {
  if (renewedAt === null) return false;
  const age = readAt + clockSkewOf(view, holder) - Date.parse(renewedAt);
  return age < TIMES * seconds * 1000;
}

/** The lease is dated by its holder's clock. */
function clockSkewOf({ facts }: View, holder: string): number {
  const machines = [...facts.hosts.values()].flatMap(({ machine }) => (machine.is === 'known' ? [machine.value] : []));
  return machines.find(({ hostname }) => hostname === holderHost(holder))?.clockSkewMs ?? 0;
}

/** `cp-0` of `cp-0_3f0c7c2e-...`. */
export function holderHost(holder: string): string {
  const at = holder.lastIndexOf('_');
  return at < 0 ? holder : holder.slice(0, at);
}
