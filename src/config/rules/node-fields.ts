import { hostsOf } from './hosts.ts';
import type { ConfigRule } from './types.ts';

const fields = ['labels', 'taints', 'zone', 'patches'] as const;

/** Labels and taints are a node's, and only control planes and workers become one. */
export const nodeFields: ConfigRule = (draft) =>
  hostsOf(draft).flatMap(({ path }, index) => {
    const host = draft.spec?.hosts?.[index];
    const role = host?.roles?.find((given) => given === 'etcd' || given === 'load-balancer');
    if (host === undefined || role === undefined) return [];
    return fields
      .filter((name) => host[name] !== undefined)
      .map((name) => ({
        code: 'config.node-field' as const,
        path: [...path, name],
        message: `has no node to belong to: a machine with the role ${role} joins no cluster`,
        action: 'remove it',
      }));
  });
