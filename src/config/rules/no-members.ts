import { hostsWith, memberCount, memberRole } from './hosts.ts';
import type { ConfigRule } from './types.ts';

export const noMembers: ConfigRule = (draft) => {
  if (memberCount(draft) !== 0) return [];
  const message = `has no machine with the role ${memberRole(draft)}`;
  const lonely = memberRole(draft) === 'etcd' && hostsWith(draft, 'control-plane').length > 0;
  const action = lonely ? 'list three or five, or set spec.etcd.topology: stacked' : 'list three or five machines';
  return [{ code: 'config.no-members', path: ['spec', 'hosts'], message, action }];
};
