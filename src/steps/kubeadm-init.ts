import type { ClusterConfig } from '../config/schema.ts';
import { API_SERVER_PORT, kubeadmClusterOf, kubeadmNodeOf, withExistingEtcd } from '../desired/kubeadm-cluster.ts';
import type { Node } from '../desired/nodes.ts';
import { paths } from '../desired/paths.ts';
import { clientEndpoint } from '../facts/etcd.ts';
import type { NodeFact } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { endStaticPod } from '../ports/commands/reset.ts';
import { isFounded } from '../ports/vault.ts';
import type { World } from '../ports/world.ts';
import { kubeadmInitConfig } from '../render/kubeadm-cluster.ts';
import { apiServerBack } from './api-server.ts';
import { factOf } from './compare.ts';
import { founds } from './etcd-member.ts';
import { runKubeadm } from './kubeadm.ts';
import { dataDirectoryCheck, leftByInit } from './left-by-kubeadm.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { type Check, defineStep, type View } from './types.ts';

/** Long enough for kubeadm to write down what it signs with it. */
const TOKEN_SECONDS = 60;

/**
 * The first control plane. kubeadm finds the authorities in place and takes them, so that an init that is done again makes the same cluster:
 * one that was cut off is repeated over what it has left, and never reset.
 */
export const kubeadmInit = defineStep({
  kind: 'kubeadm-init',
  risk: 'safe',
  attempts: 3,
  settleMs: 120_000,
  parse: noParams,
  title: (_params, on) => `make the first control plane on ${on}`,
  reads: (_params, on) => [{ on, fact: 'node' }, { on, fact: 'runtime' }, { on, fact: 'etcdProcess' }, 'kube', 'vault'],
  judge: (_params, view, on): Check => {
    const lacking = lackingOf(view);
    // Of a cluster that is made somebody may have taken CoreDNS or kube-proxy away, for others in their place.
    if (lacking !== null && (lacking.length === 0 || isMade(view))) return { is: 'satisfied' };
    const state = factOf(view, on, 'node');
    const begun = state?.manifests.has('kube-apiserver') === true;
    // An external etcd has its data: an init that is done again over it makes the same cluster.
    const holdsData = view.desired.config.spec.etcd.topology === 'stacked';
    if (isMade(view) && !kubeadmBegan(state) && holdsData) return { is: 'blocked', finding: gone(on) };
    // Never over what is there: what keeps the API servers from being ready is for other steps to mend.
    if (isMade(view)) return { is: 'satisfied' };
    const { kubernetesVersion } = view.desired.config.spec;
    const what = begun ? 'finish kubeadm init, which was cut off' : `kubeadm init, Kubernetes ${kubernetesVersion}`;
    return {
      is: 'needed',
      changes: [{ summary: what }, ...(lacking ?? []).map((name) => ({ summary: `create ${name}` }))],
    };
  },
  apply: async (_params, world, view, on) => {
    const state = factOf(view, on, 'node');
    const begun = kubeadmBegan(state);
    // It may have come to its end, and the API server is only being started again.
    const mayBeWhole = state?.kubeletConfigured === true && state.manifests.has('kube-scheduler');
    if (mayBeWhole && lackingOf(view) === null && (await apiServerBack(world, view, RESTART_MS)))
      throw new KeelsonError('kube.unreachable', 'the API server was not ready, and is now', { host: on });
    const { config, criSocket } = view.desired;
    const node = nodeOf(view, on);
    const registration = kubeadmNodeOf(config, node, criSocket);
    const runtime = factOf(view, on, 'runtime');
    const { spec } = config;
    // kubeadm makes a token in any case, and without this one it would live for a day. Nobody uses it.
    const token = `${world.random.hex(3)}.${world.random.hex(8)}`;
    if (founds(factOf(view, on, 'etcdProcess'))) await endFounding(world, view, on);
    world.note('kubeadm init');
    await runKubeadm(
      world,
      'init',
      kubeadmInitConfig({
        node: {
          ...registration,
          ignorePreflightErrors: [
            ...registration.ignorePreflightErrors,
            ...foundedHere(config),
            ...(begun ? leftByInit(config) : []),
          ],
        },
        advertiseAddress: node.address,
        bindPort: spec.controlPlane?.apiServerPort ?? API_SERVER_PORT,
        bootstrapToken: { token, ttlSeconds: TOKEN_SECONDS },
        cluster: withExistingEtcd(kubeadmClusterOf(config)),
        cgroupDriver: spec.runtime.cgroupDriver ?? (runtime.is === 'containerd' ? runtime.cgroupDriver : 'systemd'),
        kubelet: spec.kubelet,
        kubeProxy: spec.kubeProxy,
      }),
      [token, token.slice(token.indexOf('.') + 1)],
    );
  },
});

/** The member has been founded, and its data is what kubeadm's etcd goes on with. */
function foundedHere({ spec }: ClusterConfig): readonly string[] {
  return spec.etcd.topology === 'stacked' ? [dataDirectoryCheck(spec.etcd.dataDir)] : [];
}

/** Says whose founding it was, until the cluster is handed over. */
const FOUNDED_KEY = 'keelson/founded';
const FOUNDING_MS = 60_000;
const POLL_MS = 100;

/** Ends the container that the member was founded in, when what it has written is enough to go on from: a write has come through. */
async function endFounding(world: World, view: View, on: HostId): Promise<void> {
  const { desired } = view;
  const member = desired.members.find((m) => m.host === on);
  if (member === undefined) throw new Error(`${on} is no member of etcd`);
  const endpoint = clientEndpoint(desired, member);
  const end = world.clock.monotonicMs() + FOUNDING_MS;
  for (;;) {
    const put = await world.etcd.put(endpoint, FOUNDED_KEY, desired.cluster.token ?? '', world.signal);
    if (put.is === 'ok') break;
    if (world.clock.monotonicMs() >= end)
      throw new KeelsonError('etcd.not-healthy', `the member ${on} does not become healthy: ${put.message}`, {
        host: on,
      });
    await world.clock.sleep(POLL_MS, world.signal);
  }
  await must(world, endStaticPod(paths.manifest, desired.config.spec.etcd.dataDir));
}

const STATIC_PODS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];

/** Static pods of kubeadm's are there; others may have been placed before it. */
export function kubeadmBegan(state: NodeFact | null): boolean {
  return STATIC_PODS.some((name) => state?.manifests.has(name));
}

/** Longer than an API server takes from the boot of its machine; shorter than anybody likes to wait in vain. */
const RESTART_MS = 60_000;

/** The cluster was whole once: what is not to be seen of it now is not to be made again. */
export function isMade({ desired, facts }: View): boolean {
  if (desired.config.spec.etcd.topology === 'stacked') return isFounded(desired.cluster.phase);
  const vault = facts.vault.is === 'known' && facts.vault.value.is === 'open' ? facts.vault.value : null;
  return vault?.inventory?.hosts.some(({ roles }) => roles.includes('control-plane')) === true;
}

/** null while no API server of the cluster can be asked. */
function lackingOf({ facts }: View): readonly string[] | null {
  return facts.kube.is === 'known' ? (facts.kube.value.cluster?.lacking ?? null) : null;
}

function gone(on: HostId) {
  return {
    code: 'safety.data-gone' as const,
    severity: 'error' as const,
    host: on,
    message: `the cluster was made, and ${on} holds nothing of it any more; another init would make a second, empty one`,
    action: 'Bring the machine back with its disk, or restore a snapshot of etcd.',
  };
}

export function nodeOf({ desired }: View, on: HostId): Node {
  const node = desired.nodes.find((n) => n.host === on);
  if (node === undefined) throw new Error(`${on} is no node of the configuration`);
  return node;
}
