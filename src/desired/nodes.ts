import type { ClusterConfig } from '../config/schema.ts';
import { type HostId, hostId } from '../model/ids.ts';

export type NodeRole = 'control-plane' | 'worker';

export interface Taint {
  key: string;
  /** Empty for none. */
  value: string;
  effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

/** A machine that joins the Kubernetes cluster, as the configuration wants it. */
export interface Node {
  host: HostId;
  /** Of the Node object, and of its etcd member where there is one. */
  name: string;
  address: string;
  role: NodeRole;
  /** By key; those that kubeadm sets itself are not among them. */
  labels: ReadonlyMap<string, string>;
  taints: readonly Taint[];
}

/** What kubeadm gives every control plane unless it is told otherwise. */
export const CONTROL_PLANE_TAINT: Taint = {
  key: 'node-role.kubernetes.io/control-plane',
  value: '',
  effect: 'NoSchedule',
};

const ZONE = 'topology.kubernetes.io/zone';

/** Control planes first, each kind in the file's order: the first one is where the cluster begins. */
export function nodesOf({ spec }: ClusterConfig): readonly Node[] {
  return (['control-plane', 'worker'] as const).flatMap((role) =>
    spec.hosts
      .filter((host) => host.roles.includes(role))
      .map(({ name, address, labels, taints, zone }) => ({
        host: hostId(name),
        name,
        address,
        role,
        labels: new Map([...(zone === undefined ? [] : [[ZONE, zone] as const]), ...Object.entries(labels)]),
        taints: taints ?? (role === 'control-plane' ? [CONTROL_PLANE_TAINT] : []),
      })),
  );
}
