import { quorumOf } from '../desired/members.ts';
import type { HostId } from '../model/ids.ts';
import { memberHealth } from '../steps/etcd-member.ts';
import type { View } from '../steps/types.ts';

export interface QuorumMargin {
  /** Healthy voters that stay up while this machine is disturbed. */
  stay: number;
  need: number;
  /** The machine's own member is healthy now. */
  healthy: boolean;
}

export function quorumMargin(view: View, on: HostId): QuorumMargin {
  const healthy = view.desired.members.filter((m) => memberHealth(view, m.host) === null).map((m) => m.host);
  return {
    stay: healthy.filter((h) => h !== on).length,
    need: quorumOf(view.desired.members.length),
    healthy: healthy.includes(on),
  };
}

/** The machine whose member leads, as most members see it; null when that is not known. */
export function leaderOf(view: View): HostId | null {
  if (view.facts.etcd.is === 'unknown') return null;
  for (const [host, endpoint] of view.facts.etcd.value.endpoints) {
    if (endpoint.status.is === 'ok' && endpoint.status.value.leaderId === endpoint.status.value.memberId) return host;
  }
  return null;
}
