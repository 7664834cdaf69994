import { clusterOf } from './kubeadm-join.ts';
import { noParams } from './params.ts';
import { type Check, defineStep } from './types.ts';

/**
 * Waits until every node of the configuration is Ready: the cluster may be used from then on. Where somebody else is to make the pod network
 * they are not before that, and it is enough that they have joined.
 */
export const nodesReady = defineStep({
  kind: 'nodes-ready',
  risk: 'safe',
  attempts: 1,
  settleMs: 300_000,
  parse: noParams,
  title: () => 'see every node Ready',
  reads: () => ['kube'],
  judge: (_params, view): Check => {
    const cluster = clusterOf(view);
    const joined = view.desired.config.spec.network.cni.kind === 'none';
    const waiting = view.desired.nodes.flatMap(({ name }) => {
      const node = cluster?.nodes.get(name);
      if (node === undefined) return [{ summary: `${name} has not joined` }];
      return node.ready || joined ? [] : [{ summary: `${name} is not Ready: ${node.why}` }];
    });
    return waiting.length === 0 ? { is: 'satisfied' } : { is: 'needed', changes: waiting };
  },
  apply: async () => {},
});
