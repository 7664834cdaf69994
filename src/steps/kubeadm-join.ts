import { controlPlaneEndpoint, kubeadmNodeOf } from '../desired/kubeadm-cluster.ts';
import { KeelsonError } from '../model/errors.ts';
import { publicKeySha256 } from '../model/x509.ts';
import { kubeadmJoinConfig } from '../render/kubeadm-cluster.ts';
import { noApiServer } from './api-server.ts';
import { withBootstrapToken } from './bootstrap-token.ts';
import { factOf } from './compare.ts';
import { runKubeadm } from './kubeadm.ts';
import { nodeOf } from './kubeadm-init.ts';
import { leftByJoin } from './left-by-kubeadm.ts';
import { noParams } from './params.ts';
import { type Check, defineStep, type View } from './types.ts';

/** A worker joins, with a token of its own that is gone again afterwards. */
export const workerJoin = defineStep({
  kind: 'worker-join',
  risk: 'safe',
  attempts: 3,
  settleMs: 60_000,
  parse: noParams,
  title: (_params, on) => `join the worker ${on}`,
  reads: (_params, on) => [{ on, fact: 'node' }, 'kube', 'vault'],
  judge: (_params, view, on): Check => {
    const state = factOf(view, on, 'node');
    const registered = clusterOf(view)?.nodes.has(nodeOf(view, on).name) === true;
    if (registered && state?.kubeconfigs.has('kubelet') === true && state.kubeletConfigured) return { is: 'satisfied' };
    return { is: 'needed', changes: [{ summary: `kubeadm join, node ${nodeOf(view, on).name}` }] };
  },
  apply: async (_params, world, view, on) => {
    const cluster = clusterOf(view);
    if (cluster === null) return noApiServer(world, view);
    const { config, criSocket, clusterKeys } = view.desired;
    const sha256 = publicKeySha256(clusterKeys.get('kubernetes-ca') ?? '');
    if (sha256 === null) throw new KeelsonError('vault.absent', 'the vault holds no Kubernetes CA');
    const registration = kubeadmNodeOf(config, nodeOf(view, on), criSocket);
    const state = factOf(view, on, 'node');
    const begun = state !== null && (state.kubeletConfigured || state.kubeconfigs.size > 0);
    await withBootstrapToken(world, cluster.through, `keelson joins ${on}`, async ({ token, secret }) => {
      world.note('kubeadm join');
      const text = kubeadmJoinConfig({
        node: {
          ...registration,
          ignorePreflightErrors: [...registration.ignorePreflightErrors, ...(begun ? leftByJoin : [])],
        },
        endpoint: controlPlaneEndpoint(config),
        token,
        caCertHashes: [`sha256:${sha256}`],
      });
      await runKubeadm(world, 'join', text, [token, secret]);
    });
  },
});

export function clusterOf({ facts }: View) {
  return facts.kube.is === 'known' ? facts.kube.value.cluster : null;
}
