import { CA_FILE, endpointAnswer } from '../facts/load-balancer.ts';
import type { EndpointFact } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { probeEndpoint } from '../ports/commands/load-balancer.ts';
import type { World } from '../ports/world.ts';
import { factOf } from './compare.ts';
import { clusterOf } from './kubeadm-join.ts';
import { wordParam } from './params.ts';
import { type Check, defineStep, type View } from './types.ts';

/** keepalived takes the address after three adverts that it has not heard; haproxy sees a new API server within two checks. */
const OWN_WAIT_MS = 25_000;
/** Nobody is setting up somebody's own load balancer at this moment: its checks of a new API server alone take time. */
const USERS_WAIT_MS = { open: 5_000, answers: 60_000 } as const;
const PAUSE_MS = 250;

/**
 * What the first control plane hears at the cluster's endpoint. `open`, before `kubeadm init`: the load balancer refuses, or accepts and has
 * nobody to hand the connection to. Silence means that all later joins would hang. `answers`, afterwards: an API server of this cluster.
 * Source: "Creating Highly Available Clusters with kubeadm", on testing the connection to the load balancer.
 */
export const controlPlaneEndpoint = defineStep({
  kind: 'control-plane-endpoint',
  risk: 'safe',
  attempts: 1,
  settleMs: 10_000,
  parse: (params) => ({ state: wordParam(params, 'state', ['open', 'answers']) }),
  title: ({ state }, on) =>
    state === 'open'
      ? `see from ${on} that the endpoint is open`
      : `see from ${on} that the API answers at the endpoint`,
  reads: (_params, on) => [{ on, fact: 'endpoint' }, 'kube'],
  judge: ({ state }, view, on): Check => {
    const fact = factOf(view, on, 'endpoint');
    if (state === 'open' && made(view)) return { is: 'satisfied' };
    if (fact !== null && right(state, fact)) return { is: 'satisfied' };
    const seen = fact === null ? '' : `: ${endpointWord(fact)}`;
    return { is: 'needed', changes: [{ summary: `connect to ${endpointText(view)} from ${on}${seen}` }] };
  },
  apply: async ({ state }, world, view, on) => {
    const { endpoint } = view.desired;
    if (endpoint === null) throw new Error('there is no endpoint');
    const wait = endpoint.by === 'user' ? USERS_WAIT_MS[state] : OWN_WAIT_MS;
    const end = world.clock.monotonicMs() + wait;
    for (let last = ''; ; ) {
      const fact = await probe(world, endpoint);
      if (right(state, fact)) return;
      if (world.clock.monotonicMs() >= end) throw failure(view, on, fact);
      if (endpointWord(fact) !== last) world.note(`${endpointText(view)}: ${endpointWord(fact)}`);
      last = endpointWord(fact);
      await world.clock.sleep(PAUSE_MS, world.signal);
    }
  },
});

async function probe(world: World, { host, port }: { host: string; port: number }): Promise<EndpointFact> {
  const [result] = await world.host.runAll([probeEndpoint(host, port, CA_FILE)], world.signal);
  return endpointAnswer(result?.stdout ?? '');
}

function right(state: 'open' | 'answers', { is }: EndpointFact): boolean {
  return is === 'answers' || (state === 'open' && (is === 'refused' || is === 'silent'));
}

/** `kubeadm init` has come to its end: what counts is whether the API answers. */
function made(view: View): boolean {
  return clusterOf(view)?.lacking.length === 0;
}

/** Continues what was connected to. */
export function endpointWord(fact: EndpointFact): string {
  return {
    refused: 'the connection is refused',
    silent: 'connections are accepted, and no API server of this cluster answers',
    answers: 'the API answers',
    'timed-out': 'no answer, neither yes nor no',
    unreachable: `no way there${fact.is === 'unreachable' ? `: ${fact.why}` : ''}`,
  }[fact.is];
}

function endpointText({ desired: { endpoint } }: View): string {
  if (endpoint === null) return '';
  return endpoint.host.includes(':') ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}

function failure(view: View, on: HostId, fact: EndpointFact): KeelsonError {
  const message = `${endpointText(view)}, as seen from ${on}: ${endpointWord(fact)}`;
  if (fact.is === 'timed-out') return new KeelsonError('endpoint.timeout', message, { host: on });
  if (fact.is === 'unreachable') return new KeelsonError('endpoint.unreachable', message, { host: on });
  return new KeelsonError('endpoint.no-api-server', message, { host: on });
}
