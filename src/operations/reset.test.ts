import { describe, expect, it } from 'vitest';
import { ClusterConfig } from '../config/schema.ts';
import type { ErrorCode } from '../model/codes.ts';
import { KeelsonError } from '../model/errors.ts';
import { hostId } from '../model/ids.ts';
import type { Inventory, VaultState } from '../ports/vault.ts';
import { type FormerHost, formerHosts } from './reset.ts';

const config = ClusterConfig.parse({
  apiVersion: 'keelson.dev/v1alpha1',
  kind: 'Cluster',
  metadata: { name: 'lab' },
  spec: {
    kubernetesVersion: 'v1.36.3',
    software: { source: 'preinstalled' },
    hosts: [0, 1, 2].map((n) => ({ name: `etcd-${n}`, address: `10.77.0.1${n}`, roles: ['etcd'] })),
  },
});

function vault(hosts: readonly [name: string, address: string][]): VaultState {
  const listed = hosts.map(([name, address]) => ({ name: hostId(name), address, machineId: name, roles: ['etcd'] }));
  const inventory = { hosts: listed } as unknown as Inventory;
  return { is: 'sealed', code: 'vault.identity-missing', because: 'lost', inventory };
}

const known = vault([
  ['etcd-0', '10.77.0.10'],
  ['etcd-3', '10.77.0.13'],
]);

function host(name: string, address: string): FormerHost {
  return { id: hostId(name), address };
}

describe('machines beside those of the configuration', () => {
  it.each<[title: string, vault: VaultState, named: string[], found: FormerHost[]]>([
    ['without a vault there are none', { is: 'absent' }, [], []],
    ['those of the last inventory that are listed no longer', known, [], [host('etcd-3', '10.77.0.13')]],
    ['named ones, where the inventory has them', known, ['etcd-3'], [host('etcd-3', '10.77.0.13')]],
    [
      'members may be named, too: whether they may be reset is asked later',
      known,
      ['etcd-1'],
      [host('etcd-3', '10.77.0.13')],
    ],
    ['with an address nobody needs to know them', { is: 'absent' }, ['old=10.77.0.99'], [host('old', '10.77.0.99')]],
    ['an address given wins over the recorded one', known, ['etcd-3=10.77.0.33'], [host('etcd-3', '10.77.0.33')]],
    ['IPv6', { is: 'absent' }, ['old=fd00::9'], [host('old', 'fd00::9')]],
    [
      'one whose address has gone to a member is not reached under its old name',
      vault([['old', '10.77.0.11']]),
      [],
      [],
    ],
  ])('%s', (_title, state, named, found) => {
    expect(formerHosts(config, state, named)).toEqual(found);
  });

  it.each<[title: string, vault: VaultState, named: string, code: ErrorCode]>([
    ['a name that nobody knows', known, 'etcd-9', 'reset.unknown-host'],
    ['an address for a name that cluster.yaml has', known, 'etcd-1=10.77.0.99', 'reset.unknown-host'],
    ['no address', known, 'old=', 'reset.unknown-host'],
    ['a host name for an address', known, 'old=example.org', 'reset.unknown-host'],
    ['an option for ssh as address', known, 'old=-oProxyCommand=touch /tmp/x', 'reset.unknown-host'],
    ['an option for ssh as name', known, '-oProxyCommand=10.0.0.1', 'reset.unknown-host'],
    ['a path', known, '../etcd-3', 'reset.unknown-host'],
    ['a name with an escape sequence', known, 'etcd-3\u001b[2J', 'reset.unknown-host'],
    ['a former name of a member’s address', vault([['old', '10.77.0.11']]), 'old', 'reset.current-member'],
    ['a member’s address under another name', known, 'old=10.77.0.11', 'reset.current-member'],
  ])('%s is refused', (_title, state, named, code) => {
    const refused = (): unknown => formerHosts(config, state, [named]);
    expect(refused).toThrow(KeelsonError);
    expect(refused).toThrow(expect.objectContaining({ code }));
    expect(refused).toThrow(/^[^\u001b]*$/);
  });
});
