import { stringify } from 'yaml';
import type { NameValue } from './kubeadm-config.ts';
import { merge } from './merge.ts';
import { type Labels, labelsByWriter } from './node-labels.ts';

export interface Taint {
  key: string;
  value?: string;
  effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

/** What kubeadm is told of a machine that becomes a node, by init or by join. */
export interface KubeadmNode {
  nodeName: string;
  criSocket: string;
  /** Absent: kubeadm's own, which is one on control planes and none on workers. Empty: none at all. */
  taints?: readonly Taint[];
  /** Those of them that the kubelet may give; the others are for an administrator (`labelsByWriter`). */
  labels: Labels;
  kubeletExtraArgs: readonly NameValue[];
  /** `Swap`, `NumCPU`. */
  ignorePreflightErrors: readonly string[];
  /** Folder on the machine with `kube-apiserver0+merge.yaml` and the like. */
  patchesDirectory?: string;
}

export interface HostPathMount {
  name: string;
  hostPath: string;
  mountPath: string;
  readOnly?: boolean;
  /** `File`, `DirectoryOrCreate`. */
  pathType?: string | undefined;
}

export interface ControlPlaneComponent {
  /** In this order; the same name may stand twice. */
  extraArgs: readonly NameValue[];
  extraVolumes: readonly HostPathMount[];
}

export type KubeadmEtcd =
  | {
      is: 'local';
      dataDir: string;
      /** kubeadm adds `/etcd` to the repository. */
      image: { repository?: string; tag?: string };
      /** Here `initial-cluster-state: existing` gets in, once there is a cluster (`withEtcdArguments`). */
      extraArgs: readonly NameValue[];
      serverCertSANs: readonly string[];
      peerCertSANs: readonly string[];
    }
  | { is: 'external'; endpoints: readonly string[]; caFile: string; certFile: string; keyFile: string };

export interface KubeadmCluster {
  /** `v1.36.3`: always given, else kubeadm asks the internet for the newest. */
  kubernetesVersion: string;
  /** `10.77.0.100:8443`. */
  controlPlaneEndpoint: string;
  /** kubeadm's names: `ECDSA-P256`, `RSA-2048`. */
  encryptionAlgorithm: string;
  certificateValiditySeconds: number;
  caCertificateValiditySeconds: number;
  imageRepository?: string;
  /** kubeadm's own; those of the components are arguments. */
  featureGates: Readonly<Record<string, boolean>>;
  /** Subnets of both families are joined by a comma. */
  networking: { podSubnet?: string; serviceSubnet: string; dnsDomain: string };
  apiServer: ControlPlaneComponent & { certSANs: readonly string[] };
  controllerManager: ControlPlaneComponent;
  scheduler: ControlPlaneComponent;
  etcd: KubeadmEtcd;
}

export interface KubeadmInit {
  node: KubeadmNode;
  /** Of this machine's API server. */
  advertiseAddress: string;
  bindPort: number;
  cluster: KubeadmCluster;
  /** For `kubeadm init --upload-certs`, which takes it from nowhere else beside a configuration file: 64 hexadecimal digits. */
  certificateKey?: string;
  /** Without it kubeadm makes a token of its own that lives for a day. */
  bootstrapToken?: { token: string; ttlSeconds: number };
  cgroupDriver: 'systemd' | 'cgroupfs';
  /** Fields of KubeletConfiguration, merged over ours. */
  kubelet: Readonly<Record<string, unknown>>;
  /** Fields of KubeProxyConfiguration. */
  kubeProxy: Readonly<Record<string, unknown>>;
}

const KUBEADM = 'kubeadm.k8s.io/v1beta4';

/**
 * What `kubeadm init --config` gets on the first control plane: InitConfiguration, ClusterConfiguration, KubeletConfiguration and
 * KubeProxyConfiguration. With a certificate key or a token it is a secret: mode 0600, or by stdin.
 *
 * Source: "Creating Highly Available Clusters with kubeadm"; kubeadm.k8s.io/v1beta4. What kubeadm works out by itself, such as clusterDNS
 * and clusterCIDR, is left to it.
 */
export function kubeadmInitConfig(config: KubeadmInit): string {
  return documents([
    initConfiguration(config),
    clusterConfiguration(config.cluster),
    merge(
      { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', cgroupDriver: config.cgroupDriver },
      config.kubelet,
    ),
    merge({ apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration' }, config.kubeProxy),
  ]);
}

export interface KubeadmJoin {
  node: KubeadmNode;
  /** The cluster's controlPlaneEndpoint. */
  endpoint: string;
  token: string;
  /** `sha256:` and the hexadecimal digest of the CA's public key. */
  caCertHashes: readonly string[];
  /** Of a machine that becomes a control plane. Without a certificate key its CAs and keys were placed before. */
  controlPlane?: { advertiseAddress: string; bindPort: number; certificateKey?: string };
}

/**
 * What `kubeadm join --config` gets. It holds a token, and may hold the certificate key: mode 0600, or by stdin.
 * Source: as for init. The kubelet's configuration and the cluster's come from the cluster itself; per machine they differ by patches alone.
 */
export function kubeadmJoinConfig({ node, endpoint, token, caCertHashes, controlPlane }: KubeadmJoin): string {
  return documents([
    {
      apiVersion: KUBEADM,
      kind: 'JoinConfiguration',
      discovery: { bootstrapToken: { apiServerEndpoint: endpoint, token, caCertHashes } },
      nodeRegistration: nodeRegistration(node),
      ...(controlPlane === undefined
        ? {}
        : {
            controlPlane: {
              localAPIEndpoint: localAPIEndpoint(controlPlane),
              ...optional('certificateKey', controlPlane.certificateKey),
            },
          }),
      ...patches(node),
    },
  ]);
}

function initConfiguration(config: KubeadmInit): unknown {
  const { bootstrapToken } = config;
  return {
    apiVersion: KUBEADM,
    kind: 'InitConfiguration',
    ...(bootstrapToken === undefined
      ? {}
      : { bootstrapTokens: [{ token: bootstrapToken.token, ttl: seconds(bootstrapToken.ttlSeconds) }] }),
    ...optional('certificateKey', config.certificateKey),
    localAPIEndpoint: localAPIEndpoint(config),
    nodeRegistration: nodeRegistration(config.node),
    ...patches(config.node),
  };
}

function clusterConfiguration(cluster: KubeadmCluster): unknown {
  const { certSANs, ...apiServer } = cluster.apiServer;
  return {
    apiVersion: KUBEADM,
    kind: 'ClusterConfiguration',
    kubernetesVersion: cluster.kubernetesVersion,
    controlPlaneEndpoint: cluster.controlPlaneEndpoint,
    encryptionAlgorithm: cluster.encryptionAlgorithm,
    certificateValidityPeriod: seconds(cluster.certificateValiditySeconds),
    caCertificateValidityPeriod: seconds(cluster.caCertificateValiditySeconds),
    ...optional('imageRepository', cluster.imageRepository),
    ...(Object.keys(cluster.featureGates).length === 0 ? {} : { featureGates: cluster.featureGates }),
    networking: {
      ...optional('podSubnet', cluster.networking.podSubnet),
      serviceSubnet: cluster.networking.serviceSubnet,
      dnsDomain: cluster.networking.dnsDomain,
    },
    apiServer: { ...list('certSANs', certSANs), ...component(apiServer) },
    controllerManager: component(cluster.controllerManager),
    scheduler: component(cluster.scheduler),
    etcd: etcd(cluster.etcd),
  };
}

function component({ extraArgs, extraVolumes }: ControlPlaneComponent): Record<string, unknown> {
  return { ...list('extraArgs', extraArgs), ...list('extraVolumes', extraVolumes) };
}

function etcd(config: KubeadmEtcd): unknown {
  if (config.is === 'external') {
    const { endpoints, caFile, certFile, keyFile } = config;
    return { external: { endpoints, caFile, certFile, keyFile } };
  }
  return {
    local: {
      ...optional('imageRepository', config.image.repository),
      ...optional('imageTag', config.image.tag),
      dataDir: config.dataDir,
      ...list('serverCertSANs', config.serverCertSANs),
      ...list('peerCertSANs', config.peerCertSANs),
      ...list('extraArgs', config.extraArgs),
    },
  };
}

function localAPIEndpoint({ advertiseAddress, bindPort }: { advertiseAddress: string; bindPort: number }): unknown {
  return { advertiseAddress, bindPort };
}

function nodeRegistration(node: KubeadmNode): unknown {
  return {
    name: node.nodeName,
    criSocket: node.criSocket,
    // An empty list is another thing than none, and the only one that leaves out kubeadm's own taint.
    ...optional('taints', node.taints),
    ...list('kubeletExtraArgs', [...nodeLabels(node.labels), ...node.kubeletExtraArgs]),
    ...list('ignorePreflightErrors', node.ignorePreflightErrors),
  };
}

function nodeLabels(labels: Labels): readonly NameValue[] {
  const pairs = Object.entries(labelsByWriter(labels).kubelet).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? [] : [{ name: 'node-labels', value: pairs.join(',') }];
}

function patches({ patchesDirectory }: KubeadmNode): Record<string, unknown> {
  return patchesDirectory === undefined ? {} : { patches: { directory: patchesDirectory } };
}

/** As Go reads a duration, which knows no days. */
function seconds(count: number): string {
  return `${count}s`;
}

function optional(name: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [name]: value };
}

function list(name: string, values: readonly unknown[]): Record<string, unknown> {
  return values.length === 0 ? {} : { [name]: values };
}

function documents(all: readonly unknown[]): string {
  const texts = all.map((one) => stringify(one, { lineWidth: 0, aliasDuplicateObjects: false }));
  return `# Written by keelson.\n${texts.join('---\n')}`;
}
