import { expect, it } from 'vitest';
import { labelsByWriter } from './node-labels.ts';

it.each([
  ['zone', 'kubelet'],
  ['example.com/tier', 'kubelet'],
  ['notkubernetes.io/tier', 'kubelet'],
  ['topology.kubernetes.io/zone', 'kubelet'],
  ['kubernetes.io/hostname', 'kubelet'],
  ['node.kubernetes.io/pool', 'kubelet'],
  ['a.node.kubernetes.io/pool', 'kubelet'],
  ['kubelet.kubernetes.io/pool', 'kubelet'],
  ['node-role.kubernetes.io/worker', 'administrator'],
  ['node-restriction.kubernetes.io/tenant', 'administrator'],
  ['kubernetes.io/role', 'administrator'],
  ['topology.kubernetes.io/rack', 'administrator'],
  ['k8s.io/x', 'administrator'],
  ['a.k8s.io/x', 'administrator'],
])('%s is set by the %s', (name, writer) => {
  const { kubelet, administrator } = labelsByWriter({ [name]: 'v' });
  expect(kubelet).toEqual(writer === 'kubelet' ? { [name]: 'v' } : {});
  expect(administrator).toEqual(writer === 'administrator' ? { [name]: 'v' } : {});
});

it('is in the order of names, so that the same labels are the same text', () => {
  expect(Object.keys(labelsByWriter({ b: '', a: '', 'a.b/c': '' }).kubelet)).toEqual(['a', 'a.b/c', 'b']);
});
