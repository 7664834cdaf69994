import type { ConfigRule } from './types.ts';

export const roleCombination: ConfigRule = (draft) =>
  (draft.spec?.hosts ?? []).flatMap((host, index) =>
    host?.roles === undefined || host.roles.length < 2 || !host.roles.includes('etcd')
      ? []
      : [
          {
            code: 'config.role-combination',
            path: ['spec', 'hosts', index, 'roles'],
            message: 'combines the role etcd with another',
            action: 'give etcd a machine of its own: roles: [etcd]',
          },
        ],
  );
