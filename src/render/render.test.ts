import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { aptSource } from './apt.ts';
import { containerdConfig } from './containerd-config.ts';
import { etcdKubeadmConfig } from './kubeadm-config.ts';
import { etcdKubeletConfig } from './kubelet-config.ts';
import { manifestCommand, manifestImage } from './manifest.ts';
import { containerdUnit, kubeletDropIn, kubeletUnit } from './systemd.ts';

const GOLDEN = join(import.meta.dirname, '__golden__');

const kubeadm = etcdKubeadmConfig({
  nodeName: 'etcd-0',
  advertiseAddress: 'fd00:77::10',
  criSocket: 'unix:///run/containerd/containerd.sock',
  kubernetesVersion: 'v1.36.3',
  encryptionAlgorithm: 'ECDSA-P256',
  dataDir: '/var/lib/etcd',
  imageRepository: 'mirror.example',
  etcdImage: { repository: 'mirror.example/etcd', tag: '3.6.8-0' },
  serverCertSANs: ['fd00:77::10', 'etcd.example'],
  peerCertSANs: ['fd00:77::10'],
  extraArgs: [
    { name: 'initial-cluster', value: 'etcd-0=https://[fd00:77::10]:2380' },
    { name: 'quota-backend-bytes', value: '4294967296' },
    { name: 'strange', value: "it's: a #value, yes" },
  ],
});

const kubelet = { cgroupDriver: 'systemd', criEndpoint: 'unix:///run/containerd/containerd.sock' } as const;

// UPDATE_GOLDEN=1 records them again.
describe('rendered files', () => {
  it.each([
    ['kubeadmcfg.yaml', kubeadm],
    [
      'kubelet.yaml',
      etcdKubeletConfig({
        ...kubelet,
        overrides: { failCgroupV1: false, authentication: { x509: { clientCAFile: '/ca' } } },
      }),
    ],
    ['kubelet.service', kubeletUnit('/usr/local/bin/kubelet')],
    ['99-etcd-service-manager.conf', kubeletDropIn('/usr/bin/kubelet', '/etc/keelson/kubelet.yaml')],
    ['containerd.service', containerdUnit('/usr/local/bin/containerd')],
    [
      'containerd.toml',
      containerdConfig({
        sandboxImage: 'registry.k8s.io/pause:3.10.2',
        runc: '/usr/local/sbin/runc',
        mayLowerOomScore: true,
      }),
    ],
    [
      'containerd-container.toml',
      containerdConfig({ sandboxImage: 'registry.k8s.io/pause:3.10.2', runc: 'runc', mayLowerOomScore: false }),
    ],
    ['keelson.sources', aptSource('https://pkgs.example/v1.36/deb/', '/etc/apt/keyrings/keelson.asc')],
  ])('%s', (name, text) => {
    const file = join(GOLDEN, `${name}.txt`);
    if (process.env.UPDATE_GOLDEN === '1') {
      mkdirSync(GOLDEN, { recursive: true });
      writeFileSync(file, text);
    }
    expect(text).toBe(readFileSync(file, 'utf8'));
  });
});

it('kubeadm’s configuration survives being read: values are text, whatever is in them', () => {
  const [init, cluster] = parseAllDocuments(kubeadm).map((d) => d.toJS() as Record<string, never>);
  expect(init).toMatchObject({ kind: 'InitConfiguration', localAPIEndpoint: { advertiseAddress: 'fd00:77::10' } });
  expect(cluster).toMatchObject({
    kubernetesVersion: 'v1.36.3',
    etcd: { local: { extraArgs: [{}, { value: '4294967296' }, { value: "it's: a #value, yes" }] } },
  });
});

it('what the user sets is merged deeply over our kubelet configuration', () => {
  const made = parse(
    etcdKubeletConfig({ ...kubelet, overrides: { maxPods: 5, authentication: { anonymous: { enabled: true } } } }),
  );
  expect(made).toMatchObject({
    maxPods: 5,
    address: '127.0.0.1',
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  });
});

it('reads a static pod’s command and image, and nothing from what is none', () => {
  const pod = 'spec:\n  containers:\n  - command: [etcd, --name=a]\n    image: etcd:1\n';
  expect([manifestCommand(pod), manifestImage(pod)]).toEqual([['etcd', '--name=a'], 'etcd:1']);
  for (const none of ['', 'a: [', 'kind: Pod\n', 'spec: {containers: [{command: text}]}']) {
    expect([manifestCommand(none), manifestImage(none)]).toEqual([[], null]);
  }
});

it('a kubelet configuration is rendered for each driver, socket and overrides', () => {
  const overrides = { failSwapOn: false };
  const first = etcdKubeletConfig({ ...kubelet, overrides });
  expect(etcdKubeletConfig({ ...kubelet, overrides })).toBe(first);
  expect(etcdKubeletConfig({ ...kubelet, cgroupDriver: 'cgroupfs', overrides })).toContain('cgroupDriver: cgroupfs');
  expect(etcdKubeletConfig({ ...kubelet, criEndpoint: 'unix:///x.sock', overrides })).toContain('unix:///x.sock');
  expect(etcdKubeletConfig({ ...kubelet, overrides: { failSwapOn: true } })).toContain('failSwapOn: true');
});
