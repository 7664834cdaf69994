import type { BalancerHost } from '../../desired/load-balancer.ts';
import type { View } from '../../facts/types.ts';
import type { Finding } from '../../model/finding.ts';
import { formatIp, parseIp } from '../../model/ip.ts';
import { endpointWord } from '../../steps/control-plane-endpoint.ts';
import { HAPROXY, KEEPALIVED } from '../../steps/load-balancer.ts';
import { finding } from '../finding.ts';
import { list } from '../text.ts';
import type { EndpointReport, StatusCheck } from './types.ts';

/** How the API is reached through what stands before it. Null for a control plane that is reached by its own address. */
export function observeEndpoint(view: View): EndpointReport | null {
  const { endpoint, loadBalancer, nodes } = view.desired;
  if (endpoint === null) return null;
  const first = nodes.find((node) => node.role === 'control-plane');
  const fact = first === undefined ? undefined : view.facts.hosts.get(first.host)?.endpoint;
  const seen = fact?.is === 'known' ? fact.value : null;
  return {
    from: first?.host ?? null,
    answers: seen === null ? null : seen.is === 'answers',
    problem: seen === null || seen.is === 'answers' ? null : endpointWord(seen),
    virtualIp: loadBalancer?.virtualIp ?? null,
    holders:
      loadBalancer === null ? [] : hostsOf(loadBalancer).filter((host) => holds(view, host, loadBalancer.virtualIp)),
    allAsked:
      loadBalancer !== null &&
      hostsOf(loadBalancer).every((host) => view.facts.hosts.get(host)?.balancer.is === 'known'),
  };
}

function hostsOf(balancer: NonNullable<View['desired']['loadBalancer']>): readonly BalancerHost['host'][] {
  return balancer.kind === 'kube-vip' ? balancer.hosts : balancer.hosts.map(({ host }) => host);
}

function holds(view: View, host: BalancerHost['host'], virtualIp: string): boolean {
  const fact = view.facts.hosts.get(host)?.balancer;
  if (fact?.is !== 'known') return false;
  return fact.value?.addresses.some(({ address }) => canonical(address) === canonical(virtualIp)) === true;
}

function canonical(address: string): string {
  const bytes = parseIp(address);
  return bytes === null ? address : formatIp(bytes);
}

/** Of a cluster that is still to be made nothing is missed. */
export const loadBalancer: StatusCheck = ({ view, kubernetes }) => {
  if (kubernetes?.made !== true || kubernetes.reached === null) return [];
  return [...endpointFindings(kubernetes.endpoint, kubernetes.reached), ...balancerFindings(view)];
};

function endpointFindings(endpoint: string, report: EndpointReport): Finding[] {
  const { from, answers, problem, virtualIp, holders, allAsked } = report;
  const found: Finding[] = [];
  if (virtualIp !== null && holders.length > 1) {
    const message = `${list(holders)} hold ${virtualIp} at the same time: they do not hear each other`;
    found.push(finding('status.virtual-ip', 'error', message));
  }
  if (virtualIp !== null && holders.length === 0 && allAsked)
    found.push(finding('status.virtual-ip', 'error', `no machine of the load balancer holds ${virtualIp}`));
  if (answers === false) {
    const where = from === null ? {} : { host: from };
    found.push(finding('status.endpoint', 'error', `${endpoint}, as seen from ${from}: ${problem}`, where));
  }
  return found;
}

/** While another one works nobody notices, until it fails. */
function balancerFindings({ desired, facts }: View): Finding[] {
  if (desired.loadBalancer?.kind !== 'haproxy-keepalived') return [];
  return desired.loadBalancer.hosts.flatMap(({ host }): Finding[] => {
    const units = facts.hosts.get(host)?.units;
    if (units?.is !== 'known') return [];
    const idle = [HAPROXY, KEEPALIVED].filter((name) => units.value.get(name)?.active !== 'active');
    if (idle.length === 0) return [];
    const message = `${list(idle)} on ${host} ${idle.length === 1 ? 'does' : 'do'} not run: it cannot hold the virtual IP`;
    return [finding('status.load-balancer', 'warning', message, { host })];
  });
}
