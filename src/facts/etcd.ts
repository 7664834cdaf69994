import type { Desired, Member } from '../desired/types.ts';
import type { HostId } from '../model/ids.ts';
import { parseCertificate } from '../model/x509.ts';
import type { EtcdAdmin, EtcdEndpoint, EtcdValue, Reply } from '../ports/etcd-admin.ts';
import type { EtcdEndpointFacts, EtcdFacts } from './types.ts';

/** Any key will do for a linearizable read: whether it exists does not matter. */
const PROBE_KEY = 'keelson/probe';
const NO_LEADER: Reply<EtcdValue> = { is: 'failed', reason: 'no-leader', message: 'the member sees no leader' };

export function clientEndpoint(desired: Desired, member: Member): EtcdEndpoint {
  return { host: member.host, address: member.address, port: desired.config.spec.etcd.ports.client };
}

/** Asks every member for itself: what one says of another is not evidence. */
export async function readEtcd(desired: Desired, etcd: EtcdAdmin, signal: AbortSignal): Promise<EtcdFacts> {
  const read = desired.members.map(
    async (member): Promise<[HostId, EtcdEndpointFacts]> => [
      member.host,
      await readEndpoint(desired, member, etcd, signal),
    ],
  );
  return { endpoints: new Map(await Promise.all(read)) };
}

async function readEndpoint(
  desired: Desired,
  member: Member,
  etcd: EtcdAdmin,
  signal: AbortSignal,
): Promise<EtcdEndpointFacts> {
  const endpoint = clientEndpoint(desired, member);
  const status = await etcd.status(endpoint, signal);
  if (status.is === 'failed') {
    const failed = { is: 'failed', reason: status.reason, message: status.message } as const;
    return { status, members: failed, linearizableRead: failed, servedClient: failed, servedPeer: failed, alarms: [] };
  }
  const leaderless = status.value.leaderId === null;
  const [members, read, servedClient, servedPeer] = await Promise.all([
    etcd.members(endpoint, signal, { linearizable: false }),
    // Without a leader the read would wait for one until its deadline, and every verdict with it.
    leaderless ? NO_LEADER : etcd.get(endpoint, PROBE_KEY, signal, { linearizable: true }),
    etcd.servedCertificate(endpoint, signal),
    etcd.servedPeerCertificate({ ...endpoint, port: desired.config.spec.etcd.ports.peer }, signal),
  ]);
  return {
    status,
    members,
    linearizableRead: mapReply(read, () => true as const),
    servedClient: mapReply(servedClient, (served) => parseCertificate(served.pem).fingerprint256),
    servedPeer: mapReply(servedPeer, (served) => parseCertificate(served.pem).fingerprint256),
    // A member reports the alarms of the cluster that it knows in its status' errors.
    alarms: status.value.errors,
  };
}

function mapReply<T, U>(reply: Reply<T>, map: (value: T) => U): Reply<U> {
  return reply.is === 'ok' ? { ...reply, value: map(reply.value) } : reply;
}
