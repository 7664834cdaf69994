import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { withEtcdArguments } from './cluster-configuration.ts';

// As kubeadm 1.36 stores it.
const stored = `apiServer: {}
apiVersion: kubeadm.k8s.io/v1beta4
certificateValidityPeriod: 8760h0m0s
clusterName: kubernetes
etcd:
  local:
    dataDir: /var/lib/etcd
    extraArgs:
    - name: initial-cluster-state
      value: new
    - name: quota-backend-bytes
      value: "4294967296"
    - name: initial-cluster-state
      value: newer
kind: ClusterConfiguration
kubernetesVersion: v1.36.3
networking:
  podSubnet: 10.244.0.0/16
proxy: {}
`;

const existing = [{ name: 'initial-cluster-state', value: 'existing' }];

it('replaces all of the same name and leaves everything else as it is', () => {
  const before = parse(stored);
  const after = parse(withEtcdArguments(stored, existing));
  expect(after.etcd.local.extraArgs).toEqual([{ name: 'quota-backend-bytes', value: '4294967296' }, ...existing]);
  expect({ ...after, etcd: null }).toEqual({ ...before, etcd: null });
  expect(after.etcd.local.dataDir).toBe('/var/lib/etcd');
});

it('adds them where there are none, and a second time changes nothing', () => {
  const once = withEtcdArguments('kind: ClusterConfiguration\netcd: {local: {dataDir: /d}}\n', existing);
  expect(parse(once)).toEqual({
    kind: 'ClusterConfiguration',
    etcd: { local: { dataDir: '/d', extraArgs: existing } },
  });
  expect(withEtcdArguments(once, existing)).toBe(once);
});

it('refuses what has no local etcd', () => {
  for (const text of ['', 'kind: ClusterConfiguration\netcd: {external: {}}\n', 'kind: Other\netcd: {local: {}}\n']) {
    expect(() => withEtcdArguments(text, existing)).toThrow('no ClusterConfiguration with a local etcd');
  }
});
