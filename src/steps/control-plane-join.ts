import { API_SERVER_PORT, controlPlaneEndpoint, kubeadmNodeOf } from '../desired/kubeadm-cluster.ts';
import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { publicKeySha256 } from '../model/x509.ts';
import type { World } from '../ports/world.ts';
import { kubeadmJoinConfig } from '../render/kubeadm-cluster.ts';
import { noApiServer } from './api-server.ts';
import { withBootstrapToken } from './bootstrap-token.ts';
import { factOf, needed } from './compare.ts';
import { memberHealth } from './etcd-member.ts';
import { runJoinControlPlane } from './kubeadm.ts';
import { kubeadmBegan, nodeOf } from './kubeadm-init.ts';
import { clusterOf } from './kubeadm-join.ts';
import { leftByInit, leftByJoin } from './left-by-kubeadm.ts';
import { noParams } from './params.ts';
import { type Check, defineStep, type View } from './types.ts';
import { uploadKeys } from './upload-keys.ts';

const CONTROL_PLANE_LABEL = 'node-role.kubernetes.io/control-plane';
const EXCLUDED_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** A further control plane joins. One at a time: each adds a member to etcd, and a second learner is refused. */
export const controlPlaneJoin = defineStep({
  kind: 'control-plane-join',
  risk: 'safe',
  attempts: 3,
  settleMs: 180_000,
  parse: noParams,
  title: (_params, on) => `join the control plane ${on}`,
  reads: (_params, on) => [{ on, fact: 'node' }, 'kube', 'etcd', 'vault'],
  judge: (_params, view, on): Check => {
    const { name } = nodeOf(view, on);
    if (!joined(view, on))
      return { is: 'needed', changes: [{ summary: `kubeadm join --control-plane, node ${name}` }] };
    const ill = [apiProblem(view, on), memberProblem(view, on)].filter((why) => why !== null);
    return needed(ill.map((why) => ({ summary: `wait for ${name}: ${why}` })));
  },
  apply: async (_params, world, view, on) => {
    // kubeadm has done its part, and would disturb what is there.
    if (joined(view, on)) return;
    const cluster = clusterOf(view);
    if (cluster === null) return noApiServer(world, view);
    if (unmarked(view, on)) return mark(world, cluster.through, nodeOf(view, on).name);
    const { config, criSocket, clusterKeys } = view.desired;
    const { controlPlane } = config.spec;
    const sha256 = publicKeySha256(clusterKeys.get('kubernetes-ca') ?? '');
    if (sha256 === null) throw new KeelsonError('vault.absent', 'the vault holds no Kubernetes CA');
    const node = nodeOf(view, on);
    const registration = kubeadmNodeOf(config, node, criSocket);
    const state = factOf(view, on, 'node');
    // The kubelet is configured before the first manifest is there.
    const begun = kubeadmBegan(state) || state?.kubeletConfigured === true || state?.kubeconfigs.has('admin') === true;
    const uploads = controlPlane?.certificates !== 'manual' && config.spec.etcd.topology === 'stacked';
    await withBootstrapToken(world, cluster.through, `keelson joins ${on}`, async (token) => {
      const certificateKey = uploads ? await uploadKeys(world, view.desired, cluster.through, token) : undefined;
      world.note('kubeadm join');
      const text = kubeadmJoinConfig({
        node: {
          ...registration,
          ignorePreflightErrors: [
            ...registration.ignorePreflightErrors,
            ...(begun ? [...leftByInit(config), ...leftByJoin] : []),
          ],
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
      const apiServer = { address: node.address, port: controlPlane?.apiServerPort ?? API_SERVER_PORT };
      const secrets = [token.token, token.secret, ...(certificateKey === undefined ? [] : [certificateKey])];
      await runJoinControlPlane(world, text, apiServer, secrets);
    });
  },
});

/** Whatever its health is now: kubeadm marks the node when all but its last wait is done. */
function joined(view: View, on: HostId): boolean {
  const state = factOf(view, on, 'node');
  const node = clusterOf(view)?.nodes.get(nodeOf(view, on).name);
  return (
    node?.labels[CONTROL_PLANE_LABEL] !== undefined &&
    state?.manifests.has('kube-scheduler') === true &&
    state.kubeletConfigured
  );
}

/** Only kubeadm's mark is missing. It joins no node of a name that is Ready already, and so cannot be had to do it. */
function unmarked(view: View, on: HostId): boolean {
  const state = factOf(view, on, 'node');
  return (
    clusterOf(view)?.nodes.get(nodeOf(view, on).name)?.ready === true &&
    state?.manifests.has('kube-scheduler') === true &&
    state.kubeletConfigured &&
    memberProblem(view, on) === null
  );
}

/** As kubeadm's phase mark-control-plane; the taints are given with the node's other settings. */
async function mark(world: World, through: HostId, name: string): Promise<void> {
  const ref = { apiVersion: 'v1', kind: 'Node', name };
  const labels = { [CONTROL_PLANE_LABEL]: '', [EXCLUDED_LABEL]: '' };
  const patched = await world.kube.mergePatch({ on: through, signal: world.signal }, ref, { metadata: { labels } });
  if (patched.is === 'ok') return;
  const why = patched.is === 'absent' ? 'it is gone' : patched.message;
  throw new KeelsonError('kube.refused', `the API server does not change the node ${name}: ${why}`, { host: through });
}

/** With the next one on its way, this one has to be whole: its part of the load is its own. */
function apiProblem(view: View, on: HostId): string | null {
  const server = view.facts.kube.is === 'known' ? view.facts.kube.value.servers.get(on) : undefined;
  if (server === undefined) return 'its API server was not asked';
  if (server.is === 'failed') return server.message;
  return server.ready ? null : `its API server is not ready: ${server.failing.join(', ')}`;
}

/** A second learner would be refused, and a member that does not vote is lost with the next one that fails. */
function memberProblem(view: View, on: HostId): string | null {
  if (view.desired.config.spec.etcd.topology !== 'stacked') return null;
  const why = memberHealth(view, on);
  return why === null ? null : `its etcd: ${why}`;
}
