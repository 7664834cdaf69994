import { describe, expect, it } from 'vitest';
import { stackedConfig } from '../../test/checks/stacked.ts';
import { endpointOf, loadBalancerOf } from './load-balancer.ts';

const OWN_MACHINES = `    loadBalancer:
      kind: haproxy-keepalived
      hosts: load-balancer
      virtualIP: 10.77.0.100
      interface: bond0
      keepalived: { virtualRouterID: 7, priority: 200, advertInterval: 2, multicast: true, checkInterval: 3, fall: 4, rise: 5 }
    apiServerPort: 7443
`;

describe('haproxy and keepalived', () => {
  it('are on the control planes by default, the first with the highest priority', () => {
    expect(loadBalancerOf(stackedConfig(), 'uid-1')).toMatchObject({
      kind: 'haproxy-keepalived',
      hosts: [
        { host: 'cp-0', address: '10.77.0.20', priority: 100, controlPlane: true },
        { host: 'cp-1', address: '10.77.0.21', priority: 99, controlPlane: true },
        { host: 'cp-2', address: '10.77.0.22', priority: 98, controlPlane: true },
      ],
      port: 8443,
      apiServerPort: 6443,
      servers: [
        { name: 'cp-0', address: '10.77.0.20', port: 6443, draining: false },
        { name: 'cp-1', address: '10.77.0.21', port: 6443, draining: false },
        { name: 'cp-2', address: '10.77.0.22', port: 6443, draining: false },
      ],
      virtualIp: '10.77.0.100',
      interface: null,
      virtualRouterId: 51,
      advertSeconds: 1,
      check: { seconds: 1, fall: 2, rise: 2 },
      peers: 'unicast',
    });
  });

  it('may have machines of their own, and all settings are the configuration’s', () => {
    const hosts = `    - { name: lb-0, address: 10.77.0.40, roles: [load-balancer] }
    - { name: lb-1, address: 10.77.0.41, roles: [load-balancer] }`;
    const config = stackedConfig({ controlPlane: OWN_MACHINES, hosts, endpoint: '10.77.0.100' });
    expect(loadBalancerOf(config, 'uid-1')).toMatchObject({
      hosts: [
        { host: 'lb-0', priority: 200, controlPlane: false },
        { host: 'lb-1', priority: 199, controlPlane: false },
      ],
      // An endpoint without a port has that of the API servers.
      port: 7443,
      servers: [{ port: 7443 }, { port: 7443 }, { port: 7443 }],
      interface: 'bond0',
      virtualRouterId: 7,
      advertSeconds: 2,
      check: { seconds: 3, fall: 4, rise: 5 },
      peers: 'multicast',
    });
  });

  it('have a password of eight letters and digits that follows from the cluster', () => {
    const pass = (uid: string | null): string => {
      const balancer = loadBalancerOf(stackedConfig(), uid);
      return balancer?.kind === 'haproxy-keepalived' ? balancer.authPass : '';
    };
    expect(pass('uid-1')).toMatch(/^[0-9a-f]{8}$/);
    expect(pass('uid-1')).toBe(pass('uid-1'));
    expect(pass('uid-1')).not.toBe(pass('uid-2'));
    expect(pass(null)).toMatch(/^[a-z]{1,8}$/);
  });
});

describe('other kinds', () => {
  it('kube-vip is on every control plane and knows the API servers’ port alone', () => {
    const controlPlane = '    loadBalancer: { kind: kube-vip, virtualIP: 10.77.0.100 }\n';
    const config = stackedConfig({ controlPlane, endpoint: '10.77.0.100:6443' });
    expect(loadBalancerOf(config, 'uid-1')).toEqual({
      kind: 'kube-vip',
      hosts: ['cp-0', 'cp-1', 'cp-2'],
      image: 'ghcr.io/kube-vip/kube-vip:v1.0.1',
      virtualIp: '10.77.0.100',
      port: 6443,
      interface: null,
    });
    expect(endpointOf(config)).toEqual({ host: '10.77.0.100', port: 6443, by: 'kube-vip' });
  });

  it.each([
    [
      '    loadBalancer: { kind: external }\n',
      'api.example.com:443',
      { host: 'api.example.com', port: 443, by: 'user' },
    ],
    ['', 'api.example.com', { host: 'api.example.com', port: 6443, by: 'user' }],
  ])('the user’s own is nothing of keelson’s: %j', (controlPlane, endpoint, expected) => {
    const config = stackedConfig({ controlPlane, endpoint });
    expect(loadBalancerOf(config, 'uid-1')).toBeNull();
    expect(endpointOf(config)).toEqual(expected);
  });
});
