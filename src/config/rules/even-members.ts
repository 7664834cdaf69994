import { memberCount, memberRole } from './hosts.ts';
import type { ConfigRule } from './types.ts';

/** An even number needs a larger quorum than one less, and tolerates no more failures. */
export const evenMembers: ConfigRule = (draft) => {
  const count = memberCount(draft) ?? 0;
  const etcd = draft.spec?.etcd;
  // A reason that is wrong by itself was still meant as one.
  if (count === 0 || count % 2 === 1 || (etcd !== undefined && 'allowEvenMembers' in etcd)) return [];
  const tolerated = count / 2 - 1;
  return [
    {
      code: 'config.even-members',
      path: ['spec', 'hosts'],
      message: `has ${count} machines with the role ${memberRole(draft)}, which tolerate ${tolerated} ${tolerated === 1 ? 'failure' : 'failures'} as ${count - 1} would`,
      action: 'use an odd number, or say in spec.etcd.allowEvenMembers why it is even',
    },
  ];
};
