import { parseIp } from '../../model/ip.ts';
import { addressFamily } from '../address.ts';
import { valueOr } from '../draft.ts';
import { networkDefaults } from '../network.ts';
import { contains, overlap, parsePrefix } from '../prefix.ts';
import { hostsOf, hostsWith } from './hosts.ts';
import type { ConfigRule } from './types.ts';

/** Pods, Services and machines need addresses of their own: a packet for one must never look like one for another. */
export const networkOverlap: ConfigRule = (draft) => {
  if (hostsWith(draft, 'control-plane').length === 0) return [];
  const given = draft.spec?.network;
  const podText = valueOr(given, 'podSubnet', networkDefaults.podSubnet);
  const serviceText = valueOr(given, 'serviceSubnet', networkDefaults.serviceSubnet);
  const pods = podText === undefined ? null : parsePrefix(podText);
  const services = serviceText === undefined ? null : parsePrefix(serviceText);
  if (pods !== null && services !== null && overlap(pods, services)) {
    return [problem('podSubnet', `${podText} overlaps serviceSubnet, ${serviceText}`)];
  }
  return (['podSubnet', 'serviceSubnet'] as const).flatMap((name) => {
    const [network, text] = name === 'podSubnet' ? [pods, podText] : [services, serviceText];
    if (network === null || text === undefined) return [];
    for (const host of hostsOf(draft)) {
      const ip = host.address === undefined ? null : parseIp(host.address);
      if (ip === null) continue;
      if (contains(network, ip))
        return [problem(name, `${text} holds ${host.address}, the address of ${host.name ?? 'a machine'}`)];
      if (ip.length !== network.address.length) {
        const family = addressFamily(host.address ?? '');
        return [
          {
            ...problem(name, `${text} is no ${family} network, and the machines have ${family} addresses`),
            action: 'use one family for the whole cluster',
          },
        ];
      }
    }
    return [];
  });
};

function problem(name: string, message: string) {
  return {
    code: 'config.network-overlap' as const,
    path: ['spec', 'network', name],
    message,
    action: 'choose a private network that nothing else uses',
  };
}
