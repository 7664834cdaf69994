import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { expectGolden } from '../../test/golden.ts';
import { type FlannelConfig, flannelObjects } from './flannel.ts';

const config: FlannelConfig = {
  image: 'docker.io/flannel/flannel:v0.26.7',
  cniPlugin: { from: 'machine' },
  podSubnets: ['10.244.0.0/16'],
};

const withImage: FlannelConfig = {
  ...config,
  cniPlugin: { from: 'image', image: 'docker.io/flannel/flannel-cni-plugin:v1.6.2-flannel1' },
  podSubnets: ['10.244.0.0/16', 'fd00:10:244::/56'],
  interface: 'eth1',
};

interface Container {
  name: string;
  image: string;
  args: string[];
  volumeMounts: { name: string }[];
}

interface Pod {
  initContainers: Container[];
  containers: Container[];
  volumes: { name: string; configMap?: { name: string } }[];
  serviceAccountName: string;
  tolerations: unknown[];
}

function object(kind: string, from: FlannelConfig = config) {
  const found = flannelObjects(from).find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
}

function pod(from: FlannelConfig = config): Pod {
  return (object('DaemonSet', from).spec as { template: { spec: Pod } }).template.spec;
}

function network(podSubnets: readonly string[]): unknown {
  const data = object('ConfigMap', { ...config, podSubnets }).data as Record<string, string>;
  return JSON.parse(data['net-conf.json'] ?? '');
}

describe('rendered objects', () => {
  it.each([
    ['flannel.yaml', config],
    ['flannel-plugin-image.yaml', withImage],
  ])('%s', (name, from) => {
    // What stands twice is written twice, as a person would.
    const text = flannelObjects(from).map((one) => stringify(one, { lineWidth: 0, aliasDuplicateObjects: false }));
    expectGolden(import.meta.dirname, name, text.join('---\n'));
  });
});

it('comes in an order that can be applied: what is referred to first', () => {
  expect(flannelObjects(config).map((one) => one.kind)).toEqual([
    'Namespace',
    'ServiceAccount',
    'ClusterRole',
    'ClusterRoleBinding',
    'ConfigMap',
    'DaemonSet',
  ]);
});

it('refers to nothing but what it brings', () => {
  for (const from of [config, withImage]) {
    const { volumes, initContainers, containers, serviceAccountName } = pod(from);
    const mounted = [...initContainers, ...containers].flatMap((one) => one.volumeMounts.map((mount) => mount.name));
    expect(new Set(mounted)).toEqual(new Set(volumes.map((volume) => volume.name)));
    expect(serviceAccountName).toBe(object('ServiceAccount').metadata.name);
    expect(volumes.find((volume) => volume.configMap !== undefined)?.configMap?.name).toBe(
      object('ConfigMap').metadata.name,
    );
    const namespaces = flannelObjects(from).map((one) => one.metadata.namespace ?? object('Namespace').metadata.name);
    expect(new Set(namespaces)).toEqual(new Set(['kube-flannel']));
  }
});

it('says the pod subnets of each family in flannel’s words', () => {
  const Backend = { Type: 'vxlan' };
  expect(network(['10.244.0.0/16'])).toEqual({ Network: '10.244.0.0/16', Backend });
  expect(network(['fd00:10:244::/56'])).toEqual({
    EnableIPv4: false,
    EnableIPv6: true,
    IPv6Network: 'fd00:10:244::/56',
    Backend,
  });
  expect(network(['fd00:10:244::/56', '10.244.0.0/16'])).toEqual({
    Network: '10.244.0.0/16',
    EnableIPv6: true,
    IPv6Network: 'fd00:10:244::/56',
    Backend,
  });
  expect(() => network([])).toThrow('one pod subnet of each family');
  expect(() => network(['10.1.0.0/16', '10.2.0.0/16'])).toThrow('"10.1.0.0/16,10.2.0.0/16"');
});

it('installs the plug-in from an image only when told to, and before the file that makes the machine ready', () => {
  expect(pod().initContainers.map((one) => [one.name, one.image])).toEqual([['install-cni', config.image]]);
  expect(pod(withImage).initContainers.map((one) => [one.name, one.image])).toEqual([
    ['install-cni-plugin', 'docker.io/flannel/flannel-cni-plugin:v1.6.2-flannel1'],
    ['install-cni', config.image],
  ]);
  expect(JSON.stringify(pod())).not.toContain('/opt/cni/bin');
});

it('runs on machines that are not ready, whatever their taints, on the interface that it is told', () => {
  expect(pod().tolerations).toEqual([{ operator: 'Exists' }]);
  expect(pod().containers[0]?.args).toEqual(['--ip-masq', '--kube-subnet-mgr']);
  expect(pod(withImage).containers[0]?.args).toContain('--iface=eth1');
});
