import { normalizeAddress } from '../address.ts';
import { formatPath, quote } from '../path.ts';
import { hostsOf, repeated } from './hosts.ts';
import type { ConfigRule } from './types.ts';

/** Compared in their one form: `fd00::A` and `fd00:0::a` are the same machine. */
export const duplicateAddresses: ConfigRule = (draft) =>
  repeated(hostsOf(draft), (host) => normalizeAddress(host.address ?? '') ?? undefined).map(({ item, first }) => ({
    code: 'config.duplicate-address',
    path: [...item.path, 'address'],
    message: `${quote(item.address)} is the address of ${formatPath(first.path)} too`,
    action: 'give each machine its own address',
  }));
