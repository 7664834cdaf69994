import { sortFindings } from '../checks/finding.ts';
import { certificatesOf } from '../checks/status/certificates.ts';
import { recordedClusterId, recordOf, traces } from '../checks/status/data.ts';
import { statusFindings } from '../checks/status/index.ts';
import { observeKubernetes } from '../checks/status/kubernetes.ts';
import { isLeaderless } from '../checks/status/members.ts';
import { observe } from '../checks/status/observe.ts';
import type { ObservedCluster, StatusInput } from '../checks/status/types.ts';
import { quorumOf } from '../desired/members.ts';
import type { Ports } from '../engine/types.ts';
import { gatherNodeCertificates, type NodeCertificatesFact } from '../facts/node-certificates.ts';
import { gatherRoom } from '../facts/preflight/room.ts';
import type { View } from '../facts/types.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import type { EtcdPhase } from '../ports/vault.ts';
import { unreached } from './check.ts';
import type { KubernetesReport, StatusReport } from './report-types.ts';
import { type MadePlan, makePlan, type Subject } from './run.ts';

/** Looks at everything and changes nothing. What cannot be seen is said to be so; it never rejects because a machine is away. */
export async function readStatus(
  { subject, ports }: { subject: Subject; ports: Ports },
  signal: AbortSignal,
): Promise<StatusReport> {
  let made = await makePlan(subject, ports, { kind: 'apply' }, signal);
  if (isElecting(made.view)) {
    await ports.clock.sleep(ELECTION_MS, signal);
    made = await makePlan(subject, ports, { kind: 'apply' }, signal, undefined, made.view);
  }
  const hosts = new Map([...ports.machines].map(([id, machine]) => [id, machine.read]));
  const { view } = made;
  const [room, nodeCertificates] = await Promise.all([
    gatherRoom(view, hosts, ports.clock, signal),
    gatherNodeCertificates(view, { hosts, kube: ports.kube, clock: ports.clock }, signal),
  ]);
  return statusReport(made, room, ports.clock.now(), nodeCertificates);
}

/** kubeadm leaves etcd's election timeout at 1 s. */
const ELECTION_MS = 1000;

/** Enough members answer to elect a leader, and one of them has none: in a moment that may be over, and nobody was ill. */
function isElecting({ facts, desired }: View): boolean {
  const endpoints = facts.etcd.is === 'known' ? [...facts.etcd.value.endpoints.values()] : [];
  const answering = endpoints.filter(({ status }) => status.is === 'ok').length;
  return answering >= quorumOf(desired.members.length) && endpoints.some(isLeaderless);
}

/** Of facts that have been read and of the plan that follows from them. */
export function statusReport(
  { view, result }: MadePlan,
  room: StatusInput['room'],
  at: Date,
  nodeCertificates: ReadonlyMap<HostId, NodeCertificatesFact> = new Map(),
): StatusReport {
  const { machines, cluster } = view.desired;
  const hosts = machines.map((machine) => machine.id);
  const observed = observe(view);
  const kubernetes = observeKubernetes(view);
  const now = at.getTime();
  const certificates = certificatesOf(view, now, nodeCertificates);
  const found = statusFindings({ view, plan: result, cluster: observed, kubernetes, certificates, room, now });
  const findings = sortFindings(
    [...hosts.flatMap((host) => outOfSight(view, observed, kubernetes, host)), ...found],
    hosts,
  );
  return {
    cluster: cluster.name,
    at: at.toISOString(),
    healthy: isHealthy(view, observed) && isAllReady(kubernetes) && !findings.some((f) => f.severity === 'error'),
    kubernetesVersion: view.desired.config.spec.kubernetesVersion,
    etcd: {
      clusterId: clusterIdOf(view, observed),
      topology: view.desired.config.spec.etcd.topology,
      phase: phaseOf(view),
      leader: observed.leader,
      quorum: observed.quorum,
      members: observed.members,
      asked: observed.asked,
    },
    ...(kubernetes === null ? {} : { kubernetes }),
    certificates,
    findings,
  };
}

/** A machine that cannot be looked at says nothing of its member, or its node, which may have been asked by another way. */
function outOfSight(
  view: View,
  { asked, members }: ObservedCluster,
  kubernetes: KubernetesReport | null,
  host: HostId,
): Finding[] {
  const health = members.find((m) => m.host === host)?.health ?? null;
  const node = kubernetes?.nodes.find((n) => n.host === host) ?? null;
  const server = kubernetes?.servers.find((s) => s.host === host) ?? null;
  const remarks = [
    ...(health === 'healthy' ? ['its member answers and is healthy'] : []),
    ...(node?.ready === true ? ['its node is Ready'] : []),
    ...(asked && health === 'unknown' ? ['whether its member is healthy is not known'] : []),
    ...(node?.ready === true && server?.ready === null ? ['whether its API server is ready is not known'] : []),
  ];
  const well =
    (health === null ? node !== null : health === 'healthy') &&
    (node === null || node.ready === true) &&
    (server === null || server.ready !== null);
  return unreached(view, host).map((found): Finding => {
    // Another key than the recorded one is a matter of its own.
    const severity = well && found.code !== 'host.key-changed' ? 'warning' : 'error';
    return { ...found, message: [found.message, ...remarks].join('; '), severity };
  });
}

/** Every configured member is a healthy voter, and all answer for one cluster: ours. */
function isHealthy(view: View, { asked, members, clusterIds }: ObservedCluster): boolean {
  const { etcdClusterId } = view.desired.cluster;
  const [clusterId] = clusterIds;
  const one = clusterIds.length === 1 && (etcdClusterId === null || clusterId === etcdClusterId);
  return asked && one && view.desired.members.every((m) => members.some((o) => o.host === m.host && o.healthy));
}

/** Of a cluster that is etcd alone nothing more is asked. */
function isAllReady(kubernetes: KubernetesReport | null): boolean {
  if (kubernetes === null) return true;
  const { servers, nodes } = kubernetes;
  const configured = nodes.filter(({ host }) => host !== null);
  return [...servers, ...configured].every(({ ready }) => ready === true);
}

function clusterIdOf(view: View, { clusterIds }: ObservedCluster): string | null {
  const known = view.desired.cluster.etcdClusterId ?? clusterIds[0];
  return known ?? view.desired.members.map((m) => recordedClusterId(view, m.host)).find((id) => id !== null) ?? null;
}

function phaseOf(view: View): EtcdPhase | null {
  const { vault } = view.facts;
  if (vault.is === 'unknown' || vault.value.is === 'sealed') return null;
  // Without a vault only machines that know of no cluster prove that there is none.
  if (vault.value.is === 'absent') {
    const { running, data, unknown } = traces(view);
    if (running.length + data.length + unknown.length > 0) return null;
    if (view.desired.members.some((m) => recordOf(view, m.host) !== null)) return null;
  }
  return view.desired.cluster.phase;
}
