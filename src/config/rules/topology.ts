import { quote } from '../path.ts';
import { defaults } from '../schema.ts';
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
  const idle =
    controlPlanes.length === 0 && !stacked
      ? ofControlPlanes
          .filter((name) => draft.spec?.[name] !== undefined)
          .map((name) => ({
            code: 'config.topology' as const,
            path: ['spec', name],
            message: `is given, and no machine has the role ${quote('control-plane')}`,
            action: 'add machines with roles: [control-plane], or remove the section',
          }))
      : [];
  return [...etcd, ...unled, ...idle];
};

/** Sections that say nothing of etcd. */
const ofControlPlanes = ['controlPlane', 'kubeProxy', 'kubeadm', 'network'] as const;

/** What kubeadm decides of an etcd that it makes itself. */
export const stackedEtcd: ConfigRule = (draft) => {
  if (draft.spec?.etcd?.topology !== 'stacked') return [];
  const action = 'remove it, or set spec.etcd.topology: external';
  const ports = (['client', 'peer', 'metrics'] as const)
    .filter((name) => (draft.spec?.etcd?.ports?.[name] ?? defaults.ports[name]) !== defaults.ports[name])
    .map((name) => ({
      code: 'config.topology' as const,
      path: ['spec', 'etcd', 'ports', name],
      message: `is ${defaults.ports[name]} wherever kubeadm makes etcd on control planes`,
      action,
    }));
  if (draft.spec.pki?.caKeyPlacement !== 'first-host') return ports;
  const message = 'is of an external etcd; kubeadm needs the key on every control plane that carries etcd';
  return [...ports, { code: 'config.topology', path: ['spec', 'pki', 'caKeyPlacement'], message, action: 'remove it' }];
};
