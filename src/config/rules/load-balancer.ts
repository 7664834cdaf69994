import { parseIp } from '../../model/ip.ts';
import { addressFamily, normalizeAddress, parseEndpoint } from '../address.ts';
import { valueOr } from '../draft.ts';
import { quote } from '../path.ts';
import { privateBlock } from '../prefix.ts';
import { defaults } from '../schema.ts';
import { hostsOf, hostsWith } from './hosts.ts';
import type { ConfigRule } from './types.ts';

const SECTION = ['spec', 'controlPlane', 'loadBalancer'];

/** Where the load balancer runs, which address it moves, and on which port it can listen. */
export const loadBalancer: ConfigRule = (draft) => {
  const section = draft.spec?.controlPlane?.loadBalancer;
  const own = hostsWith(draft, 'load-balancer');
  const onItsOwn = section?.kind === 'haproxy-keepalived' && section.hosts === 'load-balancer';
  if (own.length > 0 && !onItsOwn) {
    return own.map((host) => ({
      code: 'config.load-balancer',
      path: [...host.path, 'roles'],
      message: 'has the role load-balancer, and spec.controlPlane.loadBalancer does not use it',
      action: 'set kind: haproxy-keepalived and hosts: load-balancer there, or remove the machine',
    }));
  }
  if (section === undefined) return [];
  if (onItsOwn && own.length === 0) {
    const action = 'add machines with roles: [load-balancer], or set hosts: control-plane';
    return [
      {
        code: 'config.load-balancer',
        path: [...SECTION, 'hosts'],
        message: 'names machines that are not there',
        action,
      },
    ];
  }
  if (section.kind === 'kube-vip' && section.hosts === 'load-balancer') {
    const action = 'set hosts: control-plane, or kind: haproxy-keepalived';
    return [
      {
        code: 'config.load-balancer',
        path: [...SECTION, 'hosts'],
        message: 'cannot be with kube-vip, which runs on control planes',
        action,
      },
    ];
  }
  if (section.kind === 'external' && section.virtualIP !== undefined) {
    const action = 'remove it; the address of a load balancer of your own is the endpoint’s';
    return [
      {
        code: 'config.load-balancer',
        path: [...SECTION, 'virtualIP'],
        message: 'moves nowhere with kind: external',
        action,
      },
    ];
  }
  return [];
};

export const virtualIp: ConfigRule = (draft) => {
  const controlPlane = draft.spec?.controlPlane;
  const section = controlPlane?.loadBalancer;
  if (section === undefined || section.kind === undefined || section.kind === 'external') return [];
  const path = [...SECTION, 'virtualIP'];
  const at = (message: string, action: string) => [{ code: 'config.virtual-ip' as const, path, message, action }];
  if (!('virtualIP' in section)) {
    return [
      {
        code: 'config.virtual-ip',
        path: SECTION,
        message: `has no virtualIP, which ${section.kind} moves`,
        action: 'give an unused address of the machines’ subnet',
      },
    ];
  }
  const ip = section.virtualIP;
  if (ip === undefined) return [];
  const hosts = hostsOf(draft);
  const holder = hosts.find(
    (host) => host.address !== undefined && normalizeAddress(host.address) === normalizeAddress(ip),
  );
  if (holder !== undefined)
    return at(`${quote(ip)} is the address of ${holder.name ?? 'a machine'}`, 'give an address that no machine has');
  const role =
    section.kind === 'haproxy-keepalived' && section.hosts === 'load-balancer' ? section.hosts : 'control-plane';
  const carriers = hostsWith(draft, role).flatMap(({ address }) => (address === undefined ? [] : [address]));
  const [first] = carriers;
  if (first !== undefined && addressFamily(first) !== addressFamily(ip)) {
    return at(
      `${quote(ip)} is an ${addressFamily(ip)} address, and the machines have ${addressFamily(first)} ones`,
      'use one family for the whole cluster',
    );
  }
  const [block, own] = [first === undefined ? null : privateBlock(first), privateBlock(ip)];
  if (first !== undefined && block !== own) {
    return at(
      `${quote(ip)} is ${own === null ? 'no private address' : `in ${own}`}, and ${first} is ${block === null ? 'no private one' : `in ${block}`}`,
      'give an unused address of the machines’ subnet: it moves within one network segment',
    );
  }
  const endpoint = controlPlane?.endpoint === undefined ? null : parseEndpoint(controlPlane.endpoint);
  if (endpoint !== null && parseIp(endpoint.host) !== null && endpoint.host !== normalizeAddress(ip)) {
    return at(
      `${quote(ip)} is not the address of the endpoint, ${endpoint.host}`,
      'use one address for both, or a DNS name that leads to the virtual IP as endpoint',
    );
  }
  return [];
};

export const loadBalancerPort: ConfigRule = (draft) => {
  const controlPlane = draft.spec?.controlPlane;
  const section = controlPlane?.loadBalancer;
  const endpoint = controlPlane?.endpoint === undefined ? null : parseEndpoint(controlPlane.endpoint);
  if (section === undefined || endpoint === null) return [];
  const apiServer = valueOr(controlPlane, 'apiServerPort', defaults.ports.apiServer);
  if (apiServer === undefined) return [];
  // As kubeadm has it.
  const port = endpoint.port ?? apiServer;
  const path = ['spec', 'controlPlane', 'endpoint'];
  const shared = section.kind === 'haproxy-keepalived' && section.hosts !== 'load-balancer';
  if (shared && port === apiServer) {
    return [
      {
        code: 'config.load-balancer-port',
        path,
        message: `has port ${port}, on which the API server of the same machine listens`,
        action: 'choose another port for haproxy, such as 8443, or machines of its own with hosts: load-balancer',
      },
    ];
  }
  if (section.kind === 'kube-vip' && port !== apiServer) {
    return [
      {
        code: 'config.load-balancer-port',
        path,
        message: `has port ${port}, and kube-vip leads to the API servers’ own port, ${apiServer}`,
        action: `use port ${apiServer}`,
      },
    ];
  }
  return [];
};
