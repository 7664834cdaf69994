import { API_SERVER_PORT, controlPlaneEndpoint, kubeadmNodeOf } from '../desired/kubeadm-cluster.ts';
import { KeelsonError } from '../model/errors.ts';
import { publicKeySha256 } from '../model/x509.ts';
import { kubeadmJoinConfig } from '../render/kubeadm-cluster.ts';
import { withBootstrapToken } from './bootstrap-token.ts';
import { factOf } from './compare.ts';
import { runKubeadm } from './kubeadm.ts';
import { LEFT_BY_INIT, nodeOf } from './kubeadm-init.ts';
import { clusterOf } from './kubeadm-join.ts';
import { noParams } from './params.ts';
import { type Check, defineStep } from './types.ts';
import { uploadKeys } from './upload-keys.ts';

/** A further control plane joins. One at a time: each adds a member to etcd, and a second learner is refused. */
export const controlPlaneJoin = defineStep({
  kind: 'control-plane-join',
  risk: 'safe',
  attempts: 2,
  settleMs: 180_000,
  parse: noParams,
  title: (_params, on) => `join the control plane ${on}`,
  reads: (_params, on) => [{ on, fact: 'node' }, 'kube', 'etcd', 'vault'],
  judge: (_params, view, on): Check => {
    const state = factOf(view, on, 'node');
    const registered = clusterOf(view)?.nodes.has(nodeOf(view, on).name) === true;
    const server = view.facts.kube.is === 'known' ? view.facts.kube.value.servers.get(on) : undefined;
    const whole =
      registered &&
      server?.is === 'ok' &&
      server.ready &&
      state?.manifests.has('kube-scheduler') === true &&
      state.kubeletConfigured;
    if (whole) return { is: 'satisfied' };
    return { is: 'needed', changes: [{ summary: `kubeadm join --control-plane, node ${nodeOf(view, on).name}` }] };
  },
  apply: async (_params, world, view, on) => {
    const cluster = clusterOf(view);
    if (cluster === null) throw new KeelsonError('kube.unreachable', 'no API server of the cluster is ready');
    const { config, criSocket, clusterKeys } = view.desired;
    const { controlPlane } = config.spec;
    const sha256 = publicKeySha256(clusterKeys.get('kubernetes-ca') ?? '');
    if (sha256 === null) throw new KeelsonError('vault.absent', 'the vault holds no Kubernetes CA');
    const node = nodeOf(view, on);
    const registration = kubeadmNodeOf(config, node, criSocket);
    const begun = (factOf(view, on, 'node')?.manifests.size ?? 0) > 0;
    const uploads = controlPlane?.certificates !== 'manual' && config.spec.etcd.topology === 'stacked';
    await withBootstrapToken(world, cluster.through, `keelson joins ${on}`, async (token) => {
      const certificateKey = uploads ? await uploadKeys(world, view.desired, cluster.through, token) : undefined;
      world.note('kubeadm join');
      const text = kubeadmJoinConfig({
        node: {
          ...registration,
          ignorePreflightErrors: [...registration.ignorePreflightErrors, ...(begun ? LEFT_BY_INIT : [])],
        },
        endpoint: controlPlaneEndpoint(config),
        token: token.token,
        caCertHashes: [`sha256:${sha256}`],
        controlPlane: {
          advertiseAddress: node.address,
          bindPort: controlPlane?.apiServerPort ?? API_SERVER_PORT,
          ...(certificateKey === undefined ? {} : { certificateKey }),
        },
      });
      await runKubeadm(world, 'join', text, [
        token.token,
        token.secret,
        ...(certificateKey === undefined ? [] : [certificateKey]),
      ]);
    });
  },
});
