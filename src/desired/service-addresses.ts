import { parsePrefix } from '../config/prefix.ts';
import type { ClusterConfig } from '../config/schema.ts';
import { formatIp } from '../model/ip.ts';

/** Where kubeadm puts the Services of the API (the first address) and of DNS (the tenth). */
export function serviceAddresses({ spec }: ClusterConfig): { api: string; dns: string } {
  const prefix = parsePrefix(spec.network.serviceSubnet.split(',')[0] ?? '');
  if (prefix === null) throw new Error(`${spec.network.serviceSubnet} is no network`);
  return { api: formatIp(plus(prefix.address, 1)), dns: formatIp(plus(prefix.address, 10)) };
}

function plus(address: Uint8Array, count: number): Uint8Array {
  const sum = Uint8Array.from(address);
  // A network of Services has at least 16 addresses, so that nothing is carried.
  sum[sum.length - 1] = (sum[sum.length - 1] ?? 0) + count;
  return sum;
}
