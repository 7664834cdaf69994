import { parseEndpoint } from '../config/address.ts';
import type { ClusterConfig } from '../config/schema.ts';
import { digestOf } from '../model/canonical-json.ts';
import { type HostId, hostId } from '../model/ids.ts';
import type { HaproxyServer } from '../render/haproxy.ts';
import { API_SERVER_PORT, controlPlaneEndpoint } from './kubeadm-cluster.ts';
import { type Node, nodesOf } from './nodes.ts';

/** A machine that may hold the virtual IP. */
export interface BalancerHost {
  host: HostId;
  name: string;
  address: string;
  /** The highest that is healthy holds the virtual IP. */
  priority: number;
  /** An API server listens there, too. */
  controlPlane: boolean;
}

/** haproxy leads to the API servers, keepalived moves the address. */
export interface HaproxyKeepalived {
  kind: 'haproxy-keepalived';
  /** In the order of their priorities. */
  hosts: readonly BalancerHost[];
  /** Where haproxy listens: of the endpoint. */
  port: number;
  apiServerPort: number;
  servers: readonly HaproxyServer[];
  virtualIp: string;
  /** null for the one that has the machine's address. */
  interface: string | null;
  virtualRouterId: number;
  advertSeconds: number;
  check: { seconds: number; fall: number; rise: number };
  peers: 'unicast' | 'multicast';
  authPass: string;
}

/** A static pod on every control plane moves the address, and nothing stands between it and the API server there. */
export interface KubeVip {
  kind: 'kube-vip';
  hosts: readonly HostId[];
  image: string;
  virtualIp: string;
  port: number;
  interface: string | null;
}

export type LoadBalancer = HaproxyKeepalived | KubeVip;

/** Where all machines and people reach the API servers, as the configuration names it. */
export interface Endpoint {
  /** Name or address, an IPv6 one without brackets. */
  host: string;
  port: number;
  /** Who leads from there to the API servers; `user` for what keelson does not make. */
  by: 'haproxy-keepalived' | 'kube-vip' | 'user';
}

/** null where there is none: the only control plane is reached by its own address. */
export function endpointOf(config: ClusterConfig): Endpoint | null {
  const { controlPlane } = config.spec;
  if (controlPlane?.endpoint === undefined) return null;
  const parsed = parseEndpoint(controlPlaneEndpoint(config));
  if (parsed === null) return null;
  const kind = controlPlane.loadBalancer?.kind ?? 'external';
  return { host: parsed.host, port: parsed.port ?? API_SERVER_PORT, by: kind === 'external' ? 'user' : kind };
}

/** What keelson makes; null where it makes none. `clusterUid` is null until the vault has one. */
export function loadBalancerOf(config: ClusterConfig, clusterUid: string | null): LoadBalancer | null {
  const { controlPlane } = config.spec;
  const section = controlPlane?.loadBalancer;
  if (controlPlane === undefined || section === undefined || section.kind === 'external') return null;
  const { virtualIP } = section;
  if (virtualIP === undefined) throw new Error(`a load balancer of kind ${section.kind} without a virtual IP`);
  const controlPlanes = nodesOf(config).filter((node) => node.role === 'control-plane');
  const { apiServerPort } = controlPlane;
  const common = { virtualIp: virtualIP, interface: section.interface ?? null };
  if (section.kind === 'kube-vip') {
    return {
      kind: 'kube-vip',
      ...common,
      hosts: controlPlanes.map(({ host }) => host),
      image: section.images.kubeVip,
      port: apiServerPort,
    };
  }
  const { keepalived } = section;
  return {
    kind: 'haproxy-keepalived',
    ...common,
    hosts: machinesOf(config, controlPlanes).map((machine, index) => ({
      ...machine,
      priority: keepalived.priority - index,
      controlPlane: section.hosts === 'control-plane',
    })),
    port: endpointOf(config)?.port ?? apiServerPort,
    apiServerPort,
    servers: controlPlanes.map(({ name, address }) => ({ name, address, port: apiServerPort, draining: false })),
    virtualRouterId: keepalived.virtualRouterID,
    advertSeconds: keepalived.advertInterval,
    check: { seconds: keepalived.checkInterval, fall: keepalived.fall, rise: keepalived.rise },
    peers: keepalived.multicast ? 'multicast' : 'unicast',
    authPass: authPassOf(clusterUid),
  };
}

function machinesOf(
  { spec }: ClusterConfig,
  controlPlanes: readonly Node[],
): readonly Pick<BalancerHost, 'host' | 'name' | 'address'>[] {
  if (spec.controlPlane?.loadBalancer?.hosts !== 'load-balancer')
    return controlPlanes.map(({ host, name, address }) => ({ host, name, address }));
  return spec.hosts
    .filter(({ roles }) => roles.includes('load-balancer'))
    .map(({ name, address }) => ({ host: hostId(name), name, address }));
}

/**
 * VRRP's password: eight characters, sent in clear in every advert. It is no secret and keeps nobody out; it keeps apart two clusters that
 * took the same virtual router id by accident. So it follows from the cluster's uid, and is kept nowhere.
 */
function authPassOf(clusterUid: string | null): string {
  if (clusterUid === null) return 'thisrun';
  return digestOf({ vrrp: clusterUid }).slice('sha256:'.length, 'sha256:'.length + 8);
}
