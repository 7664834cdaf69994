import { quote } from '../path.ts';
import { hostsWith } from './hosts.ts';
import type { ConfigRule } from './types.ts';

/** Roles that the topology leaves nothing to do for. */
export const topology: ConfigRule = (draft) => {
  const stacked = draft.spec?.etcd?.topology === 'stacked';
  const controlPlanes = hostsWith(draft, 'control-plane');
  const misplaced = (hosts: ReturnType<typeof hostsWith>, message: string, action: string) =>
    hosts.map((host) => ({ code: 'config.topology' as const, path: [...host.path, 'roles'], message, action }));
  const etcd = stacked
    ? misplaced(
        hostsWith(draft, 'etcd'),
        'has the role etcd, and with topology stacked etcd runs on the control planes',
        'remove the machine, or set spec.etcd.topology: external',
      )
    : [];
  // With topology stacked the missing control planes are reported as missing members.
  const lonely =
    controlPlanes.length === 0 && !stacked ? [...hostsWith(draft, 'worker'), ...hostsWith(draft, 'load-balancer')] : [];
  const unled = misplaced(
    lonely,
    'belongs to a control plane, and no machine has that role',
    'add machines with roles: [control-plane]',
  );
  const section =
    draft.spec?.controlPlane !== undefined && controlPlanes.length === 0 && !stacked
      ? [
          {
            code: 'config.topology' as const,
            path: ['spec', 'controlPlane'],
            message: `is given, and no machine has the role ${quote('control-plane')}`,
            action: 'add machines with roles: [control-plane], or remove the section',
          },
        ]
      : [];
  return [...etcd, ...unled, ...section];
};
