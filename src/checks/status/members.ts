import type { EtcdEndpointFacts } from '../../facts/types.ts';
import type { Finding } from '../../model/finding.ts';
import type { HostId } from '../../model/ids.ts';
import { isFounded } from '../../ports/vault.ts';
import { finding } from '../finding.ts';
import { list, plural, said } from '../text.ts';
import { GO_ON, lostData } from './data.ts';
import { insteadOfApply } from './refused.ts';
import type { MemberReport, StatusCheck, StatusInput } from './types.ts';

/** Before the founding, and without an answer to give, silence is nothing to report member by member. */
function running({ view, cluster }: StatusInput): boolean {
  return cluster.asked && isFounded(view.desired.cluster.phase);
}

/** Members that are down for a reason that has a finding of its own are not told of twice. */
export const membersDown: StatusCheck = (input) => {
  if (!running(input)) return [];
  const { view, cluster, plan } = input;
  return cluster.members.flatMap((member): Finding[] => {
    if (member.host === null || member.healthy || member.role === 'learner') return [];
    const reached = view.facts.hosts.get(member.host)?.machine.is === 'known';
    if (lostData(view, member.host) !== null) return [];
    if (member.id === null && memberList(cluster.members)) return [];
    if (member.health === 'unknown') {
      // Of a machine that could not be reached that finding speaks.
      if (!reached || cluster.quorum.held === null) return [];
      const message = `whether member ${member.host} is healthy is not known: ${list(member.problems, 3)}`;
      const details = { host: member.host, ...(isSlow(view, member.host) ? { action: LOOK_AT_IT } : {}) };
      return [finding('status.member-unknown-health', 'error', message, details)];
    }
    return [
      finding('status.member-down', 'error', `member ${member.host} is not healthy: ${list(member.problems, 3)}`, {
        host: member.host,
        ...insteadOfApply(plan),
      }),
    ];
  });
};

const LOOK_AT_IT =
  'Its etcd runs and gave no answer in time: look at its log; until it has found the other members it answers nobody.';

/** It runs and takes connections: that sshd forwards none is not what is wrong. */
function isSlow({ facts }: StatusInput['view'], host: HostId): boolean {
  const process = facts.hosts.get(host)?.etcdProcess;
  const status = facts.etcd.is === 'known' ? facts.etcd.value.endpoints.get(host)?.status : undefined;
  const runs = process?.is === 'known' && process.value.is === 'running';
  return runs && status?.is === 'failed' && status.reason === 'timeout';
}

function memberList(members: readonly MemberReport[]): boolean {
  return members.some((m) => m.id !== null);
}

export const membership: StatusCheck = ({ cluster }) => {
  if (!memberList(cluster.members)) return [];
  return cluster.members.flatMap((member): Finding[] => {
    if (member.host === null) {
      const name = member.name === '' ? `without a name (${said(member.peerUrls.join(', '))})` : said(member.name);
      return [
        finding(
          'status.member-unknown',
          'error',
          `etcd has a member ${name}, id ${member.id}, that cluster.yaml does not know`,
        ),
      ];
    }
    if (member.id !== null) return [];
    return [
      finding('status.member-missing', 'error', `${member.host} is not in etcd’s member list`, { host: member.host }),
    ];
  });
};

/** etcd promotes a learner that has nine tenths of the leader’s log. */
const READY = 0.9;

export const learners: StatusCheck = ({ cluster }) => {
  const leader = cluster.members.find((m) => m.leader);
  return cluster.members.flatMap((member): Finding[] => {
    if (member.role !== 'learner') return [];
    const name = member.name === '' ? `at ${said(member.peerUrls.join(', '))}` : said(member.name);
    const details = member.host === null ? {} : { host: member.host };
    const part = progress(member, leader);
    if (part === null) {
      return [
        finding(
          'status.learner',
          'error',
          `the learner ${name} does not answer; it blocks every other change of members`,
          details,
        ),
      ];
    }
    const state =
      part >= READY
        ? 'it has the log and waits to be promoted'
        : `it has ${Math.floor(part * 100)} % of the leader’s log`;
    return [finding('status.learner', 'warning', `member ${name} is a learner without a vote: ${state}`, details)];
  });
};

function progress(member: MemberReport, leader: MemberReport | undefined): number | null {
  if (member.raftIndex === null) return null;
  const all = Number(leader?.raftIndex ?? member.raftIndex);
  return all === 0 ? 1 : Number(member.raftIndex) / all;
}

/** Quorum and leader: one finding, for the worst that is so. */
export const quorum: StatusCheck = ({ view, cluster }) => {
  const endpoints = view.facts.etcd.is === 'known' ? [...view.facts.etcd.value.endpoints.values()] : [];
  if (!isFounded(view.desired.cluster.phase) || endpoints.length === 0) return [];
  const { healthy, needed, voters } = cluster.quorum;
  if (cluster.clusterIds.length > 1) {
    return [
      finding(
        'status.cluster-split',
        'error',
        `the members answer for ${cluster.clusterIds.length} clusters: ${cluster.clusterIds.join(', ')}`,
      ),
    ];
  }
  if (cluster.quorumSeen) return [];
  const answering = endpoints.filter(({ status }) => status.is === 'ok').length;
  // Those that are only out of our sight may have a quorum among themselves.
  if (!cluster.asked || cluster.quorum.held === null) {
    const message = `too few of ${plural(voters, 'member')} can be reached from here: whether there is a quorum is not known`;
    return [finding('status.out-of-reach', 'error', message)];
  }
  if (answering >= needed && endpoints.some(isLeaderless)) {
    return [
      finding('status.no-leader', 'error', `${answering} of ${plural(voters, 'voter')} answer and have no leader`),
    ];
  }
  const lost = `the quorum is lost: ${healthy} of ${plural(voters, 'voter')} healthy, ${needed} needed`;
  // Until it is handed over the kubelets are taking its members over, one after the other.
  const underWay = view.desired.cluster.phase === 'founded';
  const gone = view.desired.members.filter((m) => lostData(view, m.host) !== null).map((m) => m.host);
  if (voters - gone.length >= needed) {
    if (!underWay) return [finding('status.quorum-lost', 'error', lost)];
    const message = `the founding is not finished, and at this moment there is no quorum: ${healthy} of ${plural(voters, 'voter')} healthy, ${needed} needed`;
    return [finding('status.quorum-lost', 'error', message, { action: GO_ON })];
  }
  return [
    finding('status.quorum-lost', 'error', `${lost}, and the data of ${list(gone)} is gone`, {
      action: ONLY_A_SNAPSHOT,
    }),
  ];
};

/** It says so itself, or it lost its leader while it was asked. */
export function isLeaderless({ status, linearizableRead: read }: EtcdEndpointFacts): boolean {
  if (status.is === 'failed') return false;
  return status.value.leaderId === null || (read.is === 'failed' && read.reason === 'no-leader');
}

const ONLY_A_SNAPSHOT =
  'Keep what data there is and restore a snapshot into a new cluster; an empty one is never founded in its place. Without a snapshot etcd’s --force-new-cluster on a surviving data directory is the last resort: it may lose writes.';

export const versionSkew: StatusCheck = ({ cluster }) => {
  const versions = Map.groupBy(
    cluster.members.filter((m) => m.version !== null),
    (m) => m.version ?? '',
  );
  if (versions.size < 2) return [];
  const parts = [...versions].map(
    ([version, members]) => `${said(version)} on ${list(members.map((m) => said(m.name)))}`,
  );
  return [finding('status.version-skew', 'warning', `members run different versions of etcd: ${list(parts)}`)];
};
