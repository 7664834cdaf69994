import { createDecipheriv } from 'node:crypto';
import { stringify } from 'yaml';
import type { KubeObject } from '../../model/kube-object.ts';
import { type HandlerWorld, seconds } from './handler.ts';
import { KUBERNETES_CA } from './kube.ts';
import type { KubeStore } from './kube-store.ts';
import { simulateKubeadm } from './kubeadm.ts';
import { type ClusterDocument, type Registration, readKubeadmConfig } from './kubeadm-config.ts';
import { KUBELET_CONFIG, KUBELET_FLAGS, kubeconfigText } from './kubelet.ts';
import type { SimMachine } from './machine.ts';
import { control } from './systemd.ts';

/** Where a kubeadm works. */
export interface Place {
  m: SimMachine;
  world: HandlerWorld;
}

export const PKI = '/etc/kubernetes/pki';
const SHARED = ['ca.crt', 'ca.key', 'front-proxy-ca.crt', 'front-proxy-ca.key', 'sa.key', 'sa.pub'];
const ETCD_SHARED = ['etcd/ca.crt', 'etcd/ca.key'];

/** Authorities and the service accounts' key: what is there is taken. */
export function authorities(at: Place, cluster: ClusterDocument): void {
  const now = seconds(at.world);
  for (const file of shared(cluster).filter((f) => f.endsWith('.key'))) {
    const base = `${PKI}/${file.replace(/\.key$/, '')}`;
    if (at.m.files.has(`${base}.key`)) continue;
    at.world.kube.issue(at.m, base, '', now);
    if (file === 'sa.key') at.m.putFile(`${base}.pub`, `public half of ${base} on ${at.m.id}\n`, '600', now);
  }
}

export function leaves(at: Place, cluster: ClusterDocument): void {
  const stacked = cluster.etcd?.external === undefined;
  const table: readonly (readonly [base: string, ca: string])[] = [
    ['apiserver', 'ca'],
    ['apiserver-kubelet-client', 'ca'],
    ['front-proxy-client', 'front-proxy-ca'],
    ...(stacked
      ? (['etcd/server', 'etcd/peer', 'etcd/healthcheck-client', 'apiserver-etcd-client'] as const).map(
          (base) => [base, 'etcd/ca'] as const,
        )
      : []),
  ];
  for (const [base, ca] of table) {
    if (at.m.files.has(`${PKI}/${base}.crt`) && at.m.files.has(`${PKI}/${base}.key`)) continue;
    const authority = at.m.files.get(`${PKI}/${ca}.crt`)?.content ?? '';
    at.world.kube.issue(at.m, `${PKI}/${base}`, authority, seconds(at.world));
  }
}

/** Those that are there are taken. */
export function kubeconfigs(at: Place, name: string, server: string, first: boolean): void {
  const ca = at.m.files.get(KUBERNETES_CA)?.content ?? '';
  const files: readonly (readonly [file: string, user: string])[] = [
    ['admin', 'kubernetes-admin'],
    ...(first
      ? ([
          ['super-admin', 'kubernetes-super-admin'],
          ['kubelet', `system:node:${name}`],
        ] as const)
      : []),
    ['controller-manager', 'system:kube-controller-manager'],
    ['scheduler', 'system:kube-scheduler'],
  ];
  for (const [file, user] of files)
    if (!at.m.files.has(`/etc/kubernetes/${file}.conf`))
      put(at, `/etc/kubernetes/${file}.conf`, kubeconfigText(user, server, ca));
}

export function startKubelet(at: Place, config: string, registration: Registration, registersTaints: boolean): void {
  const { m, world } = at;
  control(m, 'stop', 'kubelet.service', world.wallMs());
  put(at, KUBELET_CONFIG, config, '644');
  const { taints = [], kubeletExtraArgs = [] } = registration;
  const flags = [
    ...kubeletExtraArgs.map(({ name, value }) => `--${name}=${value}`),
    `--hostname-override=${nameOf(at, registration)}`,
    ...(registersTaints && taints.length > 0
      ? [`--register-with-taints=${taints.map(({ key, value = '', effect }) => `${key}=${value}:${effect}`).join(',')}`]
      : []),
  ];
  put(at, KUBELET_FLAGS, `KUBELET_KUBEADM_ARGS="${flags.join(' ')}"\n`, '644');
  control(m, 'restart', 'kubelet.service', world.wallMs());
  world.kube.settle();
}

export function mark(store: KubeStore, name: string, { taints }: Registration): void {
  const node = store.find({ apiVersion: 'v1', kind: 'Node', name });
  if (node === undefined) return;
  const spec = node.spec as { taints?: readonly { key: string; effect: string }[] };
  const wanted = taints ?? [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }];
  const missing = wanted.filter((w) => !(spec.taints ?? []).some((t) => t.key === w.key && t.effect === w.effect));
  const labels = {
    ...node.metadata.labels,
    'node-role.kubernetes.io/control-plane': '',
    'node.kubernetes.io/exclude-from-external-load-balancers': '',
  };
  store.put(
    {
      ...node,
      metadata: { ...node.metadata, labels },
      spec: { ...spec, taints: [...(spec.taints ?? []), ...missing] },
    },
    'kubeadm',
  );
}

/** What was uploaded, decrypted; false where the Secret is not there, or the key another. */
export function download(at: Place, store: KubeStore, certificateKey: string): boolean {
  const ref = { apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: 'kubeadm-certs' };
  const files = store.find(ref)?.data as Readonly<Record<string, string>> | undefined;
  if (files === undefined) return false;
  const key = Buffer.from(certificateKey, 'hex');
  for (const [name, encrypted] of Object.entries(files)) {
    const text = decrypted(Buffer.from(encrypted, 'base64'), key);
    if (text === null) return false;
    const path = `${PKI}/${name.replace(/^etcd-ca/, 'etcd/ca')}`;
    if (!at.m.files.has(path)) put(at, path, text, name.endsWith('.key') ? '600' : '644');
  }
  return true;
}

function decrypted(bytes: Buffer, key: Buffer): string | null {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString();
  } catch {
    return null;
  }
}

export function shared({ etcd }: ClusterDocument): readonly string[] {
  return etcd?.external === undefined ? [...SHARED, ...ETCD_SHARED] : SHARED;
}

export function componentManifest(name: string, cluster: ClusterDocument): string {
  const servers = cluster.etcd?.external?.endpoints.join(',') ?? 'https://127.0.0.1:2379';
  const command = [name, ...(name === 'kube-apiserver' ? [`--etcd-servers=${servers}`] : ['--leader-elect=true'])];
  const image = `registry.k8s.io/${name}:${cluster.kubernetesVersion ?? ''}`;
  const pod = { name, namespace: 'kube-system' };
  return stringify({ apiVersion: 'v1', kind: 'Pod', metadata: pod, spec: { containers: [{ command, image, name }] } });
}

/** Alone, and without a state, when `members` is not given: the first one founds. */
export function etcdManifest({ etcd }: ClusterDocument, name: string, address: string, members?: string): string {
  const local = etcd?.local ?? {};
  const given = new Set((local.extraArgs ?? []).map((arg) => arg.name));
  const joining =
    members === undefined
      ? []
      : [
          { name: 'initial-cluster', value: members },
          { name: 'initial-cluster-state', value: 'existing' },
        ].filter((arg) => !given.has(arg.name));
  const documents = [
    { kind: 'InitConfiguration', localAPIEndpoint: { advertiseAddress: address }, nodeRegistration: { name } },
    {
      kind: 'ClusterConfiguration',
      etcd: { local: { dataDir: '/var/lib/etcd', ...local, extraArgs: [...joining, ...(local.extraArgs ?? [])] } },
    },
  ];
  return simulateKubeadm(documents.map((document) => stringify(document)).join('---\n'));
}

export function clusterConfigurationIn(store: KubeStore): ClusterDocument | null {
  const text = data(store, 'kubeadm-config', 'ClusterConfiguration');
  return text === undefined ? null : (readKubeadmConfig(text).config?.of('ClusterConfiguration') ?? null);
}

export function kubeletConfigurationIn(store: KubeStore): string | undefined {
  return data(store, 'kubelet-config', 'kubelet');
}

function data(store: KubeStore, name: string, key: string): string | undefined {
  const found = store.find({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name });
  return (found?.data as Readonly<Record<string, string>> | undefined)?.[key];
}

export function registered(store: KubeStore, name: string): boolean {
  return store.find({ apiVersion: 'v1', kind: 'Node', name }) !== undefined;
}

export function isReady({ status }: KubeObject): boolean {
  const { conditions = [] } = status as { conditions?: readonly { type: string; status: string }[] };
  return conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}

export function nameOf({ m }: Place, { name }: Registration): string {
  return name ?? m.id;
}

export function hostOf(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

export function put({ m, world }: Place, path: string, content: string, mode = '600'): void {
  m.putFile(path, content, mode, seconds(world));
}
