import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type {
  EtcdAdmin,
  EtcdAlarm,
  EtcdEndpoint,
  EtcdHash,
  EtcdMember,
  EtcdValue,
  MemberStatus,
  Reply,
  ServedCertificate,
} from '../ports/etcd-admin.ts';
import { type CredentialsSource, type Dial, placeOf } from './connection.ts';
import { type Deadline, startDeadline } from './deadline.ts';
import { type Failed, failed, lostFailure, refusalFailure, unreadableFailure } from './failure.ts';
import {
  type AlarmMember,
  AlarmRequest_AlarmAction,
  AlarmType,
  Cluster,
  type HashKVResponse,
  KV,
  Maintenance,
  type Member,
  type RangeResponse,
  type ResponseHeader,
  type StatusResponse,
} from './gen/rpc_pb.ts';
import type { CallOptions } from './grpc.ts';
import { createLinks } from './links.ts';
import { lookAtCertificate } from './served.ts';

export interface EtcdAdminOptions {
  dial: Dial;
  credentials: CredentialsSource;
  /** For one call, with the connect when there is one. */
  timeoutMs: number;
}

export interface OpenEtcdAdmin extends EtcdAdmin {
  /** Ends all connections at once; calls that run fail, later ones are a fault. */
  readonly close: () => void;
}

type Answer<T> = { is: 'ok'; value: T } | Failed;

interface Call<I extends DescMessage, O extends DescMessage, T> {
  method: DescMethodUnary<I, O>;
  message: MessageInitShape<I>;
  read: (reply: MessageShape<O>) => T;
  /** Without a leader the member then says so at once, instead of letting the call run into its deadline. */
  needsLeader: boolean;
}

class Unreadable extends Error {}

export function createEtcdAdmin(options: EtcdAdminOptions): OpenEtcdAdmin {
  const links = createLinks(options);
  const closing = new AbortController();

  async function within<T>(
    endpoint: EtcdEndpoint,
    signal: AbortSignal,
    body: (deadline: Deadline) => Promise<Answer<T>>,
  ): Promise<Reply<T>> {
    if (closing.signal.aborted) throw new Error('the etcd client is closed');
    signal.throwIfAborted();
    const started = performance.now();
    const deadline = startDeadline(options.timeoutMs, AbortSignal.any([signal, closing.signal]));
    try {
      const result = await body(deadline);
      if (result.is === 'failed') return result;
      return { ...result, tookMs: performance.now() - started };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (deadline.isOver()) return timedOut(endpoint, options.timeoutMs);
      if (closing.signal.aborted) return failed('other', 'the etcd client was closed');
      throw error;
    } finally {
      deadline.end();
    }
  }

  function call<I extends DescMessage, O extends DescMessage, T>(
    endpoint: EtcdEndpoint,
    signal: AbortSignal,
    what: Call<I, O, T>,
  ): Promise<Reply<T>> {
    return within(endpoint, signal, async (deadline) => {
      // A connection may have ended just before it is used; then nothing was sent, and a new one may do.
      for (let attempt = 1; attempt <= 2; attempt++) {
        const answer = await once(endpoint, what, deadline);
        if (answer !== 'never sent') return answer;
      }
      return failed('unreachable', `${placeOf(endpoint)} ends each connection`);
    });
  }

  async function once<I extends DescMessage, O extends DescMessage, T>(
    endpoint: EtcdEndpoint,
    what: Call<I, O, T>,
    deadline: Deadline,
  ): Promise<Answer<T> | 'never sent'> {
    const link = await links.acquire(endpoint, deadline.signal);
    if (link.is === 'failed') return link;
    try {
      const result = await link.unary(what.method, what.message, callOptions(deadline, what.needsLeader));
      if (result.is === 'answer') return { is: 'ok', value: what.read(result.message) };
      if (result.is === 'refusal') return refusalFailure(result.code, result.text);
      if (result.is === 'unreadable') throw new Unreadable(result.why);
      link.retire();
      // Somebody refused us for what we are: another connection would not change that.
      return result.sent || link.errors.length > 0 ? lostFailure(placeOf(endpoint), link.errors) : 'never sent';
    } catch (error) {
      // No answer in time, or a senseless one: the next call shall not find the same connection.
      if (deadline.isOver() || error instanceof Unreadable) link.retire();
      if (error instanceof Unreadable) return unreadableFailure(placeOf(endpoint), error.message);
      throw error;
    } finally {
      link.release();
    }
  }

  function look(endpoint: EtcdEndpoint, signal: AbortSignal): Promise<Reply<ServedCertificate>> {
    return within(endpoint, signal, (deadline) => lookAtCertificate(endpoint, options, deadline.signal));
  }

  return {
    status: (endpoint, signal) =>
      call(endpoint, signal, { method: Maintenance.method.status, message: {}, read: toStatus, needsLeader: false }),
    members: (endpoint, signal, { linearizable }) =>
      call(endpoint, signal, {
        method: Cluster.method.memberList,
        message: { linearizable },
        read: (reply) => ({ clusterId: hex(required(reply.header).clusterId), members: reply.members.map(toMember) }),
        needsLeader: linearizable,
      }),
    alarms: (endpoint, signal) =>
      call(endpoint, signal, {
        method: Maintenance.method.alarm,
        message: { action: AlarmRequest_AlarmAction.GET },
        read: (reply) => reply.alarms.map(toAlarm),
        needsLeader: true,
      }),
    get: (endpoint, key, signal, { linearizable }) =>
      call(endpoint, signal, {
        method: KV.method.range,
        message: { key: bytes(key), serializable: !linearizable },
        read: toValue,
        needsLeader: linearizable,
      }),
    put: (endpoint, key, value, signal) =>
      call(endpoint, signal, {
        method: KV.method.put,
        message: { key: bytes(key), value: bytes(value) },
        read: (reply) => required(reply.header).revision.toString(),
        needsLeader: true,
      }),
    remove: (endpoint, key, signal) =>
      call(endpoint, signal, {
        method: KV.method.deleteRange,
        message: { key: bytes(key) },
        read: (reply) => reply.deleted > 0n,
        needsLeader: true,
      }),
    hashKv: (endpoint, revision, signal) =>
      call(endpoint, signal, {
        method: Maintenance.method.hashKV,
        message: { revision: BigInt(revision) },
        read: toHash,
        needsLeader: false,
      }),
    moveLeader: (endpoint, memberId, signal) =>
      call(endpoint, signal, {
        method: Maintenance.method.moveLeader,
        message: { targetId: BigInt(`0x${memberId}`) },
        read: () => true as const,
        needsLeader: true,
      }),
    servedCertificate: look,
    servedPeerCertificate: look,
    close: () => {
      closing.abort(new Error('the etcd client was closed'));
      links.close();
    },
  };
}

/**
 * The member is told a deadline somewhat before ours, so that a member without quorum answers that it ran out of time; no
 * answer at all then means that the connection is dead.
 */
function callOptions(deadline: Deadline, needsLeader: boolean): CallOptions {
  return {
    signal: deadline.signal,
    timeoutMs: deadline.remainingMs() * 0.9,
    metadata: needsLeader ? { hasleader: 'true' } : {},
  };
}

function timedOut(endpoint: EtcdEndpoint, timeoutMs: number): Failed {
  return failed('timeout', `no answer from ${placeOf(endpoint)} within ${timeoutMs} ms`);
}

function toStatus(reply: StatusResponse): MemberStatus {
  const header = required(reply.header);
  return {
    memberId: hex(header.memberId),
    clusterId: hex(header.clusterId),
    leaderId: reply.leader === 0n ? null : hex(reply.leader),
    version: reply.version,
    dbSizeBytes: Number(reply.dbSize),
    dbSizeInUseBytes: Number(reply.dbSizeInUse),
    ...(reply.dbSizeQuota === 0n ? {} : { quotaBytes: Number(reply.dbSizeQuota) }),
    raftTerm: reply.raftTerm.toString(),
    raftIndex: reply.raftIndex.toString(),
    raftAppliedIndex: reply.raftAppliedIndex.toString(),
    isLearner: reply.isLearner,
    errors: reply.errors,
  };
}

function toMember(member: Member): EtcdMember {
  return {
    id: hex(member.id),
    name: member.name,
    peerUrls: member.peerUrls,
    clientUrls: member.clientUrls,
    isLearner: member.isLearner,
  };
}

function toValue(reply: RangeResponse): EtcdValue {
  const found = reply.kvs[0];
  return {
    value: found === undefined ? null : new TextDecoder().decode(found.value),
    revision: required(reply.header).revision.toString(),
  };
}

function toHash(reply: HashKVResponse): EtcdHash {
  return {
    hash: reply.hash,
    hashRevision: reply.hashRevision === 0n ? '' : reply.hashRevision.toString(),
    compactRevision: reply.compactRevision.toString(),
  };
}

function toAlarm({ memberId, alarm }: AlarmMember): EtcdAlarm {
  const id = hex(memberId);
  if (alarm === AlarmType.NOSPACE) return { memberId: id, type: 'NOSPACE' };
  if (alarm === AlarmType.CORRUPT) return { memberId: id, type: 'CORRUPT' };
  return { memberId: id, type: `ALARM-${alarm}` };
}

function required(header: ResponseHeader | undefined): ResponseHeader {
  if (header === undefined) throw new Unreadable('it has no header');
  return header;
}

function hex(id: bigint): string {
  return id.toString(16);
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
