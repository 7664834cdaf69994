import type { HostId } from '../model/ids.ts';
import { OPERATOR } from '../model/ids.ts';
import { isFounded } from '../ports/vault.ts';
import { memberHealth } from '../steps/etcd-member.ts';
import type { View } from '../steps/types.ts';
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
  const add = (
    kind: string,
    on: HostId,
    needs: readonly string[],
    why: string,
    params: Readonly<Record<string, string>> = {},
    suffix = '',
  ): string => {
    const key = `${kind}${suffix}@${on}`;
    found.push({ key, kind, on, params, needs, why });
    return key;
  };
  const hosts = careOrder(view);
  const founding = !isFounded(view.desired.cluster.phase);

  const identity = add('cluster-identity', OPERATOR, after, 'everything else carries it');
  const begins = founding
    ? [add('founding-begins', OPERATOR, [identity], 'no machine holds data: a cluster may be founded')]
    : [];
  if (resealNeeded(view)) add('vault-reseal', OPERATOR, [identity], 'spec.vault.recipients says who can open it');
  const started: string[] = [];
  const running: string[] = [];
  const run = (on: HostId, before: readonly string[]): void => {
    const why = 'a wiped machine is then never taken for an empty one';
    running.push(
      add('host-record', on, before, why, { state: 'founded' }, '-founded'),
      add('etcd-member-run', on, before, 'a member that lost its data can then not start'),
    );
  };
  for (const on of hosts) {
    const claim = add('host-record', on, [identity], 'written before anything else', { state: 'claim' }, '-claim');
    const ready = softwareCandidates(view, on, claim, add);
    const kubelet = add('kubelet-service', on, [ready], 'starts and watches etcd');
    const certificates = add('etcd-certificates', on, [claim], 'mutual TLS between members and clients');
    if (founding) {
      const needs = [certificates, ready, ...begins];
      started.push(kubelet, add('etcd-member-found', on, needs, 'all members start together'));
    } else {
      // A machine is brought to its end before the next is touched: a member that is down is back before others are disturbed.
      running.push(kubelet, certificates);
      run(on, [kubelet, certificates]);
    }
  }
  if (founding) {
    const founded = add('etcd-founded', OPERATOR, started, 'all members have to vote before any is hardened');
    for (const on of hosts) run(on, [founded]);
  }
  const handover =
    view.desired.cluster.phase === 'handed-over'
      ? running
      : [add('etcd-handover', OPERATOR, running, 'the cluster may be used from here on')];
  add('inventory', OPERATOR, handover, 'later changes are measured against it');
  return found;
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

type Add = (kind: string, on: HostId, needs: readonly string[], why: string) => string;

/** Steps that bring kubelet, kubeadm and the container runtime; gives the key of the last. */
function softwareCandidates(view: View, on: HostId, claim: string, add: Add): string {
  if (view.desired.software.source === 'bundle') {
    const programs = add('bundle-programs', on, [claim], 'spec.software.source is bundle');
    const runtime = add('container-runtime', on, [programs], 'the kubelet runs containers through it');
    return add('bundle-images', on, [runtime], 'no registry is needed');
  }
  if (view.desired.software.source === 'packages')
    return add('packages', on, [claim], 'spec.software.source is packages');
  return claim;
}
