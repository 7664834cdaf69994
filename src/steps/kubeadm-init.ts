import { API_SERVER_PORT, kubeadmClusterOf, kubeadmNodeOf } from '../desired/kubeadm-cluster.ts';
import type { Node } from '../desired/nodes.ts';
import type { NodeFact } from '../facts/types.ts';
import type { HostId } from '../model/ids.ts';
import { isFounded } from '../ports/vault.ts';
import { kubeadmInitConfig } from '../render/kubeadm-cluster.ts';
import { factOf } from './compare.ts';
import { runKubeadm } from './kubeadm.ts';
import { leftByInit } from './left-by-kubeadm.ts';
import { noParams } from './params.ts';
import { type Check, defineStep, type View } from './types.ts';

/**
 * The first control plane. kubeadm finds the authorities in place and takes them, so that an init that is done again makes the same cluster:
 * one that was cut off is repeated over what it has left, and never reset.
 */
export const kubeadmInit = defineStep({
  kind: 'kubeadm-init',
  risk: 'safe',
  attempts: 2,
  settleMs: 120_000,
  parse: noParams,
  title: (_params, on) => `make the first control plane on ${on}`,
  reads: (_params, on) => [{ on, fact: 'node' }, { on, fact: 'runtime' }, 'kube', 'vault'],
  judge: (_params, view, on): Check => {
    const lacking = lackingOf(view);
    if (lacking !== null && lacking.length === 0) return { is: 'satisfied' };
    const state = factOf(view, on, 'node');
    const begun = state?.manifests.has('kube-apiserver') === true;
    // An external etcd has its data: an init that is done again over it makes the same cluster.
    const holdsData = view.desired.config.spec.etcd.topology === 'stacked';
    if (holdsData && isFounded(view.desired.cluster.phase) && !begun) return { is: 'blocked', finding: gone(on) };
    const { kubernetesVersion } = view.desired.config.spec;
    const what = begun ? 'finish kubeadm init, which was cut off' : `kubeadm init, Kubernetes ${kubernetesVersion}`;
    return {
      is: 'needed',
      changes: [{ summary: what }, ...(lacking ?? []).map((name) => ({ summary: `create ${name}` }))],
    };
  },
  apply: async (_params, world, view, on) => {
    const begun = kubeadmBegan(factOf(view, on, 'node'));
    const { config, criSocket } = view.desired;
    const node = nodeOf(view, on);
    const registration = kubeadmNodeOf(config, node, criSocket);
    const runtime = factOf(view, on, 'runtime');
    const { spec } = config;
    world.note('kubeadm init');
    await runKubeadm(
      world,
      'init',
      kubeadmInitConfig({
        node: {
          ...registration,
          ignorePreflightErrors: [...registration.ignorePreflightErrors, ...(begun ? leftByInit(config) : [])],
        },
        advertiseAddress: node.address,
        bindPort: spec.controlPlane?.apiServerPort ?? API_SERVER_PORT,
        cluster: kubeadmClusterOf(config),
        cgroupDriver: spec.runtime.cgroupDriver ?? (runtime.is === 'containerd' ? runtime.cgroupDriver : 'systemd'),
        kubelet: spec.kubelet,
        kubeProxy: spec.kubeProxy,
      }),
    );
  },
});

const STATIC_PODS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];

/** Static pods of kubeadm's are there; others may have been placed before it. */
export function kubeadmBegan(state: NodeFact | null): boolean {
  return STATIC_PODS.some((name) => state?.manifests.has(name));
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
