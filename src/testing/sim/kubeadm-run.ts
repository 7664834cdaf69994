import { publicKeySha256 } from '../../model/x509.ts';
import type { CommandResult } from '../../ports/host.ts';
import { args, type Command, fail, type HandlerWorld, ok, stdin } from './handler.ts';
import { KUBERNETES_CA, tokenLives } from './kube.ts';
import { type ClusterDocument, type KubeadmConfig, readKubeadmConfig } from './kubeadm-config.ts';
import { clusterInfo, madeByInit, tokenSecret } from './kubeadm-objects.ts';
import {
  authorities,
  clusterConfigurationIn,
  componentManifest,
  download,
  etcdManifest,
  hostOf,
  isReady,
  kubeconfigs,
  kubeletConfigurationIn,
  leaves,
  mark,
  nameOf,
  PKI,
  type Place,
  put,
  registered,
  shared,
  startKubelet,
} from './kubeadm-phases.ts';
import {
  commonChecks,
  controlPlaneChecks,
  type FailedCheck,
  joinChecks,
  MANIFESTS,
  preflightText,
  withoutIgnored,
} from './kubeadm-preflight.ts';
import { BOOTSTRAP, KUBECONFIG, kubeconfigText } from './kubelet.ts';
import type { SimMachine } from './machine.ts';

/** A kubeadm at work: each value that it yields is how many milliseconds pass until it goes on. A power cut ends it there. */
export type Kubeadm = Generator<number, CommandResult>;

const COMPONENTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
const WAIT_MS = 4 * 60_000;
const POLL_MS = 500;

/** `kubeadm` as the builder calls it: its arguments, and a configuration from stdin. */
export function* runKubeadm(m: SimMachine, command: Command, world: HandlerWorld): Kubeadm {
  const [verb = '', what] = args(command);
  if (m.program('kubeadm') === null) return said(127, 'sh: kubeadm: not found');
  const { config } = readKubeadmConfig(stdin(command));
  if (config === null) return said(1, 'error: no kind of that name is registered');
  const at = { m, world };
  yield 300;
  if (verb === 'join') return yield* join(at, config);
  return yield* what === 'phase' ? uploadCerts(at, config) : init(at, config);
}

function* init(at: Place, config: KubeadmConfig): Kubeadm {
  const { m, world } = at;
  const own = config.of('InitConfiguration');
  const cluster = config.of('ClusterConfiguration');
  if (own === undefined || cluster === undefined) return said(1, 'error: no InitConfiguration or ClusterConfiguration');
  const registration = own.nodeRegistration ?? {};
  const { advertiseAddress = m.address, bindPort = 6443 } = own.localAPIEndpoint ?? {};
  const server = `${hostOf(advertiseAddress)}:${bindPort}`;
  const failed = withoutIgnored(
    [...controlPlaneChecks(m, world, cluster, bindPort), ...commonChecks(m, world)],
    registration,
  );
  if (failed.length > 0) return preflight(failed);

  yield 500;
  authorities(at, cluster);
  yield 300;
  leaves(at, cluster);
  yield 300;
  kubeconfigs(at, nameOf(at, registration), server, true);
  if (cluster.etcd?.external === undefined) {
    put(at, `${MANIFESTS}/etcd.yaml`, etcdManifest(cluster, nameOf(at, registration), advertiseAddress));
    yield 200;
  }
  for (const name of COMPONENTS) {
    yield 100;
    put(at, `${MANIFESTS}/${name}.yaml`, componentManifest(name, cluster));
  }
  yield 200;
  startKubelet(at, config.text('KubeletConfiguration'), registration, false);

  const store = yield* until(() => world.kube.reach(m, server));
  if (store === null)
    return said(
      1,
      'error: error execution phase wait-control-plane: failed while waiting for the control plane to start',
    );
  for (const object of madeByInit(config, at.m, world.wallMs(), server)) {
    yield 150;
    if (object.kind === 'Node') yield* until(() => (registered(store, object.metadata.name) ? true : null));
    // The server that answered a moment ago may be gone, and its etcd with it.
    if (world.kube.reach(m, server) !== store)
      return said(1, `error: could not create ${object.kind} ${object.metadata.name}`);
    if (object.kind === 'Node') mark(store, object.metadata.name, registration);
    else store.put(object, 'kubeadm');
  }
  yield 300;
  return ok('Your Kubernetes control-plane has initialized successfully!\n');
}

function* join(at: Place, config: KubeadmConfig): Kubeadm {
  const { m, world } = at;
  const own = config.of('JoinConfiguration');
  const discovery = own?.discovery?.bootstrapToken;
  if (own === undefined || discovery === undefined)
    return said(1, 'error: no JoinConfiguration with a bootstrap token');
  const registration = own.nodeRegistration ?? {};
  const { controlPlane } = own;
  const endpoint = discovery.apiServerEndpoint ?? '';
  const token = discovery.token ?? '';
  const failed = withoutIgnored(joinChecks(m, world, controlPlane !== undefined), registration);
  if (failed.length > 0) return preflight(failed);

  const found = yield* until(() => {
    const store = world.kube.reach(m, endpoint);
    return store !== null && tokenLives(store, token) ? store : null;
  });
  if (found === null)
    return said(1, `error: couldn't validate the identity of the API Server: no answer for the token from ${endpoint}`);
  const ca = clusterInfo(found);
  const hash = `sha256:${publicKeySha256(ca ?? '')}`;
  if (ca === null || !(discovery.caCertHashes ?? []).includes(hash))
    return said(
      1,
      `error: couldn't validate the identity of the API Server: none of the public keys "${hash}" are pinned`,
    );
  const cluster = clusterConfigurationIn(found);
  const kubelet = kubeletConfigurationIn(found);
  if (cluster === null || kubelet === undefined) return said(1, 'error: failed to get the config map kubeadm-config');
  const name = nameOf(at, registration);

  if (controlPlane !== undefined) {
    if (cluster.controlPlaneEndpoint === undefined)
      return said(1, 'error: a cluster without a stable controlPlaneEndpoint address takes no further control plane');
    const more = withoutIgnored(
      controlPlaneChecks(m, world, cluster, controlPlane.localAPIEndpoint?.bindPort),
      registration,
    );
    if (more.length > 0) return preflight(more);
    yield 200;
    if (controlPlane.certificateKey !== undefined && !download(at, found, controlPlane.certificateKey))
      return said(
        1,
        'error: error execution phase control-plane-prepare/download-certs: secret "kubeadm-certs" not found',
      );
    const lacking = shared(cluster).filter((file) => !m.files.has(`${PKI}/${file}`));
    if (lacking.length > 0) return said(1, `error: failure loading certificate: ${lacking.join(', ')}`);
    yield 300;
    leaves(at, cluster);
    kubeconfigs(at, name, endpoint, false);
    for (const component of COMPONENTS) {
      yield 100;
      put(at, `${MANIFESTS}/${component}.yaml`, componentManifest(component, cluster));
    }
  }

  const node = found.find({ apiVersion: 'v1', kind: 'Node', name });
  if (node !== undefined && isReady(node))
    return said(1, `error: a Node with name "${name}" and status "Ready" already exists in the cluster`);
  const { advertiseAddress = m.address, bindPort = 6443 } = controlPlane?.localAPIEndpoint ?? {};
  const server = controlPlane === undefined ? endpoint : `${hostOf(advertiseAddress)}:${bindPort}`;
  yield 100;
  put(at, BOOTSTRAP, kubeconfigText('tls-bootstrap-token-user', server, ca, token));
  yield 100;
  if (!m.files.has(KUBERNETES_CA)) put(at, KUBERNETES_CA, ca, '644');
  yield 100;
  startKubelet(at, kubelet, registration, controlPlane === undefined);

  if (controlPlane !== undefined && cluster.etcd?.external === undefined) {
    const problem = yield* joinEtcd(at, cluster, name, advertiseAddress);
    if (problem !== null) return said(1, `error: error execution phase etcd-join: ${problem}`);
  }
  const there = yield* until(() => {
    const store = world.kube.reach(m, server);
    return m.files.has(KUBECONFIG) && store !== null && registered(store, name) ? store : null;
  });
  if (there === null)
    return said(1, 'error: error execution phase kubelet-wait-bootstrap: timed out waiting for the condition');
  m.remove(BOOTSTRAP);
  if (controlPlane !== undefined) {
    yield 400;
    if (world.kube.reach(m, server) !== there)
      return said(1, 'error: error execution phase control-plane-join/mark-control-plane');
    mark(there, name, registration);
  }
  yield 400;
  return ok('This node has joined the cluster.\n');
}

function* uploadCerts(at: Place, config: KubeadmConfig): Kubeadm {
  const { m, world } = at;
  const own = config.of('InitConfiguration');
  if (own?.certificateKey === undefined) return said(1, 'error: no certificate key');
  yield 300;
  const store = world.kube.reach(m, `${hostOf(own.localAPIEndpoint?.advertiseAddress ?? m.address)}:6443`);
  if (store === null) return said(1, 'error: error execution phase upload-certs: the API server does not answer');
  store.put(tokenSecret('upload.certs0000000000', world.wallMs() + 2 * 3_600_000, ''), 'kubeadm');
  return ok('');
}

/** A learner first, then, once it has the log, a voter. null when all is well. */
function* joinEtcd(
  at: Place,
  cluster: ClusterDocument,
  name: string,
  address: string,
): Generator<number, string | null> {
  const { m, world } = at;
  const peerUrl = `https://${hostOf(address)}:2380`;
  yield 300;
  const through = yield* until(() => world.kube.memberFor(m) ?? m.id);
  const members = yield* until(() => {
    const member = world.kube.memberFor(m);
    return member === null ? null : world.etcd.addLearner(member, peerUrl, name);
  });
  if (members === null || through === null) return 'no etcd member takes another one';
  yield 200;
  const list = members.map((member) => `${member.name}=${member.peerUrl}`).join(',');
  put(at, `${MANIFESTS}/etcd.yaml`, etcdManifest(cluster, name, address, list));
  world.etcd.settle();
  const promoted = yield* until(() => {
    const member = world.kube.memberFor(m);
    return member !== null && world.etcd.promote(member, peerUrl) ? true : null;
  });
  return promoted === null ? 'the learner was not promoted' : null;
}

/** kubeadm asks again and again, and gives up after some minutes. */
function* until<T>(look: () => T | null): Generator<number, T | null> {
  for (let waited = 0; waited < WAIT_MS; waited += POLL_MS) {
    const found = look();
    if (found !== null) return found;
    yield POLL_MS;
  }
  return null;
}

function preflight(failed: readonly FailedCheck[]): CommandResult {
  return { exitCode: 1, stdout: preflightText(failed), stderr: '' };
}

/** The builder joins both streams. */
function said(exitCode: number, text: string): CommandResult {
  return { ...fail(exitCode), stdout: `${text}\n` };
}
