import type { LoadBalancer } from '../desired/load-balancer.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import { formatIp, parseIp } from '../model/ip.ts';
import { factOf } from './compare.ts';
import type { View } from './types.ts';

/** Where a machine is to carry the virtual IP. */
export interface Nic {
  interface: string;
  prefixLength: number;
}

/** The interface that is configured, or has the machine's address; a finding where the virtual IP cannot be on it. */
export function nicOf(view: View, on: HostId, balancer: Pick<LoadBalancer, 'interface' | 'virtualIp'>): Nic | Finding {
  const state = factOf(view, on, 'balancer');
  const taken = state?.taken ?? null;
  if (taken !== null && view.desired.cluster.uid === null) return takenBy(on, balancer.virtualIp, taken);
  const addresses = state?.addresses ?? [];
  const machine = view.desired.machines.find(({ id }) => id === on);
  const { interface: wanted, virtualIp } = balancer;
  const family = virtualIp.includes(':');
  const own = addresses.find((a) => same(a.address, machine?.address ?? ''));
  if (wanted !== null) {
    const there = addresses.filter((a) => a.interface === wanted && a.address.includes(':') === family);
    const fits = there.find((a) => inSubnet(virtualIp, a.address, a.prefixLength));
    if (fits !== undefined) return { interface: wanted, prefixLength: fits.prefixLength };
    return nowhere(on, `${virtualIp} is in no subnet of ${wanted} on ${on}${list(there)}`);
  }
  if (own === undefined) return nowhere(on, `no network interface of ${on} has the address ${machine?.address ?? ''}`);
  if (inSubnet(virtualIp, own.address, own.prefixLength))
    return { interface: own.interface, prefixLength: own.prefixLength };
  return nowhere(
    on,
    `${virtualIp} is not in the subnet of ${on}, ${own.address}/${own.prefixLength} on ${own.interface}`,
  );
}

function takenBy(on: HostId, virtualIp: string, mac: string): Finding {
  return {
    code: 'load-balancer.address-taken',
    severity: 'error',
    host: on,
    message: `${virtualIp} is in use already: ${mac} answers for it on the network of ${on}`,
    action: 'Choose an address that nothing uses for spec.controlPlane.loadBalancer.virtualIP.',
  };
}

function nowhere(on: HostId, message: string): Finding {
  return {
    code: 'load-balancer.network',
    severity: 'error',
    host: on,
    message,
    action:
      'The virtual IP must be an address of the subnet that all machines of the load balancer share: correct spec.controlPlane.loadBalancer.virtualIP, or its interface.',
  };
}

function list(addresses: readonly { address: string; prefixLength: number }[]): string {
  return addresses.length === 0
    ? ', which has no address'
    : `, which has ${addresses.map((a) => `${a.address}/${a.prefixLength}`).join(', ')}`;
}

function same(a: string, b: string): boolean {
  const [x, y] = [parseIp(a), parseIp(b)];
  return x !== null && y !== null && formatIp(x) === formatIp(y);
}

function inSubnet(ip: string, of: string, prefixLength: number): boolean {
  const [a, b] = [parseIp(ip), parseIp(of)];
  if (a === null || b === null || a.length !== b.length) return false;
  // A machine that is alone on its link, as some clouds have it, says nothing about others.
  if (prefixLength >= 8 * b.length) return true;
  return a.every((byte, index) => {
    const bits = Math.max(0, Math.min(8, prefixLength - 8 * index));
    const mask = (0xff << (8 - bits)) & 0xff;
    return (byte & mask) === ((b[index] ?? 0) & mask);
  });
}
