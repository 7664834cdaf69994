import { addressFamily } from '../address.ts';
import { formatPath, quote } from '../path.ts';
import { hostsOf } from './hosts.ts';
import type { ConfigRule } from './types.ts';

/** etcd has no dual stack: its members listen on one address each. */
export const oneAddressFamily: ConfigRule = (draft) => {
  const hosts = hostsOf(draft).flatMap((host) =>
    host.address === undefined ? [] : [{ path: host.path, address: host.address }],
  );
  const [first] = hosts;
  if (first === undefined) return [];
  const family = addressFamily(first.address);
  return hosts
    .filter((host) => addressFamily(host.address) !== family)
    .map((host) => ({
      code: 'config.address-family',
      path: [...host.path, 'address'],
      message: `${quote(host.address)} is an ${addressFamily(host.address)} address, and ${formatPath(first.path)} has an ${family} one`,
      action: 'use addresses of one family for the whole cluster',
    }));
};
