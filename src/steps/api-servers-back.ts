import { KeelsonError } from '../model/errors.ts';
import { apiServerBack } from './api-server.ts';
import { needed } from './compare.ts';
import { clusterOf } from './kubeadm-join.ts';
import { noParams } from './params.ts';
import { defineStep } from './types.ts';

/**
 * Of a cluster that is made no API server is ready: what it holds cannot be looked at, and nothing is planned for it. What can be mended on
 * the machines is mended; then one has to come back.
 */
export const apiServersBack = defineStep({
  kind: 'api-servers-back',
  risk: 'safe',
  attempts: 1,
  settleMs: 30_000,
  parse: noParams,
  title: () => 'wait until an API server is ready',
  reads: () => ['kube'],
  judge: (_params, view) => {
    if (clusterOf(view) !== null) return { is: 'satisfied' };
    const { kube } = view.facts;
    const servers = kube.is === 'known' ? [...kube.value.servers] : [];
    return needed([
      ...servers.map(([host, server]) => ({
        summary:
          server.is === 'failed' ? `${host}: ${server.message}` : `${host} is not ready: ${server.failing.join(', ')}`,
      })),
      { summary: 'what the cluster itself holds is looked at by the next plan' },
    ]);
  },
  apply: async (_params, world, view) => {
    if (await apiServerBack(world, view)) return;
    throw new KeelsonError('kube.unreachable', 'no API server of the cluster has become ready');
  },
});
