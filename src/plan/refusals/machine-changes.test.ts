import { describe, expect, it } from 'vitest';
import type { Role } from '../../config/schema.ts';
import type { DesiredMachine } from '../../desired/types.ts';
import { hostId } from '../../model/ids.ts';
import { machineChanges } from './machine-changes.ts';

type Given = readonly [name: string, role: Role, address: string];

const cp: Given = ['cp-0', 'control-plane', '10.77.0.20'];
const worker: Given = ['worker-0', 'worker', '10.77.0.30'];

function told(before: readonly Given[], after: readonly Given[]): string[] {
  const hosts = before.map(([name, role, address]) => ({ name: hostId(name), address, machineId: 'm', roles: [role] }));
  const machines = after.map(([name, role, address]) => ({ id: hostId(name), role, address }) as DesiredMachine);
  return machineChanges(hosts, machines).map(({ code, message }) => `${code}: ${message}`);
}

describe('machines of a cluster that is there', () => {
  it.each([
    ['stay', [cp, worker]],
    ['are joined by a worker', [cp, worker, ['worker-1', 'worker', '10.77.0.31']]],
  ] as const)('%s', (_, after) => {
    expect(told([cp, worker], after)).toEqual([]);
  });

  it.each([
    ['a worker less', [cp], 'change.hosts: the cluster’s machines are cp-0, worker-0; cluster.yaml lists cp-0'],
    [
      'a control plane more',
      [cp, worker, ['cp-1', 'control-plane', '10.77.0.21']],
      'change.hosts: the cluster’s machines are cp-0, worker-0; cluster.yaml lists cp-0, cp-1, worker-0',
    ],
    [
      'another role',
      [cp, ['worker-0', 'control-plane', '10.77.0.30']],
      'change.hosts: worker-0 has the role worker; cluster.yaml gives it the role control-plane',
    ],
    [
      'another address',
      [cp, ['worker-0', 'worker', '10.77.0.31']],
      'change.address: worker-0 has the address 10.77.0.30; cluster.yaml says 10.77.0.31',
    ],
  ] as const)('may not have %s', (_, after, says) => {
    expect(told([cp, worker], after)).toEqual([says]);
  });
});
