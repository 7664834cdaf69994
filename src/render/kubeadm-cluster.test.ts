import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { expectGolden } from '../../test/golden.ts';
import {
  type KubeadmCluster,
  type KubeadmInit,
  type KubeadmJoin,
  type KubeadmNode,
  kubeadmInitConfig,
  kubeadmJoinConfig,
} from './kubeadm-cluster.ts';

// test/contract/kubeadm-config.e2e.test.ts gives these goldens to the real kubeadm.

const node: KubeadmNode = {
  nodeName: 'cp-0',
  criSocket: 'unix:///run/containerd/containerd.sock',
  labels: {},
  kubeletExtraArgs: [],
  ignorePreflightErrors: [],
};

const plain = { extraArgs: [], extraVolumes: [] };

const cluster: KubeadmCluster = {
  kubernetesVersion: 'v1.36.3',
  controlPlaneEndpoint: '10.77.0.100:8443',
  encryptionAlgorithm: 'ECDSA-P256',
  certificateValiditySeconds: 31_536_000,
  caCertificateValiditySeconds: 315_360_000,
  featureGates: {},
  networking: { podSubnet: '10.244.0.0/16', serviceSubnet: '10.96.0.0/12', dnsDomain: 'cluster.local' },
  apiServer: { ...plain, certSANs: [] },
  controllerManager: plain,
  scheduler: plain,
  etcd: { is: 'local', dataDir: '/var/lib/etcd', image: {}, extraArgs: [], serverCertSANs: [], peerCertSANs: [] },
};

const init: KubeadmInit = {
  node,
  advertiseAddress: '10.77.0.20',
  bindPort: 6443,
  cluster,
  cgroupDriver: 'systemd',
  kubelet: {},
  kubeProxy: {},
};

const CERTIFICATE_KEY = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
const TOKEN = 'abcdef.0123456789abcdef';

/** Everything that can be said, in one file. */
const full: KubeadmInit = {
  ...init,
  node: {
    ...node,
    taints: [{ key: 'dedicated', value: 'control', effect: 'NoExecute' }],
    labels: { 'topology.kubernetes.io/zone': 'a', tier: 'front', 'node-role.kubernetes.io/infra': '' },
    kubeletExtraArgs: [{ name: 'node-ip', value: '10.77.0.20' }],
    ignorePreflightErrors: ['SystemVerification', 'NumCPU'],
    patchesDirectory: '/etc/keelson/patches',
  },
  certificateKey: CERTIFICATE_KEY,
  bootstrapToken: { token: TOKEN, ttlSeconds: 7200 },
  cluster: {
    ...cluster,
    imageRepository: 'mirror.example/k8s',
    featureGates: { NodeLocalCRISocket: true },
    networking: {
      podSubnet: '10.244.0.0/16,fd00:10:244::/56',
      serviceSubnet: '10.96.0.0/16,fd00:10:96::/112',
      dnsDomain: 'k.example',
    },
    apiServer: {
      certSANs: ['10.77.0.100', 'api.k.example'],
      extraArgs: [
        { name: 'tls-sni-cert-key', value: '/a.crt,/a.key' },
        { name: 'tls-sni-cert-key', value: '/b.crt,/b.key:b.example' },
        { name: 'audit-policy-file', value: '/etc/kubernetes/audit/policy.yaml' },
        { name: 'goaway-chance', value: '0.001' },
      ],
      extraVolumes: [
        {
          name: 'audit',
          hostPath: '/etc/kubernetes/audit',
          mountPath: '/etc/kubernetes/audit',
          readOnly: true,
          pathType: 'Directory',
        },
      ],
    },
    controllerManager: { extraArgs: [{ name: 'node-monitor-grace-period', value: '20s' }], extraVolumes: [] },
    scheduler: { extraArgs: [{ name: 'v', value: '3' }], extraVolumes: [] },
    etcd: {
      is: 'local',
      dataDir: '/srv/etcd',
      image: { repository: 'mirror.example/own', tag: '3.6.8-0' },
      extraArgs: [
        { name: 'initial-cluster-state', value: 'existing' },
        { name: 'quota-backend-bytes', value: '4294967296' },
      ],
      serverCertSANs: ['etcd.k.example'],
      peerCertSANs: ['10.77.1.20'],
    },
  },
  kubelet: { failSwapOn: false, failCgroupV1: false, authentication: { anonymous: { enabled: false } } },
  kubeProxy: { conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' } },
};

const external: KubeadmInit = {
  ...init,
  advertiseAddress: 'fd00:77::20',
  cluster: {
    ...cluster,
    controlPlaneEndpoint: 'api.k.example:6443',
    encryptionAlgorithm: 'RSA-2048',
    networking: { podSubnet: 'fd00:10:244::/56', serviceSubnet: 'fd00:10:96::/112', dnsDomain: 'cluster.local' },
    etcd: {
      is: 'external',
      endpoints: ['https://[fd00:77::10]:2379', 'https://[fd00:77::11]:2379', 'https://[fd00:77::12]:2379'],
      caFile: '/etc/kubernetes/pki/etcd/ca.crt',
      certFile: '/etc/kubernetes/pki/apiserver-etcd-client.crt',
      keyFile: '/etc/kubernetes/pki/apiserver-etcd-client.key',
    },
  },
};

const worker: KubeadmJoin = {
  node: { ...node, nodeName: 'worker-0', labels: { zone: 'a' }, taints: [] },
  endpoint: '10.77.0.100:8443',
  token: TOKEN,
  caCertHashes: [`sha256:${'ab'.repeat(32)}`],
};

const controlPlane: KubeadmJoin = {
  ...worker,
  node: { ...full.node, nodeName: 'cp-1' },
  controlPlane: { advertiseAddress: '10.77.0.21', bindPort: 6443, certificateKey: CERTIFICATE_KEY },
};

describe('rendered files', () => {
  it.each([
    ['kubeadm-init.yaml', kubeadmInitConfig(init)],
    ['kubeadm-init-full.yaml', kubeadmInitConfig(full)],
    ['kubeadm-init-external-ipv6.yaml', kubeadmInitConfig(external)],
    ['kubeadm-join-worker.yaml', kubeadmJoinConfig(worker)],
    ['kubeadm-join-control-plane.yaml', kubeadmJoinConfig(controlPlane)],
  ])('%s', (name, text) => expectGolden(import.meta.dirname, name, text));
});

type Fields = Record<string, never>;

function read(text: string): Record<string, Fields> {
  const all = parseAllDocuments(text).map((one) => one.toJS() as { kind: string });
  return Object.fromEntries(all.map((one) => [one.kind, one as unknown as Fields]));
}

it('is one document of each kind', () => {
  expect(Object.keys(read(kubeadmInitConfig(init)))).toEqual([
    'InitConfiguration',
    'ClusterConfiguration',
    'KubeletConfiguration',
    'KubeProxyConfiguration',
  ]);
  expect(Object.keys(read(kubeadmJoinConfig(worker)))).toEqual(['JoinConfiguration']);
});

it('tells no taints from an empty list of them', () => {
  const registration = (taints?: KubeadmNode['taints']) =>
    read(kubeadmJoinConfig({ ...worker, node: { ...node, ...(taints === undefined ? {} : { taints }) } }))
      .JoinConfiguration?.nodeRegistration;
  expect(registration()).not.toHaveProperty('taints');
  expect(registration([])).toHaveProperty('taints', []);
});

it('gives the kubelet only labels that it may set', () => {
  const { JoinConfiguration } = read(kubeadmJoinConfig(controlPlane));
  expect(JoinConfiguration?.nodeRegistration).toMatchObject({
    kubeletExtraArgs: [
      { name: 'node-labels', value: 'tier=front,topology.kubernetes.io/zone=a' },
      { name: 'node-ip', value: '10.77.0.20' },
    ],
  });
  const roleAlone = { ...node, labels: { 'node-role.kubernetes.io/infra': '' } };
  expect(kubeadmJoinConfig({ ...worker, node: roleAlone })).not.toContain('node-labels');
});

it('keeps the order of arguments, and those that stand twice', () => {
  const { ClusterConfiguration } = read(kubeadmInitConfig(full));
  expect(ClusterConfiguration).toMatchObject({ apiServer: { extraArgs: full.cluster.apiServer.extraArgs } });
});

it('holds a key or a token only when it is given one', () => {
  const secrets = /certificateKey|bootstrapTokens|token:/;
  expect(kubeadmInitConfig(init)).not.toMatch(secrets);
  expect(read(kubeadmInitConfig(full)).InitConfiguration).toMatchObject({
    certificateKey: CERTIFICATE_KEY,
    bootstrapTokens: [{ token: TOKEN, ttl: '7200s' }],
  });
  const byHand = { ...controlPlane, controlPlane: { advertiseAddress: '10.77.0.21', bindPort: 6443 } };
  expect(kubeadmJoinConfig(byHand)).not.toContain('certificateKey');
});

it('has either kind of etcd and nothing of the other', () => {
  expect(read(kubeadmInitConfig(init)).ClusterConfiguration?.etcd).toEqual({ local: { dataDir: '/var/lib/etcd' } });
  expect(Object.keys(read(kubeadmInitConfig(external)).ClusterConfiguration?.etcd ?? {})).toEqual(['external']);
});

it('what the user sets is merged over our kubelet configuration', () => {
  const driver = { ...init, kubelet: { cgroupDriver: 'cgroupfs', maxPods: 5 } };
  expect(read(kubeadmInitConfig(driver)).KubeletConfiguration).toMatchObject({ cgroupDriver: 'cgroupfs', maxPods: 5 });
  expect(read(kubeadmInitConfig(init)).KubeletConfiguration).toMatchObject({ cgroupDriver: 'systemd' });
});
