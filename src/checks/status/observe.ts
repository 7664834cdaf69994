import { quorumOf } from '../../desired/members.ts';
import type { Member } from '../../desired/types.ts';
import type { EtcdEndpointFacts, View } from '../../facts/types.ts';
import type { HostId } from '../../model/ids.ts';
import type { EtcdFailure, EtcdMember } from '../../ports/etcd-admin.ts';
import { isFounded } from '../../ports/vault.ts';
import { memberHealth } from '../../steps/etcd-member.ts';
import { said } from '../text.ts';
import { alarmsOf } from './alarms.ts';
import { lostData, neverStarted } from './data.ts';
import type { MemberHealth, MemberReport, ObservedCluster } from './types.ts';

/** Nothing came back: a member may be well and only out of our sight. */
const SILENT: readonly EtcdFailure[] = ['unreachable', 'timeout'];

/** Puts together what the members say of themselves and of the list; what one says of another's health is not evidence. */
export function observe(view: View): ObservedCluster {
  const endpoints =
    view.facts.etcd.is === 'known' ? view.facts.etcd.value.endpoints : new Map<HostId, EtcdEndpointFacts>();
  const answered = [...endpoints.values()].flatMap(({ status }) => (status.is === 'ok' ? [status.value] : []));
  const listed = bestList([...endpoints.values()]);
  const members = view.desired.members.map((member) =>
    observeMember(view, member, listed?.find((entry) => configuredAs(view, entry) === member) ?? null),
  );
  for (const entry of listed ?? []) {
    if (configuredAs(view, entry) === null) members.push(observeMember(view, null, entry));
  }
  // A configured member that is not on etcd's list has no vote to give.
  const counted = listed === null ? members : members.filter((m) => m.id !== null);
  const voters = counted.filter((m) => m.role === 'voter').length;
  const needed = quorumOf(voters);
  const outOfReach = [...endpoints.values()].filter(
    ({ status }) => status.is === 'failed' && SILENT.includes(status.reason),
  ).length;
  const quorumSeen = [...endpoints.values()].some(({ linearizableRead }) => linearizableRead.is === 'ok');
  // A leader that cannot be asked itself is known by those who follow it.
  const named = [...endpoints.values()].flatMap(({ status, linearizableRead }) =>
    status.is === 'ok' && linearizableRead.is === 'ok' && status.value.leaderId !== null ? [status.value.leaderId] : [],
  )[0];
  const having = (health: MemberHealth): number =>
    counted.filter((m) => m.role === 'voter' && m.health === health).length;
  const [healthy, unknown] = [having('healthy'), having('unknown')];
  // While it is being founded, members that do not run yet are no loss.
  const founded = isFounded(view.desired.cluster.phase);
  const asked = answered.length > 0 || (endpoints.size > 0 && outOfReach < needed);
  return {
    asked,
    clusterIds: [...new Set(answered.map((status) => status.clusterId))].sort(),
    leader: (members.find((m) => m.leader) ?? members.find((m) => m.id !== null && m.id === named))?.name ?? null,
    members,
    quorumSeen,
    quorum: {
      voters,
      learners: counted.length - voters,
      healthy,
      unknown,
      needed,
      held: isHeld(quorumSeen, founded && asked && healthy + unknown < needed),
      tolerates: Math.max(healthy - needed, 0),
    },
  };
}

function isHeld(seen: boolean, impossible: boolean): boolean | null {
  if (seen) return true;
  return impossible ? false : null;
}

/** The list of a member that takes part in a quorum; else of the one whose log is longest. */
function bestList(endpoints: readonly EtcdEndpointFacts[]): readonly EtcdMember[] | null {
  const rank = ({ status, linearizableRead }: EtcdEndpointFacts): bigint =>
    (linearizableRead.is === 'ok' ? 1n << 64n : 0n) + (status.is === 'ok' ? BigInt(status.value.raftIndex) : 0n);
  const best = endpoints
    .filter(({ members }) => members.is === 'ok')
    .reduce<EtcdEndpointFacts | null>((a, b) => (a === null || rank(b) > rank(a) ? b : a), null);
  return best?.members.is === 'ok' ? best.members.value.members : null;
}

/** A member that has never started has no name yet: its peer URL was given when it was added. */
function isSame(member: Member, entry: EtcdMember): boolean {
  return entry.name === member.name || entry.peerUrls.includes(member.peerUrl);
}

function configuredAs(view: View, entry: EtcdMember): Member | null {
  return (
    view.desired.members.find((m) => m.name === entry.name) ??
    view.desired.members.find((m) => isSame(m, entry)) ??
    null
  );
}

function observeMember(view: View, member: Member | null, entry: EtcdMember | null): MemberReport {
  const endpoint = member === null ? undefined : endpointOf(view, member.host);
  const status = endpoint?.status.is === 'ok' ? endpoint.status.value : null;
  const problems = member === null ? ['it is not in cluster.yaml'] : problemsOf(view, member, endpoint, entry);
  const learner = entry?.isLearner ?? status?.isLearner ?? false;
  const health = healthOf(view, member, entry, learner);
  return {
    name: entry?.name ?? member?.name ?? '',
    id: entry?.id ?? null,
    host: member?.host ?? null,
    peerUrls: entry?.peerUrls ?? (member === null ? [] : [member.peerUrl]),
    clientUrls: entry?.clientUrls ?? (member === null ? [] : [member.clientUrl]),
    role: learner ? 'learner' : 'voter',
    leader: status !== null && status.leaderId === status.memberId,
    healthy: health === 'healthy',
    health,
    version: status?.version ?? null,
    dbSizeBytes: status?.dbSizeBytes ?? null,
    raftIndex: status?.raftIndex ?? null,
    problems,
  };
}

function healthOf(view: View, member: Member | null, entry: EtcdMember | null, learner: boolean): MemberHealth {
  if (member === null || neverStarted(view, member.host)) return 'unknown';
  const process = view.facts.hosts.get(member.host)?.etcdProcess;
  const stopped = process?.is === 'known' && process.value.is === 'absent';
  const status = endpointOf(view, member.host)?.status;
  if (status?.is === 'ok')
    return entry !== null && !learner && memberHealth(view, member.host) === null ? 'healthy' : 'ill';
  if (stopped || lostData(view, member.host) !== null) return 'ill';
  return status === undefined || SILENT.includes(status.reason) ? 'unknown' : 'ill';
}

function endpointOf(view: View, host: HostId): EtcdEndpointFacts | undefined {
  return view.facts.etcd.is === 'known' ? view.facts.etcd.value.endpoints.get(host) : undefined;
}

function problemsOf(
  view: View,
  member: Member,
  endpoint: EtcdEndpointFacts | undefined,
  entry: EtcdMember | null,
): string[] {
  const found: string[] = [];
  const facts = view.facts.hosts.get(member.host);
  if (neverStarted(view, member.host)) return ['it has not been started'];
  // Why is told once, as a finding of the machine.
  if (facts?.machine.is === 'unknown') found.push('the machine cannot be looked at');
  const gone = lostData(view, member.host);
  if (gone !== null) found.push(gone);
  const process = facts?.etcdProcess.is === 'known' ? facts.etcdProcess.value.is : undefined;
  const runs = process === 'running';
  if (process === 'absent') found.push('no etcd runs on the machine');
  if (endpoint === undefined)
    return [...found, runs ? 'etcd runs on the machine and was not asked' : 'it was not asked'];
  const health = memberHealth(view, member.host);
  if (health !== null) found.push(said(health));
  if (endpoint.status.is === 'failed') return found;
  if (endpoint.members.is === 'ok' && entry === null) found.push('it is not in etcd’s member list');
  if (entry !== null) found.push(...differences(member, entry));
  found.push(...alarmsOf(view, member.host).map((alarm) => `alarm ${alarm}`));
  return found;
}

function differences(member: Member, entry: EtcdMember): string[] {
  const found: string[] = [];
  if (entry.name === '') found.push('it has never started');
  else if (entry.name !== member.name) found.push(`it is called ${said(entry.name)} in etcd`);
  if (!entry.peerUrls.includes(member.peerUrl))
    found.push(`its peer URL in etcd is ${said(entry.peerUrls.join(', ')) || 'none'}`);
  if (entry.name !== '' && !entry.clientUrls.includes(member.clientUrl)) {
    found.push(`its client URL in etcd is ${said(entry.clientUrls.join(', ')) || 'none'}`);
  }
  return found;
}
