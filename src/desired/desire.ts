import type { ClusterConfig } from '../config/schema.ts';
import type { HostId } from '../model/ids.ts';
import { hostId } from '../model/ids.ts';
import { isFounded, type VaultState } from '../ports/vault.ts';
import { kubeadmInitConfig } from '../render/kubeadm-cluster.ts';
import { etcdKubeadmConfig, type NameValue } from '../render/kubeadm-config.ts';
import { type CertificateSpec, certificatesFor } from './certificates.ts';
import { API_SERVER_PORT, kubeadmClusterOf, kubeadmNodeOf, withExistingEtcd } from './kubeadm-cluster.ts';
import { endpointOf, loadBalancerOf } from './load-balancer.ts';
import { memberUrls } from './members.ts';
import { networkOf } from './network.ts';
import { type Node, nodesOf } from './nodes.ts';
import type { Desired, DesiredHost, DesiredMachine, Member, Software } from './types.ts';

/** Stands where the token will be, until the vault has made one. */
export const TOKEN_PLACEHOLDER = 'made-by-this-run';

export const DEFAULT_CRI_SOCKET = 'unix:///run/containerd/containerd.sock';

/** From configuration and vault to what must be true. */
export function desire(
  config: ClusterConfig,
  vault: VaultState,
  software: Software,
  configuredCa: string | null = null,
): Desired {
  const { spec, metadata } = config;
  const identity = vault.is === 'open' ? vault.identity : null;
  const criSocket = spec.runtime.criSocket ?? DEFAULT_CRI_SOCKET;
  const { topology } = spec.etcd;
  const votes = topology === 'stacked' ? 'control-plane' : 'etcd';
  const members = spec.hosts.filter((h) => h.roles.includes(votes)).map((h) => memberOf(config, h.name, h.address));
  const nodes = nodesOf(config);
  const etcdClusterId = identity?.etcd.clusterId ?? null;
  const token = identity?.clusterToken ?? TOKEN_PLACEHOLDER;
  const machines = spec.hosts.map(({ name, address, roles }): DesiredMachine => {
    const [role] = roles;
    if (role === undefined) throw new Error(`${name} has no role`);
    const clusterUid = identity?.clusterUid ?? TOKEN_PLACEHOLDER;
    const founded = etcdClusterId === null ? {} : { etcdClusterId };
    return {
      id: hostId(name),
      address,
      role,
      record: { clusterUid, clusterName: metadata.name, host: name, ...founded },
    };
  });
  const hosts = new Map<HostId, DesiredHost>();
  for (const member of members) {
    if (topology === 'stacked') {
      // The first one is founded as an external member is; from then on kubeadm issues the certificates, and joins the others.
      const founding = kubeadmConfigOf(config, member, [member], token, 'founding', criSocket);
      const kubeadmConfig = { founding, running: stackedConfigOf(config, member, nodes, criSocket) };
      const certificates = identity !== null && isFounded(identity.etcd.phase) ? [] : leavesOf(config, member);
      hosts.set(member.host, { id: member.host, member, certificates, holdsCaKey: true, kubeadmConfig });
      continue;
    }
    hosts.set(member.host, {
      id: member.host,
      member,
      certificates: leavesOf(config, member),
      holdsCaKey: spec.pki.caKeyPlacement === 'first-host' && member === members[0],
      kubeadmConfig: {
        founding: kubeadmConfigOf(config, member, members, token, 'founding', criSocket),
        running: kubeadmConfigOf(config, member, members, token, 'running', criSocket),
      },
    });
  }
  return {
    config,
    cluster: {
      name: metadata.name,
      uid: identity?.clusterUid ?? null,
      token: identity?.clusterToken ?? null,
      phase: identity?.etcd.phase ?? 'new',
      etcdClusterId,
    },
    caCertificate: vault.is === 'absent' ? null : (vault.caCertificate ?? null),
    configuredCa,
    machines,
    nodes,
    endpoint: endpointOf(config),
    loadBalancer: loadBalancerOf(config, identity?.clusterUid ?? null),
    network: networkOf(config, software),
    clusterKeys: vault.is === 'open' ? vault.clusterKeys : new Map(),
    members,
    hosts,
    software,
    criSocket,
  };
}

function leavesOf({ spec }: ClusterConfig, { name, address }: Member): readonly CertificateSpec[] {
  return certificatesFor({ name, address }, { server: spec.etcd.serverCertSANs, peer: spec.etcd.peerCertSANs });
}

function memberOf(config: ClusterConfig, name: string, address: string): Member {
  return { host: hostId(name), name, address, ...memberUrls(address, config.spec.etcd.ports) };
}

/**
 * While the cluster is founded every member lists all members with state `new`. Afterwards each lists only itself with state
 * `existing`: a member with data ignores both; one whose data is gone cannot start, so that it can never vote with an empty log.
 * (With the full list it comes back under its old id after a leader change: tried with etcd 3.6.8.)
 */
function kubeadmConfigOf(
  config: ClusterConfig,
  member: Member,
  members: readonly Member[],
  token: string,
  phase: 'founding' | 'running',
  criSocket: string,
): string {
  const { etcd, pki, kubernetesVersion } = config.spec;
  const listed = phase === 'founding' ? members : [member];
  const metricsHost = member.address.includes(':') ? '[::1]' : '127.0.0.1';
  const extraArgs: NameValue[] = [
    { name: 'initial-cluster', value: listed.map((m) => `${m.name}=${m.peerUrl}`).join(',') },
    { name: 'initial-cluster-state', value: phase === 'founding' ? 'new' : 'existing' },
    { name: 'initial-cluster-token', value: token },
    { name: 'name', value: member.name },
    { name: 'listen-peer-urls', value: member.peerUrl },
    { name: 'listen-client-urls', value: member.clientUrl },
    { name: 'advertise-client-urls', value: member.clientUrl },
    { name: 'initial-advertise-peer-urls', value: member.peerUrl },
    ...(etcd.ports.metrics === 2381
      ? []
      : [{ name: 'listen-metrics-urls', value: `http://${metricsHost}:${etcd.ports.metrics}` }]),
    ...optional('quota-backend-bytes', etcd.quotaBackendBytes),
    ...timers(config, phase),
    ...etcd.extraArgs,
  ];
  return etcdKubeadmConfig({
    nodeName: member.name,
    advertiseAddress: member.address,
    criSocket,
    kubernetesVersion,
    encryptionAlgorithm: pki.algorithm === 'rsa-2048' ? 'RSA-2048' : 'ECDSA-P256',
    dataDir: etcd.dataDir,
    etcdImage: {
      ...(etcd.imageRepository === undefined ? {} : { repository: etcd.imageRepository }),
      ...(etcd.imageTag === undefined ? {} : { tag: etcd.imageTag }),
    },
    serverCertSANs: [member.address, ...etcd.serverCertSANs],
    peerCertSANs: [member.address, ...etcd.peerCertSANs],
    extraArgs,
  });
}

/**
 * With `init phase etcd local` kubeadm writes a manifest that lists the member alone, as it does for a first control plane; together with
 * state `existing` a member that has lost its data cannot start. (A joined one's own manifest lists all, with which it comes back empty.)
 */
function stackedConfigOf(config: ClusterConfig, member: Member, nodes: readonly Node[], criSocket: string): string {
  const node = nodes.find(({ host }) => host === member.host);
  if (node === undefined) throw new Error(`${member.host} is no control plane`);
  return kubeadmInitConfig({
    node: kubeadmNodeOf(config, node, criSocket),
    advertiseAddress: member.address,
    bindPort: config.spec.controlPlane?.apiServerPort ?? API_SERVER_PORT,
    cluster: withExistingEtcd(kubeadmClusterOf(config)),
    cgroupDriver: config.spec.runtime.cgroupDriver ?? 'systemd',
    kubelet: config.spec.kubelet,
    kubeProxy: config.spec.kubeProxy,
  });
}

/**
 * Nobody uses a cluster that is being founded, and its members wait for nothing but their first leader: half of etcd's own times, unless
 * somebody who knows the network has chosen others.
 */
function timers({ spec: { etcd } }: ClusterConfig, phase: 'founding' | 'running'): NameValue[] {
  const chosen = [
    ...optional('heartbeat-interval', etcd.heartbeatIntervalMs),
    ...optional('election-timeout', etcd.electionTimeoutMs),
  ];
  const names = new Set(['heartbeat-interval', 'election-timeout']);
  if (phase === 'running' || chosen.length > 0 || etcd.extraArgs.some((arg) => names.has(arg.name))) return chosen;
  return [...optional('heartbeat-interval', 50), ...optional('election-timeout', 500)];
}

function optional(name: string, value: number | undefined): NameValue[] {
  return value === undefined ? [] : [{ name, value: String(value) }];
}
