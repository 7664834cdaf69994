import { refusal } from '../finding.ts';
import type { SafetyRule } from '../types.ts';

/** Every member that answers is of the cluster that the vault knows. */
export const clusterId: SafetyRule = (_step, view) => {
  const ours = view.desired.cluster.etcdClusterId;
  if (ours === null || view.facts.etcd.is === 'unknown') return [];
  return [...view.facts.etcd.value.endpoints].flatMap(([host, { status }]) =>
    status.is === 'ok' && status.value.clusterId !== ours
      ? [
          refusal(
            'safety.cluster-id',
            `${host} answers as a member of etcd cluster ${status.value.clusterId}; ours is ${ours}`,
            host,
          ),
        ]
      : [],
  );
};
