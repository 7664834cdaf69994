import type { HostId } from '../model/ids.ts';
import { OPERATOR } from '../model/ids.ts';
import { isFounded } from '../ports/vault.ts';
import { mendable } from '../steps/certificate-problems.ts';
import { memberHealth } from '../steps/etcd-member.ts';
import type { View } from '../steps/types.ts';
import { nodeCandidates } from './node-candidates.ts';
import { leaderOf } from './quorum.ts';

/** A step that may be needed. `key` names it within the list; `needs` are keys of earlier ones. */
export interface Candidate {
  key: string;
  kind: string;
  on: HostId;
  params: Readonly<Record<string, string>>;
  needs: readonly string[];
  why: string;
}

/**
 * Every step of an etcd cluster's making and upkeep, in order. The planner keeps those whose verdict is `needed`. `after` are keys of
 * steps that come before all of them.
 */
export function applyCandidates(view: View, after: readonly string[] = []): Candidate[] {
  const found: Candidate[] = [];
  const add: Add = (kind, on, needs, why, params = {}, suffix = '') => {
    const key = `${kind}${suffix}@${on}`;
    found.push({ key, kind, on, params, needs, why });
    return key;
  };
  const identity = add('cluster-identity', OPERATOR, after, 'everything else carries it');
  if (resealNeeded(view)) add('vault-reseal', OPERATOR, [identity], 'spec.vault.recipients says who can open it');
  const { members, nodes } = view.desired;
  const external = members.length > 0 && view.desired.config.spec.etcd.topology === 'external';
  const etcd = external ? etcdCandidates(view, identity, add) : [];
  const last = nodes.length === 0 ? etcd : nodeCandidates(view, identity, etcd, add);
  add('inventory', OPERATOR, last, 'later changes are measured against it');
  return found;
}

/** An external etcd; gives the keys of its last steps. */
function etcdCandidates(view: View, identity: string, add: Add): readonly string[] {
  const hosts = careOrder(view);
  const founding = !isFounded(view.desired.cluster.phase);
  const begins = founding
    ? [add('founding-begins', OPERATOR, [identity], 'no machine holds data: a cluster may be founded')]
    : [];
  const started: { on: HostId; kubelet: string; found: string }[] = [];
  const running: string[] = [];
  const run = (on: HostId, before: readonly string[]): void => {
    const why = 'a wiped machine is then never taken for an empty one';
    running.push(
      add('host-record', on, before, why, { state: 'founded' }, '-founded'),
      add('etcd-member-run', on, before, 'a member that lost its data can then not start'),
    );
  };
  const claimOf = (on: HostId): string =>
    add('host-record', on, [identity], 'written before anything else', { state: 'claim' }, '-claim');
  // No member can join another one whose certificate is damaged: that is mended before any is started, and members that could not join are back
  // before healthy ones are disturbed.
  const mended = new Map<HostId, { claim: string; certificates: string }>();
  for (const on of founding ? [] : hosts.filter((host) => mendable(view, host))) {
    const claim = claimOf(on);
    mended.set(on, {
      claim,
      certificates: add('etcd-certificates', on, [claim], 'damage that can keep members apart is mended first'),
    });
  }
  const mendedFirst = [...mended.values()].map(({ certificates }) => certificates);
  const back: string[] = [];
  for (const on of hosts) {
    const claim = mended.get(on)?.claim ?? claimOf(on);
    const ill = memberHealth(view, on) !== null;
    const begin = [claim, ...mendedFirst, ...(ill || mended.size === 0 ? [] : back)];
    const ready = softwareCandidates(view, on, begin, add);
    const kubelet = (after: readonly string[]): string => add('kubelet-service', on, after, 'starts and watches etcd');
    const certificates =
      mended.get(on)?.certificates ?? add('etcd-certificates', on, begin, 'mutual TLS between members and clients');
    if (founding) {
      const found = add('etcd-member-found', on, [certificates, ...ready, ...begins], 'all members start together');
      // Its start takes a processor for a second, which the members need first.
      started.push({ on, found, kubelet: kubelet([found]) });
    } else {
      // A machine is brought to its end before the next is touched: a member that is down is back before others are disturbed.
      const before = [kubelet(ready), certificates];
      running.push(...before);
      run(on, before);
      if (ill) back.push(...running.slice(-1));
    }
  }
  if (founding) {
    const found = started.map((s) => s.found);
    const founded = add('etcd-founded', OPERATOR, found, 'all members have to vote before any is hardened');
    // One after the other, although nobody uses the cluster yet: members that start at the same moment ask each other for hashes (the check for
    // corruption) while none answers, and wait for 7 s.
    let previous: string[] = [];
    for (const { on, kubelet } of started) {
      run(on, [founded, kubelet, ...previous]);
      previous = running.slice(-1);
    }
  }
  return view.desired.cluster.phase === 'handed-over'
    ? running
    : [add('etcd-handover', OPERATOR, running, 'the cluster may be used from here on')];
}

/**
 * Members that are not healthy first, because each of them back makes the next disturbance safer; the leader last, so that it changes
 * once. Before the founding nobody leads, and the order is the configuration's.
 */
function careOrder(view: View): HostId[] {
  const leader = leaderOf(view);
  const rank = (on: HostId): number => (memberHealth(view, on) !== null ? 0 : on === leader ? 2 : 1);
  return view.desired.members.map((m) => m.host).sort((a, b) => rank(a) - rank(b));
}

function resealNeeded({ facts }: View): boolean {
  return facts.vault.is === 'known' && facts.vault.value.is === 'open' && facts.vault.value.reseal !== null;
}

export type Add = (
  kind: string,
  on: HostId,
  needs: readonly string[],
  why: string,
  params?: Readonly<Record<string, string>>,
  suffix?: string,
) => string;

/** Steps that bring kubelet, kubeadm and the container runtime; gives the keys of what comes last. */
export function softwareCandidates(view: View, on: HostId, begin: readonly string[], add: Add): readonly string[] {
  if (view.desired.software.source === 'bundle') {
    const programs = add('bundle-programs', on, begin, 'spec.software.source is bundle');
    const runtime = add('container-runtime', on, [programs], 'the kubelet runs containers through it');
    return [add('bundle-images', on, [runtime], 'no registry is needed')];
  }
  if (view.desired.software.source === 'packages')
    return [add('packages', on, begin, 'spec.software.source is packages')];
  return begin;
}
