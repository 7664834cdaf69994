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
  return reservedFlags.find(({ flags }) => namesOneOf(name, flags));
}

export function namesOneOf(name: string, flags: readonly string[]): boolean {
  const bare = name.trim().replace(/^-+/, '').toLowerCase();
  return flags.some((flag) => (flag.endsWith('*') ? bare.startsWith(flag.slice(0, -1)) : bare === flag));
}
