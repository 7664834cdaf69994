import type { HostId } from '../../model/ids.ts';
import type { Rng } from './random.ts';

export interface SimMember {
  readonly name: string;
  readonly id: string;
  readonly peerUrl: string;
  readonly clientUrl: string;
  /** Has no vote yet: it is sent the log, and answers no client. */
  readonly learner?: true;
}

/** One entry of the log. The same entry is the same object on every member that has it. */
export interface Entry {
  readonly term: number;
  readonly key: string;
  readonly value: string;
}

/** What a member's data directory holds. */
export interface MemberData {
  readonly clusterId: string;
  readonly memberId: string;
  members: readonly SimMember[];
  term: number;
  log: Entry[];
  /** Ids of members that have made their name and client URLs known. */
  published: ReadonlySet<string>;
}

interface Leader {
  host: HostId;
  term: number;
  /** How long each member's log has been, as far as this leader knows. */
  progress: Map<string, number>;
}

export interface RaftWorld {
  readonly nowMs: () => number;
  readonly rng: Rng;
  /** Data of the members whose process is up, by machine. */
  readonly running: () => ReadonlyMap<HostId, MemberData>;
  readonly connected: (a: HostId, b: HostId) => boolean;
  /** The member found that its log is shorter than its leader knows it to be: etcd panics. */
  readonly panic: (host: HostId) => void;
  readonly violation: (what: string) => void;
}

/** Election timeouts of 1 s, random between one and two. */
const ELECTION_MS = 1000;

/**
 * Raft as far as acknowledged writes depend on it: terms, elections by the better log, replication to whom the leader reaches, quorum.
 * It is looked at from outside, so that changes happen when somebody looks.
 */
export class SimRaft {
  readonly #world: RaftWorld;
  readonly #leaders = new Map<string, Leader>();
  readonly #leaderlessSince = new Map<string, number>();
  /** Every acknowledged write with its place in the log, by cluster. */
  readonly #acknowledged = new Map<string, { index: number; entry: Entry }[]>();
  /** Clusters that have had a leader, and so a quorum. */
  readonly elected = new Set<string>();
  #lossReported = false;

  constructor(world: RaftWorld) {
    this.#world = world;
  }

  /** Keeps what has been acknowledged, for a copy of the simulation. */
  adopt(other: SimRaft): void {
    for (const [id, acks] of other.#acknowledged) this.#acknowledged.set(id, [...acks]);
    for (const id of other.elected) this.elected.add(id);
  }

  settle(): void {
    const running = this.#world.running();
    const clusters = new Set([...running.values()].map((d) => d.clusterId));
    for (const clusterId of clusters) this.#settleCluster(clusterId, running);
  }

  leaderOf(clusterId: string): HostId | null {
    return this.#leaders.get(clusterId)?.host ?? null;
  }

  /** The member takes part in a quorum: it leads one, or follows a leader who does. */
  serves(host: HostId): boolean {
    const running = this.#world.running();
    const data = running.get(host);
    const leader = data === undefined ? undefined : this.#leaders.get(data.clusterId);
    if (data === undefined || leader === undefined || isLearner(data)) return false;
    return leader.host === host || (running.has(leader.host) && this.#world.connected(leader.host, host));
  }

  /** A write through a member. Acknowledged when a quorum has it. */
  propose(through: HostId, key: string, value: string): boolean {
    const running = this.#world.running();
    const data = running.get(through);
    const leader = data === undefined ? undefined : this.#leaders.get(data.clusterId);
    const leading = leader === undefined ? undefined : running.get(leader.host);
    if (data === undefined || leader === undefined || leading === undefined || !this.serves(through)) return false;
    const entry: Entry = { term: leader.term, key, value };
    leading.log.push(entry);
    leader.progress.set(leading.memberId, leading.log.length);
    let holders = 1;
    for (const [host, follower] of running) {
      if (host === leader.host || !this.#follows(follower, leading) || !this.#world.connected(leader.host, host))
        continue;
      if (this.#replicate(host, follower, leading, leader) && !isLearner(follower)) holders += 1;
    }
    if (holders < quorum(leading)) return false;
    const acks = this.#acknowledged.get(data.clusterId) ?? [];
    acks.push({ index: leading.log.length - 1, entry });
    this.#acknowledged.set(data.clusterId, acks);
    return true;
  }

  /** A further member, without a vote. Gives the members then; null when there is no quorum to decide it, or a learner already. */
  addLearner(through: HostId, member: SimMember): readonly SimMember[] | null {
    const leading = this.#leadingFor(through);
    if (leading === null) return null;
    const known = leading.members.find((m) => m.peerUrl === member.peerUrl);
    if (known !== undefined) return leading.members;
    if (leading.members.some((m) => m.learner)) return null;
    leading.members = [...leading.members, { ...member, learner: true }];
    this.propose(through, ' member', member.id);
    return leading.members;
  }

  /** The learner gets its vote, once it has the whole log. Also true when it has one already. */
  promote(through: HostId, peerUrl: string): boolean {
    const leading = this.#leadingFor(through);
    const member = leading?.members.find((m) => m.peerUrl === peerUrl);
    if (leading === null || member === undefined) return false;
    if (member.learner === undefined) return true;
    const own = [...this.#world.running().values()].find((d) => d.memberId === member.id);
    if (own === undefined || own.log.length < leading.log.length) return false;
    const { learner: _learner, ...voter } = member;
    leading.members = leading.members.map((m) => (m === member ? voter : m));
    return this.propose(through, ' promoted', member.id);
  }

  #leadingFor(through: HostId): MemberData | null {
    const running = this.#world.running();
    const leader = this.#leaders.get(running.get(through)?.clusterId ?? '');
    if (leader === undefined || !this.serves(through)) return null;
    return running.get(leader.host) ?? null;
  }

  /** The leader lets another member lead that has all of its log. */
  moveLeader(from: HostId, memberId: string): boolean {
    const running = this.#world.running();
    const clusterId = running.get(from)?.clusterId ?? '';
    const leader = this.#leaders.get(clusterId);
    const target = [...running].find(([, data]) => data.memberId === memberId && data.clusterId === clusterId);
    if (leader?.host !== from || target === undefined) return false;
    const [host, data] = target;
    if (isLearner(data) || !this.#world.connected(from, host) || !this.#wouldWin(host, data, running)) return false;
    data.term = leader.term + 1;
    this.#leaders.set(clusterId, { host, term: data.term, progress: new Map([[data.memberId, data.log.length]]) });
    this.#checkComplete(host, data);
    return true;
  }

  /** Acknowledged writes that a log does not have. */
  missingIn(data: MemberData): number {
    return (this.#acknowledged.get(data.clusterId) ?? []).filter(({ index, entry }) => data.log[index] !== entry)
      .length;
  }

  acknowledged(): number {
    return [...this.#acknowledged.values()].reduce((sum, acks) => sum + acks.length, 0);
  }

  #settleCluster(clusterId: string, running: ReadonlyMap<HostId, MemberData>): void {
    const leader = this.#leaders.get(clusterId);
    const leading = leader === undefined ? undefined : running.get(leader.host);
    if (
      leader !== undefined &&
      (leading === undefined || leading.clusterId !== clusterId || !this.#hasQuorum(leader.host, leading, running))
    ) {
      this.#leaders.delete(clusterId);
    }
    if (!this.#leaders.has(clusterId)) this.#maybeElect(clusterId, running);
    this.#catchUp(clusterId, running);
  }

  #maybeElect(clusterId: string, running: ReadonlyMap<HostId, MemberData>): void {
    const now = this.#world.nowMs();
    const since = this.#leaderlessSince.get(clusterId);
    if (since === undefined) {
      this.#leaderlessSince.set(clusterId, now + this.#world.rng.below(ELECTION_MS));
      return;
    }
    if (now < since + ELECTION_MS) return;
    const winners = [...running].filter(
      ([host, data]) => data.clusterId === clusterId && this.#wouldWin(host, data, running),
    );
    const [first, ...others] = winners;
    if (first === undefined) return;
    const [host, data] = this.#world.rng.pick([first, ...others]);
    const term = Math.max(...[...running.values()].filter((d) => d.clusterId === clusterId).map((d) => d.term)) + 1;
    data.term = term;
    this.#leaderlessSince.delete(clusterId);
    this.elected.add(clusterId);
    this.#leaders.set(clusterId, { host, term, progress: new Map([[data.memberId, data.log.length]]) });
    this.#checkComplete(host, data);
  }

  /** An empty log knows no members and stands for no election, but it votes: this is how a wiped member loses what was acknowledged. */
  #wouldWin(host: HostId, data: MemberData, running: ReadonlyMap<HostId, MemberData>): boolean {
    if (data.log.length === 0 || isLearner(data)) return false;
    const votes = [...running].filter(
      ([other, voter]) =>
        this.#votes(voter, data) &&
        (other === host || this.#world.connected(host, other)) &&
        atLeastAsLong(data.log, voter.log),
    );
    return votes.length >= quorum(data);
  }

  #hasQuorum(host: HostId, data: MemberData, running: ReadonlyMap<HostId, MemberData>): boolean {
    const peers = [...running].filter(
      ([other, d]) => this.#votes(d, data) && (other === host || this.#world.connected(host, other)),
    );
    return peers.length >= quorum(data);
  }

  #follows(follower: MemberData, leading: MemberData): boolean {
    return follower.clusterId === leading.clusterId && leading.members.some((m) => m.id === follower.memberId);
  }

  #votes(follower: MemberData, leading: MemberData): boolean {
    return this.#follows(follower, leading) && !leading.members.some((m) => m.id === follower.memberId && m.learner);
  }

  #catchUp(clusterId: string, running: ReadonlyMap<HostId, MemberData>): void {
    const leader = this.#leaders.get(clusterId);
    const leading = leader === undefined ? undefined : running.get(leader.host);
    if (leader === undefined || leading === undefined) return;
    for (const [host, follower] of running) {
      if (!this.#follows(follower, leading) || !(host === leader.host || this.#world.connected(leader.host, host)))
        continue;
      if (host !== leader.host) this.#replicate(host, follower, leading, leader);
      if (!leading.published.has(follower.memberId))
        leading.published = new Set([...leading.published, follower.memberId]);
      follower.published = leading.published;
    }
  }

  #replicate(host: HostId, follower: MemberData, leading: MemberData, leader: Leader): boolean {
    const known = leader.progress.get(follower.memberId) ?? 0;
    if (follower.log.length < known) {
      this.#world.panic(host);
      return false;
    }
    const before = follower.log.length;
    if (before === leading.log.length - 1 && follower.log[before - 1] === leading.log[before - 1])
      follower.log.push(leading.log[before] as Entry);
    else if (before !== leading.log.length || follower.log[before - 1] !== leading.log[before - 1])
      follower.log = [...leading.log];
    follower.term = leader.term;
    follower.members = leading.members;
    leader.progress.set(follower.memberId, leading.log.length);
    return true;
  }

  /** Raft's leader completeness: whoever leads has all that was acknowledged. */
  #checkComplete(host: HostId, data: MemberData): void {
    const last = this.#acknowledged.get(data.clusterId)?.at(-1);
    if (last === undefined || data.log[last.index] === last.entry || this.#lossReported) return;
    this.#lossReported = true;
    this.#world.violation(`acknowledged writes are lost: ${host} leads, and has not ${this.missingIn(data)} of them`);
  }
}

function quorum(data: MemberData): number {
  return Math.floor(data.members.filter((m) => m.learner === undefined).length / 2) + 1;
}

function isLearner(data: MemberData): boolean {
  return data.members.some((m) => m.id === data.memberId && m.learner === true);
}

function atLeastAsLong(candidate: readonly Entry[], voter: readonly Entry[]): boolean {
  const [a, b] = [candidate.at(-1)?.term ?? 0, voter.at(-1)?.term ?? 0];
  return a > b || (a === b && candidate.length >= voter.length);
}
