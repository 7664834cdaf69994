import type { FieldProblem } from '../issues.ts';
import { formatPath, quote } from '../path.ts';
import { hostsOf, repeated } from './hosts.ts';
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

const ZONE = 'topology.kubernetes.io/zone';
const machineSays = 'remove it; the kubelet says what its machine is';
const roleSays = 'remove it; kubeadm gives it by the role of the host';

/** Labels that are given by kubelet and kubeadm, with what to do instead. */
const reservedLabels: ReadonlyMap<string, string> = new Map([
  ['kubernetes.io/hostname', machineSays],
  ['kubernetes.io/os', machineSays],
  ['kubernetes.io/arch', machineSays],
  ['beta.kubernetes.io/os', machineSays],
  ['beta.kubernetes.io/arch', machineSays],
  ['node-role.kubernetes.io/control-plane', roleSays],
]);

/** Two who say the same of a node, and perhaps not the same. */
export const nodeLabels: ConfigRule = (draft) =>
  (draft.spec?.hosts ?? []).flatMap((host, index) =>
    Object.keys(host?.labels ?? {}).flatMap((name): FieldProblem[] => {
      const path = ['spec', 'hosts', index, 'labels', name];
      const reserved = reservedLabels.get(name);
      if (reserved !== undefined) {
        return [{ code: 'config.reserved-field', path, message: 'is decided by Kubernetes', action: reserved }];
      }
      if (name !== ZONE || host?.zone === undefined) return [];
      const zone = formatPath(['spec', 'hosts', index, 'zone']);
      return [{ code: 'config.node-field', path, message: `is set by ${zone} too`, action: 'keep one of them' }];
    }),
  );

/** The API server takes a key once for each effect. */
export const duplicateTaints: ConfigRule = (draft) =>
  (draft.spec?.hosts ?? []).flatMap((host, index) => {
    const taints = (host?.taints ?? []).map((taint, at) => ({ taint, path: ['spec', 'hosts', index, 'taints', at] }));
    const keyOf = ({ taint }: (typeof taints)[number]) =>
      taint?.key === undefined || taint.effect === undefined ? undefined : `${taint.key}:${taint.effect}`;
    return repeated(taints, keyOf).map(({ item, first }) => ({
      code: 'config.node-field' as const,
      path: item.path,
      message: `${quote(keyOf(item))} is the taint of ${formatPath(first.path)} too`,
      action: 'keep one of them',
    }));
  });
