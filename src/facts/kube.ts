import { APPLIED } from '../desired/network.ts';
import type { Desired } from '../desired/types.ts';
import { asKeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import type { KubeObject } from '../model/kube-object.ts';
import type { KubeApi, KubeCall, KubeRef } from '../ports/kube-api.ts';
import { listAll } from '../ports/kube-list.ts';
import type { KubeClusterFact, KubeFacts, KubeLeaseFact, KubeNodeFact, KubeServerFact } from './types.ts';

/** What every kubeadm init leaves in the cluster, in the order of its phases: while one of them is missing it has not come to its end. */
const MADE_BY_INIT: readonly KubeRef[] = [
  { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kubeadm-config' },
  { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kubelet-config' },
  { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public', name: 'cluster-info' },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', name: 'kubeadm:cluster-admins' },
  { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'kube-system', name: 'coredns' },
  { apiVersion: 'apps/v1', kind: 'DaemonSet', namespace: 'kube-system', name: 'kube-proxy' },
];

/** Of several only the one that has the lease of its name in kube-system is at work. */
export const LEADERS = ['kube-controller-manager', 'kube-scheduler'] as const;

/** Asks each control plane for itself, and the first that is ready for the cluster. Rejects only when the signal is aborted. */
export async function readKube(desired: Desired, kube: KubeApi, signal: AbortSignal): Promise<KubeFacts> {
  const controlPlanes = desired.nodes.filter((node) => node.role === 'control-plane');
  const servers = new Map<HostId, KubeServerFact>(
    await Promise.all(
      controlPlanes.map(
        async ({ host }): Promise<[HostId, KubeServerFact]> => [host, await readServer(kube, host, signal)],
      ),
    ),
  );
  for (const [through, server] of servers) {
    if (server.is !== 'ok' || !server.ready) continue;
    const cluster = await readCluster(desired, kube, { on: through, signal });
    if (cluster !== null) return { servers, cluster };
  }
  return { servers, cluster: null };
}

async function readServer(kube: KubeApi, on: HostId, signal: AbortSignal): Promise<KubeServerFact> {
  try {
    const call = { on, signal };
    const readiness = await kube.readyz(call);
    if (readiness.is === 'refused') return { is: 'failed', message: readiness.message };
    const version = readiness.ready ? await kube.version(call) : null;
    return {
      is: 'ok',
      ready: readiness.ready,
      failing: readiness.failing.map((check) => check.name),
      version: version?.is === 'ok' ? version.gitVersion : '',
    };
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = asKeelsonError(error);
    return { is: 'failed', code, message };
  }
}

/** null when a server that was ready cannot tell after all. */
async function readCluster(desired: Desired, kube: KubeApi, call: KubeCall): Promise<KubeClusterFact | null> {
  try {
    const [nodes, made, leases, applied] = await Promise.all([
      listAll(kube, call, { apiVersion: 'v1', kind: 'Node' }),
      Promise.all(MADE_BY_INIT.map(async (ref) => ({ ref, got: await kube.get(call, ref) }))),
      Promise.all(LEADERS.map(async (name) => ({ name, got: await kube.get(call, leaseRef(name)) }))),
      Promise.all(
        desired.network.map(async (object) => {
          const got = await kube.get(call, refOf(object));
          return [keyOf(object), got.is === 'ok' ? (got.object.metadata.annotations?.[APPLIED] ?? '') : null] as const;
        }),
      ),
    ]);
    if (nodes.is !== 'ok') return null;
    if (made.some(({ got }) => got.is === 'refused')) return null;
    const kubeadmConfig = made[0]?.got;
    return {
      through: call.on,
      nodes: new Map(nodes.objects.map((node) => [node.metadata.name, nodeFact(node)])),
      leases: new Map(leases.flatMap(({ name, got }) => (got.is === 'ok' ? [[name, leaseFact(got.object)]] : []))),
      lacking: made
        .filter(({ got }) => got.is !== 'ok')
        .map(({ ref }) => `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`),
      kubeadmConfig: kubeadmConfig?.is === 'ok' ? dataOf(kubeadmConfig.object, 'ClusterConfiguration') : null,
      applied: new Map(applied.flatMap(([key, digest]) => (digest === null ? [] : [[key, digest]]))),
    };
  } catch {
    call.signal.throwIfAborted();
    return null;
  }
}

function leaseRef(name: string): KubeRef {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'kube-system', name };
}

interface LeaseShape {
  spec?: { holderIdentity?: string; renewTime?: string; leaseDurationSeconds?: number };
}

function leaseFact(object: KubeObject): KubeLeaseFact {
  const { holderIdentity = '', renewTime = null, leaseDurationSeconds = 15 } = (object as LeaseShape).spec ?? {};
  return { holder: holderIdentity, renewedAt: renewTime, seconds: leaseDurationSeconds };
}

export function refOf({ apiVersion, kind, metadata }: KubeObject): KubeRef {
  const { name, namespace } = metadata;
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

export function keyOf({ apiVersion, kind, metadata }: KubeObject): string {
  return `${apiVersion} ${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}

function dataOf(object: KubeObject, key: string): string | null {
  const data = object.data as Readonly<Record<string, unknown>> | undefined;
  const value = data?.[key];
  return typeof value === 'string' ? value : null;
}

interface NodeShape {
  spec?: { unschedulable?: boolean; taints?: readonly { key: string; value?: string; effect: string }[] };
  status?: {
    conditions?: readonly { type: string; status: string; reason?: string; message?: string }[];
    nodeInfo?: { kubeletVersion?: string };
  };
}

function nodeFact(object: KubeObject): KubeNodeFact {
  // The API server has checked it: what is absent is absent.
  const { spec = {}, status = {} } = object as NodeShape;
  const ready = status.conditions?.find((condition) => condition.type === 'Ready');
  return {
    uid: object.metadata.uid ?? '',
    ready: ready?.status === 'True',
    why: ready?.message ?? 'the kubelet has not reported yet',
    resourceVersion: object.metadata.resourceVersion ?? '',
    labels: object.metadata.labels ?? {},
    annotations: object.metadata.annotations ?? {},
    taints: (spec.taints ?? []).map(({ key, value = '', effect }) => ({ key, value, effect })),
    unschedulable: spec.unschedulable === true,
    kubeletVersion: status.nodeInfo?.kubeletVersion ?? '',
  };
}
