import { createHash } from 'node:crypto';
import { remembered } from '../../model/remembered.ts';
import type { Entry, MemberData, SimMember } from './raft.ts';

/** The arguments of an etcd by name, without the dashes. */
export function flagsOf(argv: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    argv.slice(1).map((arg) => {
      const at = arg.indexOf('=');
      return [arg.slice(2, at < 0 ? undefined : at), at < 0 ? 'true' : arg.slice(at + 1)];
    }),
  );
}

/**
 * What an etcd without data makes of its initial flags: the beginning of its data, or null when it does not start. `ask` gives what the
 * first reachable of the listed members knows.
 */
export function beginMember(
  flags: ReadonlyMap<string, string>,
  ask: (others: readonly SimMember[]) => MemberData | undefined,
): MemberData | null {
  const members = membersOf(flags);
  const self = members.find(
    (m) => m.name === flags.get('name') && m.peerUrl === flags.get('initial-advertise-peer-urls'),
  );
  if (self === undefined) return null;
  const peer = ask(members.filter((m) => m !== self));
  // Without the flag etcd takes it for new: so does kubeadm's first member.
  if ((flags.get('initial-cluster-state') ?? 'new') !== 'new') {
    // Asks the others who is a member: their answer, not the list, gives the ids.
    const known = peer?.members.find((m) => m.peerUrl === self.peerUrl);
    if (peer === undefined || known === undefined || peer.members.length !== members.length) return null;
    return {
      clusterId: peer.clusterId,
      memberId: known.id,
      members: peer.members,
      term: 0,
      log: [],
      published: new Set(),
    };
  }
  // "member has already been bootstrapped": the others know its client URLs.
  if (peer?.published.has(self.id)) return null;
  const clusterId = idOf(
    members
      .map((m) => m.id)
      .sort()
      .join(),
  );
  return {
    clusterId,
    memberId: self.id,
    members,
    term: 1,
    log: [...firstEntries(clusterId, members)],
    published: new Set(),
  };
}

/** Ids follow from the peer URL and the cluster's token, so that members of two foundings can never mix. */
function membersOf(flags: ReadonlyMap<string, string>): SimMember[] {
  const clientPort = new URL(flags.get('advertise-client-urls') ?? 'https://localhost:2379').port;
  const token = flags.get('initial-cluster-token') ?? '';
  return (flags.get('initial-cluster') ?? '').split(',').map((entry) => {
    const at = entry.indexOf('=');
    const peerUrl = entry.slice(at + 1);
    return {
      name: entry.slice(0, at),
      peerUrl,
      clientUrl: peerUrl.replace(/\d+$/, clientPort),
      id: idOf(`${peerUrl} ${token}`),
    };
  });
}

const bootstraps = new Map<string, readonly Entry[]>();

/** Every member of a founding begins its log with the same list of members. */
function firstEntries(clusterId: string, members: readonly SimMember[]): readonly Entry[] {
  const known = bootstraps.get(clusterId);
  if (known !== undefined) return known;
  const entries = [...members]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((m) => ({ term: 1, key: ' member', value: m.id }));
  bootstraps.set(clusterId, entries);
  return entries;
}

export const idOf = remembered((text) =>
  createHash('sha256').update(text).digest('hex').slice(0, 16).replace(/^0+/, ''),
);
