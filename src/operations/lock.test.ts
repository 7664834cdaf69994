import { expect, it } from 'vitest';
import { KeelsonError } from '../model/errors.ts';
import { type HostId, hostId, type RunId } from '../model/ids.ts';
import type { LockHolder, LockState } from '../ports/host.ts';
import type { Machine } from '../ports/machine.ts';
import { readLock } from './lock.ts';

const holder: LockHolder = {
  run: '20261121t101500z-3f9a1c' as RunId,
  command: 'apply',
  user: 'ops',
  operator: 'desk',
  operatorMachineId: 'm',
  operatorBootId: 'b',
  pid: 1,
  pidStart: '1',
  since: '2026-11-21T10:15:00.000Z',
  fence: 3,
};

function machines(states: readonly (LockHolder | null | 'gone')[]): ReadonlyMap<HostId, Machine> {
  return new Map(
    states.map((held, n) => {
      const id = hostId(`etcd-${n}`);
      const state = async (): Promise<LockState> => {
        if (held === 'gone') throw new KeelsonError('host.unreachable', 'no route to host', { host: id });
        return { fence: 3, holder: held, last: null, units: [] };
      };
      return [id, { id, lock: { id, state } } as unknown as Machine];
    }),
  );
}

const read = (states: Parameters<typeof machines>[0], isDead = (_: LockHolder) => false) =>
  readLock(machines(states), isDead, new AbortController().signal);

it('names who holds it on a majority of all machines', async () => {
  expect((await read([holder, holder, null])).holder).toEqual(holder);
  expect((await read([holder, holder, 'gone'])).holder).toEqual(holder);
});

it('names nobody for what is left on fewer', async () => {
  expect((await read([holder, null, null])).holder).toBeNull();
  expect((await read([holder, null, 'gone'])).holder).toBeNull();
  expect((await read([holder, { ...holder, fence: 4 }, null])).holder).toBeNull();
});

it('names the runs whose process is known to have ended, once', async () => {
  const other = { ...holder, run: '20261121t101600z-000000' as RunId, pid: 2 };
  expect((await read([holder, holder, other], ({ pid }) => pid === 1)).dead).toEqual([holder.run]);
  expect((await read([holder, null, null])).dead).toEqual([]);
});

it('lists unreachable machines with the reason', async () => {
  const { hosts } = await read([null, 'gone', null]);
  expect(hosts.map((h) => [h.host, h.is])).toEqual([
    ['etcd-0', 'known'],
    ['etcd-1', 'unreachable'],
    ['etcd-2', 'known'],
  ]);
  expect(hosts[1]).toMatchObject({ because: 'no route to host' });
});
