interface ReservedFlags {
  /** Names; one that ends in `*` is all that begin so. */
  flags: readonly string[];
  code: 'config.reserved-argument' | 'config.unsafe-argument';
  /** What is wrong; continues the flag's name. */
  why: string;
  action: string;
}

const decided = { code: 'config.reserved-argument', why: 'is decided by keelson' } as const;
const unsafe = { code: 'config.unsafe-argument', action: 'remove it' } as const;

/**
 * Flags of etcd that cluster.yaml cannot set.
 * etcd 3.5 and 3.6: https://etcd.io/docs/v3.6/op-guide/configuration/
 */
export const reservedFlags: readonly ReservedFlags[] = [
  { flags: ['name'], ...decided, action: 'remove it; the member has the name of its host' },
  { flags: ['data-dir'], ...decided, action: 'use spec.etcd.dataDir' },
  { flags: ['initial-*'], ...decided, action: 'remove it; how a member starts is worked out for each start' },
  { flags: ['listen-*', 'advertise-*'], ...decided, action: 'use spec.etcd.ports and the address of the host' },
  {
    flags: [
      'cert-file',
      'key-file',
      'trusted-ca-file',
      'ca-file',
      'auto-tls',
      'self-signed-cert-validity',
      'client-*',
      'peer-*',
    ],
    ...decided,
    action: 'remove it; certificates and client authentication are always on',
  },
  { flags: ['force-new-cluster', 'unsafe-*'], ...unsafe, why: 'can lose acknowledged writes' },
  // The pod mounts nothing but the data directory: a log elsewhere is gone with the container.
  { flags: ['wal-dir'], ...unsafe, why: 'would put the log where the container loses it' },
  { flags: ['config-file'], ...unsafe, why: 'makes etcd ignore every other flag' },
  { flags: ['discovery*', 'proxy*'], ...unsafe, why: 'would let somebody else decide who is a member' },
  {
    flags: ['experimental-initial-corrupt-check', 'experimental-peer-*'],
    ...unsafe,
    why: 'would undo a check that is always on',
  },
  { flags: ['strict-reconfig-check', 'pre-vote'], ...unsafe, why: 'would undo a protection that is on by default' },
  { flags: ['help', 'version', 'h'], ...unsafe, why: 'makes etcd print and end' },
];

/** Why a flag cannot be set; undefined when it can. Dashes, blanks and capitals do not hide one. */
export function reservedFlag(name: string): ReservedFlags | undefined {
  const bare = name.trim().replace(/^-+/, '').toLowerCase();
  return reservedFlags.find(({ flags }) => flags.some((flag) => matches(bare, flag)));
}

function matches(name: string, flag: string): boolean {
  return flag.endsWith('*') ? name.startsWith(flag.slice(0, -1)) : name === flag;
}

// https://github.com/kubernetes/kubernetes/blob/v1.36.3/cmd/kubeadm/app/phases/controlplane/manifests.go
const reservedArguments: readonly { flags: readonly string[]; action: string }[] = [
  {
    flags: ['advertise-address', 'bind-address', 'secure-port'],
    action: 'use spec.controlPlane.apiServerPort and the address of the host',
  },
  { flags: ['etcd-*'], action: 'remove it; where etcd is follows from spec.etcd and the hosts' },
  {
    flags: [
      'client-ca-file',
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
  { flags: ['service-cluster-ip-range'], action: 'use spec.network.serviceSubnet' },
  { flags: ['cluster-cidr', 'allocate-node-cidrs'], action: 'use spec.network.podSubnet' },
  { flags: ['insecure-*'], action: 'remove it; every port is served with TLS' },
  { flags: ['leader-elect'], action: 'remove it; with several control planes one must lead' },
  { flags: ['enable-bootstrap-token-auth'], action: 'remove it; machines join with tokens' },
  { flags: ['help', 'version', 'h', 'config'], action: 'remove it' },
];

/** What to do instead of setting a flag of a control plane's component; undefined when it can be set. */
export function reservedArgument(name: string): string | undefined {
  const bare = name.trim().replace(/^-+/, '').toLowerCase();
  return reservedArguments.find(({ flags }) => flags.some((flag) => matches(bare, flag)))?.action;
}
