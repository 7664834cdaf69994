import { memberCount, memberRole } from './hosts.ts';
import type { ConfigRule } from './types.ts';

/** etcd's own documentation: each write waits for more members, and seven already tolerate three failures. */
const MAX_MEMBERS = 7;

export const tooManyMembers: ConfigRule = (draft) => {
  const count = memberCount(draft) ?? 0;
  if (count <= MAX_MEMBERS) return [];
  const message = `has ${count} machines with the role ${memberRole(draft)}, and etcd is made for at most ${MAX_MEMBERS}`;
  return [{ code: 'config.too-many-members', path: ['spec', 'hosts'], message, action: 'use five' }];
};
