import { formatPath, quote } from '../path.ts';
import { hostsOf, repeated } from './hosts.ts';
import type { ConfigRule } from './types.ts';

export const duplicateNames: ConfigRule = (draft) =>
  repeated(hostsOf(draft), (host) => host.name).map(({ item, first }) => ({
    code: 'config.duplicate-name',
    path: [...item.path, 'name'],
    message: `${quote(item.name)} is the name of ${formatPath(first.path)} too`,
    action: 'give each machine a name of its own',
  }));
