import { memberCount, memberRole } from './hosts.ts';
import type { ConfigRule } from './types.ts';

export const noMembers: ConfigRule = (draft) => {
  if (memberCount(draft) !== 0) return [];
  const message = `has no machine with the role ${memberRole(draft)}`;
  return [{ code: 'config.no-members', path: ['spec', 'hosts'], message, action: 'list three or five machines' }];
};
