import type { ConfigRule } from './types.ts';

const instead: Readonly<Record<string, string>> = {
  etcd: 'give etcd a machine of its own: roles: [etcd]',
  'load-balancer': 'give it a machine of its own, or set spec.controlPlane.loadBalancer.hosts: control-plane',
  'control-plane': 'write roles: [control-plane], and taints: [] to let it take ordinary pods',
  worker: 'name one role',
};

/** A machine has one role; what is shared, such as a load balancer on control planes, has a field of its own. */
export const roleCombination: ConfigRule = (draft) =>
  (draft.spec?.hosts ?? []).flatMap((host, index) => {
    const roles = host?.roles ?? [];
    if (roles.length < 2) return [];
    const main = Object.keys(instead).find((role) => roles.some((given) => given === role)) ?? 'worker';
    return [
      {
        code: 'config.role-combination' as const,
        path: ['spec', 'hosts', index, 'roles'],
        message: `combines the role ${main} with another`,
        action: instead[main] ?? '',
      },
    ];
  });
