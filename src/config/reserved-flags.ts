interface ReservedFlag {
  pattern: RegExp;
  code: 'config.reserved-argument' | 'config.unsafe-argument';
  /** What is wrong; continues the flag's name. */
  why: string;
  action: string;
}

const decided = { code: 'config.reserved-argument', why: 'is decided by keelson' } as const;
const unsafe = { code: 'config.unsafe-argument', action: 'remove it' } as const;

// etcd 3.5 and 3.6: https://etcd.io/docs/v3.6/op-guide/configuration/
const table: readonly ReservedFlag[] = [
  { pattern: /^name$/, ...decided, action: 'remove it; the member has the name of its host' },
  { pattern: /^data-dir$/, ...decided, action: 'use spec.etcd.dataDir' },
  { pattern: /^initial-/, ...decided, action: 'remove it; how a member starts is worked out for each start' },
  { pattern: /^listen-/, ...decided, action: 'use spec.etcd.ports and the address of the host' },
  { pattern: /^advertise-/, ...decided, action: 'use spec.etcd.ports and the address of the host' },
  {
    pattern: /^(cert-file|key-file|trusted-ca-file|ca-file|auto-tls|self-signed-cert-validity|client-|peer-)/,
    ...decided,
    action: 'remove it; certificates and client authentication are always on',
  },
  { pattern: /^(force-new-cluster|unsafe-)/, ...unsafe, why: 'can lose acknowledged writes' },
  // The pod mounts nothing but the data directory: a log elsewhere is gone with the container.
  { pattern: /^wal-dir$/, ...unsafe, why: 'would put the log where the container loses it' },
  { pattern: /^config-file$/, ...unsafe, why: 'makes etcd ignore every other flag' },
  { pattern: /^(discovery|proxy)/, ...unsafe, why: 'would let somebody else decide who is a member' },
  { pattern: /^experimental-(initial-corrupt-check|peer-)/, ...unsafe, why: 'would undo a check that is always on' },
  { pattern: /^(strict-reconfig-check|pre-vote)$/, ...unsafe, why: 'would undo a protection that is on by default' },
  { pattern: /^(help|version|h)$/, ...unsafe, why: 'makes etcd print and end' },
];

/** Flags of etcd that cluster.yaml cannot set. Dashes in front do not hide one. */
export function reservedFlag(name: string): ReservedFlag | undefined {
  const bare = name.trim().replace(/^-+/, '').toLowerCase();
  return table.find(({ pattern }) => pattern.test(bare));
}
