import type { HostId } from '../model/ids.ts';
import { isFounded } from '../ports/vault.ts';
import type { View } from '../steps/types.ts';
import type { Add } from './candidates.ts';

/**
 * What stands before the API servers, as far as it can stand there before the first of them runs. `begin` are for each machine the keys of the
 * steps without which nothing is done on it. Gives the keys of what `kubeadm init` needs.
 */
export function loadBalancerCandidates(
  view: View,
  first: HostId,
  begin: (on: HostId) => readonly string[],
  keys: string,
  add: Add,
): readonly string[] {
  const { loadBalancer, endpoint, cluster } = view.desired;
  if (endpoint === null) return [];
  if (loadBalancer?.kind === 'kube-vip') {
    // The address is on nobody until the first API server gives out the lease.
    const why = 'the address moves with it from the beginning';
    return [add('kube-vip', first, begin(first), why, { config: 'super-admin' }, '-init')];
  }
  const placed: string[] = [];
  for (const { host } of loadBalancer?.hosts ?? []) {
    // Side by side while nobody uses it; later one after the other, so that a fault is not everybody's.
    const before = isFounded(cluster.phase) ? placed.slice(-1) : [];
    placed.push(add('load-balancer', host, [...begin(host), ...before], 'it leads to whichever API server is alive'));
  }
  const why = 'silence there would hang every join';
  return [add('control-plane-endpoint', first, [...placed, keys], why, { state: 'open' }, '-open')];
}

/** What follows as soon as the first API server runs; gives the keys of what the joins need. */
export function endpointCandidates(view: View, first: HostId, after: readonly string[], add: Add): readonly string[] {
  if (view.desired.endpoint === null) return after;
  const moved = kubeVipCandidates(view, [first], after, add);
  const why = 'the others join through it';
  return [add('control-plane-endpoint', first, [...after, ...moved], why, { state: 'answers' }, '-answers')];
}

export function kubeVipCandidates(
  { desired: { loadBalancer } }: View,
  hosts: readonly HostId[],
  after: readonly string[],
  add: Add,
): readonly string[] {
  if (loadBalancer?.kind !== 'kube-vip') return [];
  const why = 'the address outlives a machine';
  return hosts.map((on) => add('kube-vip', on, after, why, { config: 'admin' }));
}
