import { nodeProbe } from '../../src/facts/node.ts';
import { hostId } from '../../src/model/ids.ts';
import { applySysctls, kubeadm, nodeState } from '../../src/ports/commands/kubeadm.ts';
import { kubeadmInitConfig, kubeadmJoinConfig } from '../../src/render/kubeadm-cluster.ts';
import type { ContractCase } from './handler-cases.ts';
import type { ContractSubject } from './handler-subject.ts';

const KUBERNETES = '/etc/kubernetes';
const API_SERVER = `${KUBERNETES}/manifests/kube-apiserver.yaml`;
/** What a node has, and a bare machine has not. */
const LEFT = [
  `${KUBERNETES}/admin.conf`,
  `${KUBERNETES}/super-admin.conf`,
  `${KUBERNETES}/kubelet.conf`,
  `${KUBERNETES}/bootstrap-kubelet.conf`,
  `${KUBERNETES}/pki/ca.crt`,
  `${KUBERNETES}/manifests/etcd.yaml`,
  API_SERVER,
  '/var/lib/kubelet/config.yaml',
  '/var/lib/etcd/left',
];
const SYSCTLS = ['net.ipv4.ip_forward', 'no.such.setting'];

async function bare(s: ContractSubject): Promise<void> {
  // It would listen on a port that is looked at, and make pods of what lies in its folder.
  await s.systemctl('stop', 'kubelet.service');
  for (const path of LEFT) await s.remove(path);
}

async function state(s: ContractSubject): Promise<unknown> {
  const fact = nodeProbe.parse(
    [await s.run(nodeState(SYSCTLS))],
    // Of what is wanted the parser needs nothing.
    {} as Parameters<typeof nodeProbe.parse>[1],
    hostId('etcd-0'),
    { sentAt: 0, receivedAt: 0 },
  );
  // Whether the kernel forwards is the machine's own affair, until it is set.
  return fact === null ? null : { ...fact, sysctls: [...fact.sysctls.keys()] };
}

/** Of kubeadm's checks those that look at what a run leaves; the others look at the machine. */
async function failedChecks(s: ContractSubject, verb: 'init' | 'join', config: string): Promise<unknown> {
  const { exitCode, stdout } = await s.run(kubeadm(verb, config));
  const names = [...stdout.matchAll(/\[ERROR ([^\]\s]+)\]/g)].map(([, name = '']) => name);
  return [exitCode, names.filter((name) => /^(?:FileAvailable|DirAvailable|Port)-/.test(name)).sort()];
}

const node = (ignorePreflightErrors: readonly string[]) => ({
  nodeName: 'etcd-0',
  criSocket: 'unix:///run/containerd/containerd.sock',
  labels: {},
  kubeletExtraArgs: [],
  ignorePreflightErrors,
});

const initConfig = (address: string, ignored: readonly string[]): string =>
  kubeadmInitConfig({
    node: node(ignored),
    advertiseAddress: address,
    bindPort: 6443,
    cluster: {
      kubernetesVersion: 'v1.36.3',
      controlPlaneEndpoint: `${address}:6443`,
      encryptionAlgorithm: 'ECDSA-P256',
      certificateValiditySeconds: 31_536_000,
      caCertificateValiditySeconds: 315_360_000,
      featureGates: {},
      networking: { podSubnet: '10.244.0.0/16', serviceSubnet: '10.96.0.0/12', dnsDomain: 'cluster.local' },
      apiServer: { extraArgs: [], extraVolumes: [], certSANs: [] },
      controllerManager: { extraArgs: [], extraVolumes: [] },
      scheduler: { extraArgs: [], extraVolumes: [] },
      etcd: { is: 'local', dataDir: '/var/lib/etcd', image: {}, extraArgs: [], serverCertSANs: [], peerCertSANs: [] },
    },
    cgroupDriver: 'systemd',
    kubelet: {},
    kubeProxy: {},
  });

const joinConfig = (address: string, ignored: readonly string[]): string =>
  kubeadmJoinConfig({
    node: node(ignored),
    endpoint: `${address}:6443`,
    token: 'abcdef.0123456789abcdef',
    caCertHashes: [`sha256:${'ab'.repeat(32)}`],
  });

/** Commands that a node needs, held to a machine that is none. */
export const nodeCases = {
  'node-state': {
    play: async (s) => {
      await bare(s);
      const before = await state(s);
      const authority = Buffer.from('an authority\n').toString('base64');
      await s.write(`${KUBERNETES}/admin.conf`, 'apiVersion: v1\n', '600');
      await s.write(`${KUBERNETES}/super-admin.conf`, 'apiVersion: v1\n', '600');
      await s.write(
        `${KUBERNETES}/kubelet.conf`,
        `clusters:\n- cluster:\n    certificate-authority-data: ${authority}\n`,
      );
      await s.write(API_SERVER, '# reads super-admin.conf\n', '600');
      await s.write(`${KUBERNETES}/manifests/etcd.yaml`, '# no pod\n', '600');
      await s.write(`${KUBERNETES}/manifests/.kubelet-keep`, '');
      await s.write('/var/lib/kubelet/config.yaml', 'kind: KubeletConfiguration\n');
      const after = await state(s);
      await bare(s);
      return [before, after, await state(s)];
    },
  },
  'apply-sysctls': {
    play: async (s) => {
      const pairs = [
        ['net.ipv4.ip_forward', '1'],
        ['no.such.setting', '1'],
      ] as const;
      const { exitCode } = await s.run(applySysctls(['no_such_module'], pairs));
      return [exitCode, (await s.run(nodeState(SYSCTLS))).stdout.split('\n').filter((l) => l.startsWith('sysctl='))];
    },
  },
  kubeadm: {
    play: async (s) => {
      await bare(s);
      const refused = (await s.run(kubeadm('join', 'kind: Nonsense\n'))).exitCode !== 0;
      await s.write(API_SERVER, '# no pod\n', '600');
      const seen = [await failedChecks(s, 'init', initConfig(s.address, []))];
      for (const path of LEFT) await s.write(path, '# left behind\n', '600');
      seen.push(await failedChecks(s, 'init', initConfig(s.address, [])));
      // By name, however it is written; one is left, so that kubeadm never begins.
      const ignored = ['fileavailable--etc-kubernetes-manifests-KUBE-APISERVER.yaml', 'DirAvailable--var-lib-etcd'];
      seen.push(await failedChecks(s, 'init', initConfig(s.address, ignored)));
      seen.push(await failedChecks(s, 'join', joinConfig(s.address, [])));
      seen.push(
        await failedChecks(s, 'join', joinConfig(s.address, ['FileAvailable--etc-kubernetes-bootstrap-kubelet.conf'])),
      );
      await bare(s);
      return [refused, seen];
    },
  },
} satisfies Record<string, ContractCase>;
