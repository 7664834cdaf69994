import type { KubeObject } from '../../model/kube-object.ts';
import { KUBERNETES_CA } from './kube.ts';
import type { KubeStore } from './kube-store.ts';
import type { KubeadmConfig } from './kubeadm-config.ts';
import { kubeconfigText } from './kubelet.ts';
import type { SimMachine } from './machine.ts';

const SYSTEM = 'kube-system';
const DAY_MS = 24 * 3_600_000;
const CLUSTER_INFO = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public', name: 'cluster-info' } as const;

/** What `kubeadm init` puts into the cluster, in its order. Of the node only the place: it is marked, not made. */
export function madeByInit(config: KubeadmConfig, machine: SimMachine, wallMs: number, server: string): KubeObject[] {
  const own = config.of('InitConfiguration');
  const ca = machine.files.get(KUBERNETES_CA)?.content ?? '';
  const tokens = own?.bootstrapTokens ?? [{}];
  const binding = { kind: 'ClusterRoleBinding', metadata: { name: 'kubeadm:cluster-admins' } };
  return [
    { apiVersion: 'rbac.authorization.k8s.io/v1', ...binding },
    configMap('kubeadm-config', { ClusterConfiguration: config.text('ClusterConfiguration') }),
    configMap('kubelet-config', { kubelet: config.text('KubeletConfiguration') }),
    { apiVersion: 'v1', kind: 'Node', metadata: { name: own?.nodeRegistration?.name ?? machine.id } },
    ...tokens.map(({ token, ttl }) =>
      tokenSecret(
        token ?? 'kubead.m000000000000000',
        wallMs + (ttl === undefined ? DAY_MS : durationMs(ttl)),
        'by kubeadm',
      ),
    ),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: CLUSTER_INFO.name, namespace: CLUSTER_INFO.namespace },
      data: { kubeconfig: kubeconfigText('', server, ca) },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'coredns', namespace: SYSTEM },
      spec: { replicas: 2 },
    },
    { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'kube-proxy', namespace: SYSTEM }, spec: {} },
  ];
}

export function tokenSecret(token: string, expiresMs: number, description: string): KubeObject {
  const [id = '', half = ''] = token.split('.');
  const data = { 'token-id': id, 'token-secret': half, expiration: new Date(expiresMs).toISOString(), description };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: SYSTEM },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text).toString('base64')])),
  };
}

/** The authority that everybody may read there; null while it is not. */
export function clusterInfo(store: KubeStore): string | null {
  const data = store.find(CLUSTER_INFO)?.data as { kubeconfig?: string } | undefined;
  const encoded = /certificate-authority-data: (\S+)/.exec(data?.kubeconfig ?? '')?.[1];
  return encoded === undefined ? null : Buffer.from(encoded, 'base64').toString();
}

function configMap(name: string, data: Readonly<Record<string, string>>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: SYSTEM }, data };
}

/** `90s`, `10m0s`, `24h0m0s`: Go's own way of writing a time. */
function durationMs(text: string): number {
  const units = { h: 3_600_000, m: 60_000, s: 1000 } as const;
  return [...text.matchAll(/(\d+)([hms])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units],
    0,
  );
}
