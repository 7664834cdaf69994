import { clusterKeyFiles } from '../desired/cluster-keys.ts';
import { loadBalancerState, probeEndpoint } from '../ports/commands/load-balancer.ts';
import { keyValues, only, type Probe, UnreadableFact } from './probe.ts';
import type { BalancerFact, EndpointFact } from './types.ts';

/** Network and programs of the machines that may hold the virtual IP. */
export const balancerProbe: Probe<BalancerFact | null> = {
  commands: ({ loadBalancer, cluster }, on) => {
    if (loadBalancer === null) return [];
    const hosts = loadBalancer.kind === 'kube-vip' ? loadBalancer.hosts : loadBalancer.hosts.map(({ host }) => host);
    // Once this cluster has a name the address may be its own.
    const unused = cluster.uid === null ? loadBalancer.virtualIp : null;
    return hosts.includes(on) ? [loadBalancerState(unused)] : [];
  },
  parse: (results) => {
    if (results.length === 0) return null;
    const found = keyValues(only(results).stdout);
    const addresses = (found.get('address') ?? []).map((line) => {
      const [name = '', network = ''] = line.split('|');
      const [address = '', length] = network.split('/');
      // Without a length it is one end of a point-to-point link.
      return { interface: name, address, prefixLength: Number(length ?? (address.includes(':') ? 128 : 32)) };
    });
    return { addresses, programs: new Set(found.get('program')), taken: found.get('taken')?.[0] ?? null };
  },
};

/** Nothing is asked before the cluster has an authority: nobody could answer, and a machine would wait for that in vain. */
export const endpointProbe: Probe<EndpointFact | null> = {
  commands: ({ endpoint, nodes, clusterKeys }, on) => {
    const first = nodes.find((node) => node.role === 'control-plane');
    if (endpoint === null || first?.host !== on || !clusterKeys.has('kubernetes-ca')) return [];
    return [probeEndpoint(endpoint.host, endpoint.port, CA_FILE)];
  },
  parse: (results) => (results.length === 0 ? null : endpointAnswer(only(results).stdout)),
};

/** Where a control plane has the cluster's authority. */
export const CA_FILE = clusterKeyFiles.find(({ name }) => name === 'kubernetes-ca')?.public ?? '';

export function endpointAnswer(stdout: string): EndpointFact {
  const [is = '', why = ''] = stdout.trim().split('|');
  if (is === 'refused' || is === 'silent' || is === 'answers' || is === 'timed-out') return { is };
  if (is === 'unreachable') return { is, why };
  throw new UnreadableFact('the probe of the endpoint says nothing');
}
