import { parseEndpoint } from '../config/address.ts';
import { goDurationSeconds } from '../config/duration.ts';
import type { ClusterConfig } from '../config/schema.ts';
import type { KubeadmCluster, KubeadmEtcd, KubeadmNode } from '../render/kubeadm-cluster.ts';
import type { NameValue } from '../render/kubeadm-config.ts';
import { etcdCa } from './certificates.ts';
import { memberUrls } from './members.ts';
import { type Node, nodesOf } from './nodes.ts';

/** Where all machines and people reach the API server, `host:port`: as configured, or the only control plane itself. */
export function controlPlaneEndpoint(config: ClusterConfig): string {
  const { controlPlane } = config.spec;
  const apiServerPort = controlPlane?.apiServerPort ?? API_SERVER_PORT;
  const given = controlPlane?.endpoint;
  if (given === undefined) {
    const first = nodesOf(config).find((node) => node.role === 'control-plane');
    return joined(first?.address ?? '', apiServerPort);
  }
  const parsed = parseEndpoint(given);
  return joined(parsed?.host ?? given, parsed?.port ?? apiServerPort);
}

export const API_SERVER_PORT = 6443;

function joined(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** ClusterConfiguration as the configuration wants it. */
export function kubeadmClusterOf(config: ClusterConfig): KubeadmCluster {
  const { spec } = config;
  const { controlPlane, pki, network } = spec;
  const none = { extraArgs: [], extraVolumes: [] };
  return {
    kubernetesVersion: spec.kubernetesVersion,
    controlPlaneEndpoint: controlPlaneEndpoint(config),
    encryptionAlgorithm: pki.algorithm === 'rsa-2048' ? 'RSA-2048' : 'ECDSA-P256',
    certificateValiditySeconds: goDurationSeconds(pki.leafValidity),
    caCertificateValiditySeconds: goDurationSeconds(pki.caValidity),
    ...(controlPlane?.imageRepository === undefined ? {} : { imageRepository: controlPlane.imageRepository }),
    featureGates: controlPlane?.featureGates ?? {},
    networking: {
      podSubnet: network.podSubnet,
      serviceSubnet: network.serviceSubnet,
      dnsDomain: network.dnsDomain,
    },
    apiServer: { ...(controlPlane?.apiServer ?? none), certSANs: apiServerSans(config) },
    controllerManager: controlPlane?.controllerManager ?? none,
    scheduler: controlPlane?.scheduler ?? none,
    etcd: etcdOf(config),
  };
}

/** The endpoint itself is added by kubeadm; a virtual IP behind a name is not. */
function apiServerSans({ spec: { controlPlane } }: ClusterConfig): string[] {
  const virtual = controlPlane?.loadBalancer?.virtualIP;
  return [...new Set([...(virtual === undefined ? [] : [virtual]), ...(controlPlane?.apiServer.certSANs ?? [])])];
}

function etcdOf({ spec }: ClusterConfig): KubeadmEtcd {
  const { etcd, hosts } = spec;
  if (etcd.topology === 'external') {
    return {
      is: 'external',
      endpoints: hosts
        .filter((host) => host.roles.includes('etcd'))
        .map(({ address }) => memberUrls(address, etcd.ports).clientUrl),
      caFile: etcdCa.certPath,
      certFile: '/etc/kubernetes/pki/apiserver-etcd-client.crt',
      keyFile: '/etc/kubernetes/pki/apiserver-etcd-client.key',
    };
  }
  return {
    is: 'local',
    dataDir: etcd.dataDir,
    image: {
      ...(etcd.imageRepository === undefined ? {} : { repository: etcd.imageRepository }),
      ...(etcd.imageTag === undefined ? {} : { tag: etcd.imageTag }),
    },
    extraArgs: [...tuning(etcd), ...etcd.extraArgs],
    serverCertSANs: etcd.serverCertSANs,
    peerCertSANs: etcd.peerCertSANs,
  };
}

/** Flags that have fields of their own. */
function tuning(etcd: ClusterConfig['spec']['etcd']): NameValue[] {
  const flags = [
    { name: 'quota-backend-bytes', value: etcd.quotaBackendBytes },
    { name: 'heartbeat-interval', value: etcd.heartbeatIntervalMs },
    { name: 'election-timeout', value: etcd.electionTimeoutMs },
  ];
  return flags.flatMap(({ name, value }) => (value === undefined ? [] : [{ name, value: String(value) }]));
}

/** What init and join are told of one machine. */
export function kubeadmNodeOf({ spec }: ClusterConfig, node: Node, criSocket: string): KubeadmNode {
  return {
    nodeName: node.name,
    criSocket,
    taints: node.taints.map(({ key, value, effect }) => ({ key, ...(value === '' ? {} : { value }), effect })),
    labels: Object.fromEntries(node.labels),
    // The address that keelson reaches is the one that the others are to reach.
    kubeletExtraArgs: [{ name: 'node-ip', value: node.address }],
    ignorePreflightErrors: spec.kubeadm.ignorePreflightErrors,
  };
}

/** What etcd's arguments are once there is a cluster: no member founds another one. */
export const EXISTING: readonly NameValue[] = [{ name: 'initial-cluster-state', value: 'existing' }];

export function withExistingEtcd(cluster: KubeadmCluster): KubeadmCluster {
  const { etcd } = cluster;
  return etcd.is === 'external'
    ? cluster
    : { ...cluster, etcd: { ...etcd, extraArgs: [...etcd.extraArgs, ...EXISTING] } };
}
