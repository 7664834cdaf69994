import { describe, expect, it } from 'vitest';
import { known, openVault } from '../../test/checks/scene.ts';
import { stackedConfig } from '../../test/checks/stacked.ts';
import { desire } from '../desired/desire.ts';
import { OPERATOR } from '../model/ids.ts';
import type { View } from '../steps/types.ts';
import { applyCandidates } from './candidates.ts';

interface Shape {
  phase?: 'founding' | 'handed-over';
  controlPlane?: string;
  endpoint?: string;
  hosts?: string;
}

function needsOf({ phase = 'founding', ...config }: Shape): Map<string, readonly string[]> {
  const vault = openVault(phase);
  const view: View = {
    desired: desire(stackedConfig({ source: 'preinstalled', ...config }), vault, { source: 'preinstalled' }),
    facts: {
      hosts: new Map(),
      etcd: known({ endpoints: new Map() }),
      kube: known({ servers: new Map(), cluster: null }),
      vault: known(vault),
    },
  };
  return new Map(applyCandidates(view).map(({ key, needs }) => [key, needs]));
}

/** Everything that comes before a step, however far. */
function comesBefore(needs: ReadonlyMap<string, readonly string[]>, key: string): Set<string> {
  const own = needs.get(key) ?? [];
  return new Set(own.flatMap((need) => [need, ...comesBefore(needs, need)]));
}

const BALANCERS = ['load-balancer@cp-0', 'load-balancer@cp-1', 'load-balancer@cp-2'];

describe('haproxy and keepalived', () => {
  it('are on all machines before init, side by side, and the endpoint is seen before and after it', () => {
    const needs = needsOf({});
    for (const key of BALANCERS) expect(needs.get(key)).toEqual([`host-record-claim@${key.slice(-4)}`]);
    expect([...comesBefore(needs, 'kubeadm-init@cp-0')]).toEqual(
      expect.arrayContaining([...BALANCERS, 'control-plane-endpoint-open@cp-0']),
    );
    expect(needs.get('control-plane-endpoint-answers@cp-0')).toContain('kubeadm-init@cp-0');
    expect(needs.get('control-plane-join@cp-1')).toContain('control-plane-endpoint-answers@cp-0');
  });

  it('are changed one after the other once there is a cluster', () => {
    const needs = needsOf({ phase: 'handed-over' });
    expect(needs.get('load-balancer@cp-2')).toContain('load-balancer@cp-1');
  });

  it('may have machines of their own, which are claimed and get nothing of Kubernetes', () => {
    const needs = needsOf({
      controlPlane: '    loadBalancer: { kind: haproxy-keepalived, hosts: load-balancer, virtualIP: 10.77.0.100 }\n',
      hosts: '    - { name: lb-0, address: 10.77.0.40, roles: [load-balancer] }',
    });
    expect([...needs.keys()].filter((key) => key.endsWith('@lb-0'))).toEqual([
      'host-record-claim@lb-0',
      'load-balancer@lb-0',
    ]);
    expect(comesBefore(needs, 'kubeadm-init@cp-0').has('load-balancer@lb-0')).toBe(true);
  });
});

it('kube-vip begins with super-admin.conf where the cluster begins, and is on every control plane in the end', () => {
  const needs = needsOf({
    controlPlane: '    loadBalancer: { kind: kube-vip, virtualIP: 10.77.0.100 }\n',
    endpoint: '10.77.0.100:6443',
  });
  expect(comesBefore(needs, 'kubeadm-init@cp-0').has('kube-vip-init@cp-0')).toBe(true);
  expect(needs.has('control-plane-endpoint-open@cp-0')).toBe(false);
  expect(needs.get('kube-vip@cp-0')).toContain('kubeadm-init@cp-0');
  expect(needs.get('kube-vip@cp-1')).toEqual(['control-plane-join@cp-1']);
  expect(needs.get(`nodes-ready@${OPERATOR}`)).toEqual(expect.arrayContaining(['kube-vip@cp-1', 'kube-vip@cp-2']));
});

it('a load balancer of the user’s is seen, and nothing is placed for it', () => {
  const needs = needsOf({ controlPlane: '    loadBalancer: { kind: external }\n' });
  expect([...needs.keys()].filter((key) => key.startsWith('load-balancer'))).toEqual([]);
  expect(comesBefore(needs, 'kubeadm-init@cp-0').has('control-plane-endpoint-open@cp-0')).toBe(true);
});
