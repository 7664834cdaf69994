import type { HostId } from '../../model/ids.ts';
import type { EtcdAdmin, EtcdEndpoint, EtcdFailure, EtcdMembers, MemberStatus, Reply } from '../../ports/etcd-admin.ts';
import type { SimEtcd } from './etcd.ts';
import type { SimMachine } from './machine.ts';
import type { MemberData } from './raft.ts';

export interface EtcdAdminWorld {
  etcd: SimEtcd;
  machines: ReadonlyMap<HostId, SimMachine>;
  /** Whether the operator's process reaches the machine. */
  reaches: (host: HostId) => boolean;
  belongTogether: (certificate: string | undefined, key: string | undefined) => boolean;
  /** One call to a port. `lost` is what the caller gets when no answer comes. */
  call: <T>(what: string, host: HostId, effect: () => Reply<T>, lost: () => Reply<T>) => Promise<Reply<T>>;
  sleep: (ms: number) => Promise<void>;
  /** The process has looked at the member: whether it takes part in a quorum. */
  saw: (host: HostId, serving: boolean) => void;
}

const PKI = '/etc/kubernetes/pki/etcd';
const DEADLINE_MS = 3_000;

/** etcd's client port as one process of the operator reaches it. */
export function simEtcdAdmin(world: EtcdAdminWorld): EtcdAdmin {
  const { etcd, machines } = world;

  async function ask<T>(what: string, { host }: EtcdEndpoint, body: (data: MemberData) => Reply<T>): Promise<Reply<T>> {
    const lost = (): Reply<T> => failed('unreachable', `${host} does not answer`);
    const effect = (): Reply<T> => {
      etcd.settle();
      // Its members and certificates say nothing about its health.
      if (what === 'status' || what === 'get') world.saw(host, world.reaches(host) && etcd.serves(host));
      const machine = machines.get(host);
      const data = etcd.data(host);
      if (machine === undefined || !machine.up || !world.reaches(host)) return lost();
      if (data === undefined || !etcd.ready(host)) return failed('refused', `nothing listens on ${host}`);
      // The port accepts connections, and nobody answers there until the member has found a quorum.
      if (!etcd.answers(host)) return failed('timeout', `${host} did not answer in time`);
      // etcd reads its leaf certificate from disk at every handshake.
      if (
        !world.belongTogether(
          machine.files.get(`${PKI}/server.crt`)?.content,
          machine.files.get(`${PKI}/server.key`)?.content,
        )
      ) {
        return failed('tls', `${host} serves no valid certificate`);
      }
      return body(data);
    };
    const reply = await world.call(`etcd ${what}`, host, effect, lost);
    if (reply.is === 'failed' && reply.reason === 'timeout') await world.sleep(DEADLINE_MS);
    return reply;
  }

  function quorate<T>(what: string, endpoint: EtcdEndpoint, body: (data: MemberData) => Reply<T>): Promise<Reply<T>> {
    return ask(what, endpoint, (data) =>
      etcd.serves(endpoint.host) ? body(data) : failed('no-leader', 'the member sees no leader'),
    );
  }

  function served(
    what: string,
    endpoint: EtcdEndpoint,
    file: string,
  ): Promise<Reply<{ pem: string; chain: string[] }>> {
    return ask(what, endpoint, () => {
      const files = machines.get(endpoint.host)?.files;
      const content = files?.get(file)?.content;
      const key = files?.get(file.replace(/crt$/, 'key'))?.content;
      if (content === undefined || !world.belongTogether(content, key)) return failed('tls', 'no valid certificate');
      return okay({ pem: content, chain: [] });
    });
  }

  function statusOf(host: HostId, data: MemberData): MemberStatus {
    const leader = etcd.serves(host) ? etcd.raft.leaderOf(data.clusterId) : null;
    const leaderId = leader === null ? null : (etcd.data(leader)?.memberId ?? null);
    const index = String(data.log.length);
    return {
      memberId: data.memberId,
      clusterId: data.clusterId,
      leaderId,
      version: '3.6.8',
      dbSizeBytes: 20_480,
      dbSizeInUseBytes: 16_384,
      raftTerm: String(data.term),
      raftIndex: index,
      raftAppliedIndex: index,
      isLearner: data.members.some((m) => m.id === data.memberId && m.learner === true),
      errors: leaderId === null ? ['etcdserver: no leader'] : [],
    };
  }

  return {
    status: (e) => ask('status', e, (data) => okay(statusOf(e.host, data))),
    members: (e, _signal, { linearizable }) =>
      (linearizable ? quorate : ask)('members', e, (data) => okay(memberList(data))),
    alarms: (e) => quorate('alarms', e, () => okay([])),
    get: (e, key, _signal, { linearizable }) =>
      (linearizable ? quorate : ask)('get', e, (data) => {
        return okay({
          value: data.log.findLast((entry) => entry.key === key)?.value ?? null,
          revision: revisionOf(data),
        });
      }),
    put: (e, key, value) =>
      quorate('put', e, (data) =>
        etcd.clientPut(e.host, key, value) ? okay(revisionOf(data)) : failed('timeout', 'no quorum'),
      ),
    remove: (e, key) => quorate('remove', e, (data) => okay(data.log.some((entry) => entry.key === key))),
    hashKv: (e) =>
      ask('hash', e, (data) => okay({ hash: data.log.length, hashRevision: revisionOf(data), compactRevision: '0' })),
    moveLeader: (e, memberId) =>
      quorate('move leader', e, () =>
        etcd.raft.moveLeader(e.host, memberId) ? okay(true) : failed('other', 'etcdserver: not leader'),
      ),
    servedCertificate: (e) => served('certificate', e, `${PKI}/server.crt`),
    servedPeerCertificate: (e) => served('peer certificate', e, `${PKI}/peer.crt`),
  };
}

function revisionOf(data: MemberData): string {
  return String(data.log.length + 1);
}

/** Name and client URLs are empty until the member has made them known. */
function memberList(data: MemberData): EtcdMembers {
  return {
    clusterId: data.clusterId,
    members: data.members.map((m) => {
      const known = data.published.has(m.id);
      return {
        id: m.id,
        name: known ? m.name : '',
        peerUrls: [m.peerUrl],
        clientUrls: known ? [m.clientUrl] : [],
        isLearner: m.learner === true,
      };
    }),
  };
}

function okay<T>(value: T): Reply<T> {
  return { is: 'ok', value, tookMs: 1 };
}

function failed<T>(reason: EtcdFailure, message: string): Reply<T> {
  return { is: 'failed', reason, message };
}
