import type { HandlerWorld } from './handler.ts';
import { KUBERNETES_CA } from './kube.ts';
import type { ClusterDocument, Registration } from './kubeadm-config.ts';
import { BOOTSTRAP, KUBECONFIG } from './kubelet.ts';
import type { SimMachine } from './machine.ts';
import { openPorts } from './open-ports.ts';
import { unitOf } from './systemd.ts';

export const MANIFESTS = '/etc/kubernetes/manifests';
/** In kubeadm's order. */
const COMPONENTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'];
const API_SERVER_PORT = 6443;

export type FailedCheck = readonly [name: string, why: string];

/** The checks of every machine. */
export function commonChecks(m: SimMachine, world: HandlerWorld): FailedCheck[] {
  return [
    ...(unitOf(m, 'containerd.service').state === 'active'
      ? []
      : [['CRI', 'could not connect to the container runtime'] as const]),
    ...portChecks(m, world, [10250]),
    ...(m.sysctls.get('net.ipv4.ip_forward') === '1'
      ? []
      : [
          [
            'FileContent--proc-sys-net-ipv4-ip_forward',
            '/proc/sys/net/ipv4/ip_forward contents are not set to 1',
          ] as const,
        ]),
  ];
}

/** Those of one that becomes a control plane. */
export function controlPlaneChecks(
  m: SimMachine,
  world: HandlerWorld,
  { etcd }: Pick<ClusterDocument, 'etcd'>,
  bindPort: number = API_SERVER_PORT,
): FailedCheck[] {
  const files = COMPONENTS.map((name) => `${MANIFESTS}/${name}.yaml`);
  const failed = [...portChecks(m, world, [bindPort, 10259, 10257]), ...available(m, files)];
  if (etcd?.external !== undefined) {
    const { caFile, certFile, keyFile } = etcd.external;
    for (const path of [caFile, certFile, keyFile])
      if (!m.files.has(path)) failed.push(['ExternalEtcdClientCertificates', `${path} doesn't exist`]);
    return failed;
  }
  const dataDir = etcd?.local?.dataDir ?? '/var/lib/etcd';
  failed.push(...portChecks(m, world, [2379, 2380]));
  if (m.children(dataDir).length > 0) failed.push([`DirAvailable-${named(dataDir)}`, `${dataDir} is not empty`]);
  return failed;
}

/** Those of one that joins. */
export function joinChecks(m: SimMachine, world: HandlerWorld, controlPlane: boolean): FailedCheck[] {
  const files = [KUBECONFIG, BOOTSTRAP, ...(controlPlane ? [] : [KUBERNETES_CA])];
  return [...available(m, files), ...commonChecks(m, world)];
}

/** Without those that are to be ignored: kubeadm does not mind how their names are written. */
export function withoutIgnored(
  checks: readonly FailedCheck[],
  { ignorePreflightErrors = [] }: Registration,
): FailedCheck[] {
  const ignored = new Set(ignorePreflightErrors.map((name) => name.toLowerCase()));
  return ignored.has('all') ? [] : checks.filter(([name]) => !ignored.has(name.toLowerCase()));
}

/** As kubeadm says it. */
export function preflightText(checks: readonly FailedCheck[]): string {
  return [
    '[preflight] Some fatal errors occurred:',
    ...checks.map(([name, why]) => `\t[ERROR ${name}]: ${why}`),
    '[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`',
    'error: error execution phase preflight: preflight checks failed',
    '',
  ].join('\n');
}

function available(m: SimMachine, paths: readonly string[]): FailedCheck[] {
  return paths
    .filter((path) => m.files.has(path))
    .map((path) => [`FileAvailable-${named(path)}`, `${path} already exists`] as const);
}

function portChecks(m: SimMachine, world: HandlerWorld, ports: readonly number[]): FailedCheck[] {
  const taken = new Set(openPorts(m, world).map(({ port }) => port));
  return ports.filter((port) => taken.has(port)).map((port) => [`Port-${port}`, `Port ${port} is in use`] as const);
}

function named(path: string): string {
  return path.replaceAll('/', '-');
}
