import { namesOneOf } from './reserved-flags.ts';

export const controlPlaneComponents = ['apiServer', 'controllerManager', 'scheduler'] as const;
export type ControlPlaneComponentName = (typeof controlPlaneComponents)[number];

interface ReservedArguments {
  of: readonly ControlPlaneComponentName[];
  /** Names; one that ends in `*` is all that begin so. */
  flags: readonly string[];
  action: string;
}

const led = ['controllerManager', 'scheduler'] as const;

/**
 * Flags of a control plane's components that cluster.yaml cannot set: kubeadm and keelson rest on them. Values that would undo a protection
 * are in rules/component-arguments.ts.
 * https://github.com/kubernetes/kubernetes/blob/v1.36.3/cmd/kubeadm/app/phases/controlplane/manifests.go
 */
export const reservedArguments: readonly ReservedArguments[] = [
  {
    of: ['apiServer'],
    flags: ['advertise-address', 'bind-address', 'secure-port'],
    action: 'use spec.controlPlane.apiServerPort and the address of the host',
  },
  { of: led, flags: ['secure-port'], action: 'remove it; kubeadm’s probes ask the usual port' },
  { of: ['apiServer'], flags: ['etcd-*'], action: 'remove it; where etcd is follows from spec.etcd and the hosts' },
  {
    of: controlPlaneComponents,
    flags: [
      'client-ca-file',
      'cert-dir',
      'tls-cert-file',
      'tls-private-key-file',
      'kubelet-client-*',
      'proxy-client-*',
      'requestheader-*',
      'service-account-key-file',
      'service-account-signing-key-file',
      'service-account-private-key-file',
      'cluster-signing-cert-file',
      'cluster-signing-key-file',
      'root-ca-file',
      'kubeconfig',
      'authentication-kubeconfig',
      'authorization-kubeconfig',
    ],
    action: 'remove it; keys and certificates are where kubeadm puts them',
  },
  {
    of: ['apiServer', 'controllerManager'],
    flags: ['service-cluster-ip-range'],
    action: 'use spec.network.serviceSubnet',
  },
  { of: ['controllerManager'], flags: ['cluster-cidr', 'allocate-node-cidrs'], action: 'use spec.network.podSubnet' },
  { of: ['apiServer'], flags: ['insecure-*'], action: 'remove it; every port is served with TLS' },
  { of: ['apiServer'], flags: ['allow-privileged'], action: 'remove it; kube-proxy and the pod network need it' },
  { of: ['apiServer'], flags: ['enable-bootstrap-token-auth'], action: 'remove it; machines join with tokens' },
  {
    of: led,
    flags: ['leader-elect', 'leader-elect-resource-*'],
    action: 'remove it; of several one leads, and its lease is found by its name',
  },
  { of: led, flags: ['master'], action: 'remove it; each asks the API server of its own machine' },
  {
    of: controlPlaneComponents,
    flags: ['help', 'version', 'h', 'write-config-to'],
    action: 'remove it; with it the program prints and ends',
  },
];

/** What to do instead of setting a flag of a component; undefined when it can be set. Dashes, blanks and capitals do not hide one. */
export function reservedArgument(component: ControlPlaneComponentName, name: string): string | undefined {
  return reservedArguments.find(({ of, flags }) => of.includes(component) && namesOneOf(name, flags))?.action;
}
