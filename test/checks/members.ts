import type { EtcdEndpointFacts, View } from '../../src/facts/types.ts';
import { hostId } from '../../src/model/ids.ts';
import type { EtcdFailure, EtcdMember, MemberStatus, Reply } from '../../src/ports/etcd-admin.ts';
import { goodFingerprint } from './certificates.ts';
import { HOSTS, known } from './scene.ts';

// What members say, made by hand: three healthy voters, of which a test spoils what it is about.

export function ok<T>(value: T): Reply<T> {
  return { is: 'ok', value, tookMs: 1 };
}

export function failed(reason: EtcdFailure, message: string): Extract<Reply<never>, { is: 'failed' }> {
  return { is: 'failed', reason, message };
}

/** Numbers, as etcd's alarms print them in decimal. */
export const IDS = ['a0', 'a1', 'a2'];

export function listed(n: number, change: Partial<EtcdMember> = {}): EtcdMember {
  const address = `10.77.0.1${n}`;
  return {
    id: IDS[n] ?? `a${n}`,
    name: `etcd-${n}`,
    peerUrls: [`https://${address}:2380`],
    clientUrls: [`https://${address}:2379`],
    isLearner: false,
    ...change,
  };
}

interface Change {
  status?: Partial<MemberStatus>;
  list?: readonly EtcdMember[];
  read?: EtcdEndpointFacts['linearizableRead'];
  served?: string;
}

export function answering(
  n: number,
  { status, list = [0, 1, 2].map((m) => listed(m)), read, served = goodFingerprint }: Change = {},
): EtcdEndpointFacts {
  const errors = status?.errors ?? [];
  const value: MemberStatus = {
    memberId: IDS[n] ?? '',
    clusterId: 'c1',
    leaderId: 'a1',
    version: '3.6.8',
    dbSizeBytes: 20_480,
    dbSizeInUseBytes: 16_384,
    raftTerm: '2',
    raftIndex: '1000',
    raftAppliedIndex: '1000',
    isLearner: false,
    errors,
    ...status,
  };
  return {
    status: ok(value),
    members: ok({ clusterId: value.clusterId, members: list }),
    linearizableRead: read ?? (value.leaderId === null ? failed('no-leader', 'the member sees no leader') : ok(true)),
    servedClient: ok(served),
    servedPeer: ok(served),
    alarms: errors,
  };
}

export function silent(n: number, reason: EtcdFailure = 'refused'): EtcdEndpointFacts {
  const place = `10.77.0.1${n}:2379`;
  const no = failed(reason, reason === 'refused' ? `nothing listens at ${place}` : `${place} cannot be reached`);
  return { status: no, members: no, linearizableRead: no, servedClient: no, servedPeer: no, alarms: [] };
}

export function endpoints(change: Partial<Record<string, EtcdEndpointFacts>> = {}): View['facts']['etcd'] {
  return known({ endpoints: new Map(HOSTS.map((host, n) => [hostId(host), change[host] ?? answering(n)])) });
}
