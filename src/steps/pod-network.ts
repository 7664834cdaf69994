import { APPLIED } from '../desired/network.ts';
import { keyOf } from '../facts/kube.ts';
import { KeelsonError } from '../model/errors.ts';
import { noApiServer } from './api-server.ts';
import { needed } from './compare.ts';
import { clusterOf } from './kubeadm-join.ts';
import { noParams } from './params.ts';
import { defineStep, type View } from './types.ts';

/** What makes the pod network, applied by the server. Before the joins: a node is Ready only with it. */
export const podNetwork = defineStep({
  kind: 'pod-network',
  risk: 'safe',
  attempts: 3,
  settleMs: 10_000,
  parse: noParams,
  title: () => 'apply the pod network',
  reads: () => ['kube'],
  judge: (_params, view) =>
    needed(
      missing(view).map(({ kind, metadata }) => ({
        summary: `apply ${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`,
      })),
    ),
  apply: async (_params, world, view) => {
    const cluster = clusterOf(view);
    if (cluster === null) return noApiServer(world, view);
    for (const object of missing(view)) {
      const applied = await world.kube.apply({ on: cluster.through, signal: world.signal }, object, { force: true });
      if (applied.is === 'ok') continue;
      throw new KeelsonError(
        'kube.refused',
        `the API server of ${cluster.through} does not take ${object.kind} ${object.metadata.name}: ${applied.message}`,
        { host: cluster.through },
      );
    }
  },
});

function missing(view: View) {
  const applied = clusterOf(view)?.applied;
  return view.desired.network.filter(
    (object) => applied?.get(keyOf(object)) !== object.metadata.annotations?.[APPLIED],
  );
}
