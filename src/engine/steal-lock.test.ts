import { describe, expect, it } from 'vitest';
import type { HostId, RunId } from '../model/ids.ts';
import type { LockHolder } from '../ports/host.ts';
import { type MemoryLockMachine, memoryLockHost, memoryLockMachine, unreachable } from '../testing/memory-lock-host.ts';
import { stealLock } from './steal-lock.ts';

const signal = new AbortController().signal;
const run = (id: string) => id as RunId;

function holder(id: string, fence: number): LockHolder {
  return {
    run: run(id),
    command: 'apply',
    user: 'ann',
    operator: 'desk',
    operatorMachineId: 'm1',
    operatorBootId: 'b1',
    pid: 7,
    pidStart: '100',
    since: '2026-01-01T00:00:00.000Z',
    fence,
  };
}

function locked(...by: (LockHolder | null)[]): MemoryLockMachine[] {
  return by.map((h, i) => Object.assign(memoryLockMachine(`h${i + 1}`), { holder: h, fence: h?.fence ?? 0 }));
}

function hostsOf(all: readonly MemoryLockMachine[], down: readonly string[] = []) {
  return all.map((machine) =>
    memoryLockHost(machine, {
      before: (_call, { id }) => {
        if (down.includes(id)) throw unreachable(id);
      },
    }),
  );
}

describe('stealLock', () => {
  it('raises the number on all machines, also those the holder had not locked, and ends what it still runs', async () => {
    const all = locked(holder('a', 4), holder('a', 4), null);
    all[0]?.units.push({ name: 'keelson-a-1.service', state: 'running' });
    const report = await stealLock(hostsOf(all), run('a'), { except: [] }, signal);
    expect(report.complete).toBe(true);
    expect(report.hosts).toEqual(['h1', 'h2', 'h3'].map((host) => ({ host, is: 'raised', fence: 5 })));
    expect(all.map((m) => [m.fence, m.holder, m.units.length])).toEqual([
      [5, null, 0],
      [5, null, 0],
      [5, null, 0],
    ]);
  });

  it.each([
    ['another run', 'b', 'the lock is not held by b: ann@desk runs apply (a)'],
    ['nobody', '', 'nobody holds the lock'],
  ])('refuses an ID that is not the holder’s, held by %s', async (_who, id, message) => {
    const all = id === '' ? locked(null, null, null) : locked(holder('a', 4), holder('a', 4), holder('a', 4));
    const stolen = stealLock(hostsOf(all), run('b'), { except: [] }, signal);
    await expect(stolen).rejects.toMatchObject({ code: 'lock.unknown-id', message: expect.stringContaining(message) });
    expect(all.flatMap((m) => m.calls)).not.toContain('raise');
  });

  it('refuses while a machine cannot be reached, names the flag, and does nothing', async () => {
    const all = locked(holder('a', 4), holder('a', 4), holder('a', 4));
    const stolen = stealLock(hostsOf(all, ['h3']), run('a'), { except: [] }, signal);
    await expect(stolen).rejects.toMatchObject({
      code: 'lock.host-unreachable',
      action: expect.stringContaining('--except h3'),
    });
    expect(all.flatMap((m) => m.calls)).not.toContain('raise');
  });

  it('leaves out a machine that is excepted, and reports it; one that answers after all is raised too', async () => {
    const all = locked(holder('a', 4), holder('a', 4), holder('a', 4));
    const except = ['h2', 'h3'] as HostId[];
    const report = await stealLock(hostsOf(all, ['h3']), run('a'), { except }, signal);
    expect(report.complete).toBe(true);
    expect(report.hosts.map((h) => h.is)).toEqual(['raised', 'raised', 'unreachable']);
    expect(all.map((m) => m.fence)).toEqual([5, 5, 4]);
  });

  it('reports a machine that was lost while it was raised', async () => {
    const all = locked(holder('a', 4), holder('a', 4), holder('a', 4));
    const hosts = all.map((machine) =>
      memoryLockHost(machine, {
        before: (call, { id }) => {
          if (call === 'raise' && id === 'h2') throw unreachable(id);
        },
      }),
    );
    const report = await stealLock(hosts, run('a'), { except: [] }, signal);
    expect(report.complete).toBe(false);
    expect(report.hosts.map((h) => h.is)).toEqual(['raised', 'unreachable', 'raised']);
  });

  it('removes a dead run’s mark beside another holder without passing the other’s number', async () => {
    const all = locked(holder('dead', 4), holder('alive', 5), holder('alive', 5));
    const report = await stealLock(hostsOf(all), run('dead'), { except: [] }, signal);
    expect(report.hosts.map((h) => h.is)).toEqual(['raised', 'held-by-another', 'held-by-another']);
    expect(all.map((m) => [m.fence, m.holder?.run ?? null])).toEqual([
      [5, null],
      [5, 'alive'],
      [5, 'alive'],
    ]);
  });

  it('passes the number of the run it releases, even beside another holder', async () => {
    const all = locked(holder('dead', 6), holder('alive', 5), holder('alive', 5));
    await stealLock(hostsOf(all), run('dead'), { except: [] }, signal);
    expect(all.map((m) => m.fence)).toEqual([7, 5, 5]);
  });
});
