import { sortFindings } from '../checks/finding.ts';
import { certificatesOf } from '../checks/status/certificates.ts';
import { recordedClusterId, recordOf, traces } from '../checks/status/data.ts';
import { statusFindings } from '../checks/status/index.ts';
import { isLeaderless } from '../checks/status/members.ts';
import { observe } from '../checks/status/observe.ts';
import type { ObservedCluster, StatusInput } from '../checks/status/types.ts';
import { quorumOf } from '../desired/members.ts';
import type { Ports } from '../engine/types.ts';
import { gatherRoom } from '../facts/preflight/room.ts';
import type { View } from '../facts/types.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import type { EtcdPhase } from '../ports/vault.ts';
import { unreached } from './check.ts';
import type { StatusReport } from './report-types.ts';
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
  const room = await gatherRoom(made.view, hosts, ports.clock, signal);
  return statusReport(made, room, ports.clock.now());
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
export function statusReport({ view, result }: MadePlan, room: StatusInput['room'], at: Date): StatusReport {
  const { members, cluster } = view.desired;
  const hosts = members.map((m) => m.host);
  const observed = observe(view);
  const certificates = certificatesOf(view, at.getTime());
  const found = statusFindings({ view, plan: result, cluster: observed, certificates, room, now: at.getTime() });
  const findings = sortFindings([...hosts.flatMap((host) => outOfSight(view, observed, host)), ...found], hosts);
  return {
    cluster: cluster.name,
    at: at.toISOString(),
    healthy: isHealthy(view, observed) && !findings.some((f) => f.severity === 'error'),
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
    certificates,
    findings,
  };
}

/** A machine that cannot be looked at says nothing of its member, which may have been asked by another way. */
function outOfSight(view: View, { asked, members }: ObservedCluster, host: HostId): Finding[] {
  const health = members.find((m) => m.host === host)?.health;
  return unreached(view, host).map((found): Finding => {
    if (health === 'healthy') {
      const message = `${found.message}; its member answers and is healthy`;
      // Another key than the recorded one is a matter of its own.
      return { ...found, message, severity: found.code === 'host.key-changed' ? 'error' : 'warning' };
    }
    if (!asked || health !== 'unknown') return found;
    return { ...found, message: `${found.message}; whether its member is healthy is not known` };
  });
}

/** Every configured member is a healthy voter, and all answer for one cluster: ours. */
function isHealthy(view: View, { asked, members, clusterIds }: ObservedCluster): boolean {
  const { etcdClusterId } = view.desired.cluster;
  const [clusterId] = clusterIds;
  const one = clusterIds.length === 1 && (etcdClusterId === null || clusterId === etcdClusterId);
  return asked && one && view.desired.members.every((m) => members.some((o) => o.host === m.host && o.healthy));
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
