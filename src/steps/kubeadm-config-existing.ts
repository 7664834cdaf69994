import { EXISTING } from '../desired/kubeadm-cluster.ts';
import { KeelsonError } from '../model/errors.ts';
import { withEtcdArguments } from '../render/cluster-configuration.ts';
import { noApiServer } from './api-server.ts';
import { needed } from './compare.ts';
import { clusterOf } from './kubeadm-join.ts';
import { noParams } from './params.ts';
import { defineStep } from './types.ts';

const REF = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kubeadm-config' } as const;

/**
 * kubeadm makes etcd's manifests from the ClusterConfiguration in the cluster whenever it joins or upgrades a control plane. Without this
 * the first one's would have no state, which means `new`: wiped, it would serve an empty cluster behind the load balancer.
 */
export const kubeadmConfigExisting = defineStep({
  kind: 'kubeadm-config-existing',
  risk: 'safe',
  attempts: 3,
  settleMs: 5_000,
  parse: noParams,
  title: () => 'let kubeadm found no second etcd from now on',
  reads: () => ['kube'],
  judge: (_params, view) => {
    const text = clusterOf(view)?.kubeadmConfig ?? null;
    const right = text !== null && names(text);
    return needed(
      right ? [] : [{ summary: 'set etcd’s initial-cluster-state: existing in ConfigMap kube-system/kubeadm-config' }],
    );
  },
  apply: async (_params, world, view) => {
    const cluster = clusterOf(view);
    if (cluster === null) return noApiServer(world, view);
    const call = { on: cluster.through, signal: world.signal };
    const got = await world.kube.get(call, REF);
    if (got.is !== 'ok') throw refused(cluster.through, got.is === 'absent' ? 'it is not there' : got.message);
    const data = got.object.data as Readonly<Record<string, string>>;
    const text = data.ClusterConfiguration ?? '';
    const { resourceVersion } = got.object.metadata;
    // Only on what was read: somebody else may be changing it.
    const patch = {
      metadata: { resourceVersion },
      data: { ClusterConfiguration: withEtcdArguments(text, EXISTING) },
    };
    const patched = await world.kube.mergePatch(call, REF, patch);
    if (patched.is !== 'ok') throw refused(cluster.through, patched.is === 'absent' ? 'it is gone' : patched.message);
  },
});

function names(text: string): boolean {
  return /name: initial-cluster-state\s+value: existing/.test(text);
}

function refused(on: string, why: string): KeelsonError {
  return new KeelsonError(
    'kube.refused',
    `the API server of ${on} does not change ConfigMap kube-system/kubeadm-config: ${why}`,
  );
}
