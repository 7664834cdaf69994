import { describe, expect, it } from 'vitest';
import type { HostId, RunId } from '../model/ids.ts';
import type { LockHolder } from '../ports/host.ts';
import { type MemoryLockMachine, memoryLockHost, memoryLockMachine, unreachable } from '../testing/memory-lock-host.ts';
import { acquireLock, ensureFence, refuseHeld, releaseLock, settleLeftovers } from './lock.ts';

const signal = new AbortController().signal;
const nobodyIsDead = { isDead: () => false };

function owner(run: string): Omit<LockHolder, 'fence'> {
  return {
    run: run as RunId,
    command: 'apply',
    user: 'ann',
    operator: 'desk',
    operatorMachineId: 'm1',
    operatorBootId: 'b1',
    pid: 7,
    pidStart: '100',
    since: '2026-01-01T00:00:00.000Z',
  };
}

function machines(count = 3): MemoryLockMachine[] {
  return Array.from({ length: count }, (_, i) => memoryLockMachine(`h${i + 1}`));
}

/** Machines named in `down` do not answer. */
function hostsOf(all: readonly MemoryLockMachine[], down: ReadonlySet<HostId> = new Set()) {
  return all.map((machine) =>
    memoryLockHost(machine, {
      before: (_call, { id }) => {
        if (down.has(id)) throw unreachable(id);
      },
    }),
  );
}

function holders(all: readonly MemoryLockMachine[]) {
  return all.map((m) => m.holder?.run ?? null);
}

describe('acquireLock', () => {
  it('takes every machine in name order with a number above all seen', async () => {
    const all = machines();
    const order: string[] = [];
    const hosts = all.map((machine) =>
      memoryLockHost(machine, { before: (call) => void (call === 'take' && order.push(machine.id)) }),
    );
    for (const [machine, fence] of [3, 9, 0].entries()) Object.assign(all[machine] ?? {}, { fence });
    const lock = await acquireLock([...hosts].reverse(), owner('a'), nobodyIsDead, signal);
    expect(lock).toMatchObject({ fence: 10, taken: ['h1', 'h2', 'h3'], unreachable: [], tookOver: [] });
    expect(lock.holder.fence).toBe(10);
    expect(order).toEqual(['h1', 'h2', 'h3']);
    expect(all.map((m) => m.fence)).toEqual([10, 10, 10]);
  });

  it('is foretold by refuseHeld, which takes nothing', async () => {
    const all = machines();
    await expect(refuseHeld(hostsOf(all), nobodyIsDead, signal)).resolves.toBeUndefined();
    await acquireLock(hostsOf(all), owner('a'), nobodyIsDead, signal);
    await expect(refuseHeld(hostsOf(all), nobodyIsDead, signal)).rejects.toMatchObject({
      code: 'lock.held',
      action: expect.stringContaining('keelson unlock a'),
    });
    await expect(refuseHeld(hostsOf(all), { isDead: () => true }, signal)).resolves.toBeUndefined();
    expect(holders(all)).toEqual(['a', 'a', 'a']);
    expect(all.map((m) => m.fence)).toEqual([1, 1, 1]);
  });

  it('refuses with who, what, since when and the unlock line while somebody holds it, and takes nothing', async () => {
    const all = machines();
    await acquireLock(hostsOf(all), owner('a'), nobodyIsDead, signal);
    const taken = acquireLock(hostsOf(all), { ...owner('b'), user: 'bob' }, nobodyIsDead, signal);
    await expect(taken).rejects.toMatchObject({
      code: 'lock.held',
      message: 'the cluster is locked: ann@desk runs apply (a) since 2026-01-01 00:00:00Z',
      action: expect.stringContaining('keelson unlock a'),
      exitCode: 4,
    });
    expect(holders(all)).toEqual(['a', 'a', 'a']);
    expect(all.map((m) => m.fence)).toEqual([1, 1, 1]);
  });

  it('is refused by a holder that is seen on one machine only', async () => {
    const all = machines();
    Object.assign(all[2] ?? {}, { fence: 1, holder: { ...owner('a'), fence: 1 } });
    await expect(acquireLock(hostsOf(all), owner('b'), nobodyIsDead, signal)).rejects.toMatchObject({
      code: 'lock.held',
    });
    expect(holders(all)).toEqual([null, null, 'a']);
  });

  it('needs a majority of all machines, not of those that answer', async () => {
    const all = machines();
    const two = new Set(['h2', 'h3'] as HostId[]);
    const lock = acquireLock(hostsOf(all, two), owner('a'), nobodyIsDead, signal);
    await expect(lock).rejects.toMatchObject({
      code: 'lock.no-majority',
      message: expect.stringContaining('h2 (h2 does not answer), h3'),
    });
    expect(all[0]?.calls).toEqual(['state']);
  });

  it('goes on without a minority, and says which machines were not reached', async () => {
    const all = machines();
    const lock = await acquireLock(hostsOf(all, new Set(['h1'] as HostId[])), owner('a'), nobodyIsDead, signal);
    expect(lock.taken).toEqual(['h2', 'h3']);
    expect(lock.unreachable).toEqual([{ host: 'h1', because: 'h1 does not answer' }]);
  });

  it('gives back what it took when too few machines are left half-way, also where no answer came', async () => {
    const all = machines();
    const hosts = all.map((machine) =>
      memoryLockHost(machine, {
        after: (call, { id }) => {
          if (call === 'take' && id !== 'h1') throw unreachable(id);
        },
      }),
    );
    await expect(acquireLock(hosts, owner('a'), nobodyIsDead, signal)).rejects.toMatchObject({
      code: 'lock.no-majority',
    });
    expect(all.every((m) => m.calls.includes('take'))).toBe(true);
    expect(holders(all)).toEqual([null, null, null]);
  });

  it('takes over from a dead run of this machine at once, with a higher number', async () => {
    const all = machines();
    await acquireLock(hostsOf(all), owner('dead'), nobodyIsDead, signal);
    const lock = await acquireLock(hostsOf(all), owner('b'), { isDead: (h) => h.run === 'dead' }, signal);
    expect(lock.fence).toBe(2);
    expect(lock.tookOver.map((h) => h.run)).toEqual(['dead']);
    expect(holders(all)).toEqual(['b', 'b', 'b']);
  });

  it('does not let one dead mark hide a living holder on another machine', async () => {
    const all = machines();
    Object.assign(all[0] ?? {}, { fence: 1, holder: { ...owner('dead'), fence: 1 } });
    Object.assign(all[1] ?? {}, { fence: 2, holder: { ...owner('alive'), fence: 2 } });
    const lock = acquireLock(hostsOf(all), owner('b'), { isDead: (h) => h.run === 'dead' }, signal);
    await expect(lock).rejects.toMatchObject({ code: 'lock.held', message: expect.stringContaining('(alive)') });
    expect(holders(all)).toEqual(['dead', 'alive', null]);
  });

  it('takes over what a stolen lock left on a machine that was away: the majority has passed its number', async () => {
    const all = machines();
    await acquireLock(hostsOf(all), owner('a'), nobodyIsDead, signal);
    for (const machine of all.slice(0, 2)) Object.assign(machine, { fence: 2, holder: null });
    const lock = await acquireLock(hostsOf(all), owner('b'), nobodyIsDead, signal);
    expect(lock.fence).toBe(3);
    expect(lock.tookOver.map((h) => h.run)).toEqual(['a']);
    expect(holders(all)).toEqual(['b', 'b', 'b']);
  });

  it('does not take one machine with a higher number for a majority that has passed on', async () => {
    const all = machines();
    await acquireLock(hostsOf(all), owner('a'), nobodyIsDead, signal);
    Object.assign(all[2] ?? {}, { fence: 2, holder: null });
    await expect(acquireLock(hostsOf(all), owner('b'), nobodyIsDead, signal)).rejects.toMatchObject({
      code: 'lock.held',
    });
    expect(holders(all)).toEqual(['a', 'a', null]);
  });

  it('looks again when another run came and went between its look and its take', async () => {
    const all = machines();
    let passed = false;
    const hosts = all.map((machine) =>
      memoryLockHost(machine, {
        before: (call) => {
          if (call !== 'take' || passed) return;
          passed = true;
          for (const m of all) m.fence = 5;
        },
      }),
    );
    expect((await acquireLock(hosts, owner('a'), nobodyIsDead, signal)).fence).toBe(6);
  });

  it('passes on an error that is an answer, with nothing held', async () => {
    const all = machines();
    const hosts = all.map((machine) =>
      memoryLockHost(machine, {
        before: (call, { id }) => {
          if (call === 'take' && id === 'h3') throw new Error('read-only file system');
        },
      }),
    );
    await expect(acquireLock(hosts, owner('a'), nobodyIsDead, signal)).rejects.toThrow('read-only file system');
    expect(holders(all)).toEqual([null, null, null]);
  });

  it('gives back what it took when it is interrupted', async () => {
    const all = machines();
    const abort = new AbortController();
    const hosts = all.map((machine) =>
      memoryLockHost(machine, {
        before: (call, { id }) => {
          if (call === 'take' && id === 'h2') abort.abort(new Error('enough'));
        },
      }),
    );
    await expect(acquireLock(hosts, owner('a'), nobodyIsDead, abort.signal)).rejects.toThrow('enough');
    expect(all[0]?.calls).toContain('take');
    expect(holders(all)).toEqual([null, null, null]);
  });
});

describe('ensureFence', () => {
  const mine: LockHolder = { ...owner('a'), fence: 5 };

  it.each<[string, Partial<MemoryLockMachine>]>([
    ['a machine that was never locked', {}],
    ['a machine that was wiped and had it', { fence: 0, holder: null }],
    ['a machine that has it already', { fence: 5, holder: mine }],
    ['a machine where an older run left its mark', { fence: 3, holder: { ...owner('old'), fence: 3 } }],
    ['a machine where a run that lost the race left the same number', { fence: 5, holder: null }],
  ])('brings the number to %s', async (_name, before) => {
    const machine = Object.assign(memoryLockMachine('h1'), before);
    await ensureFence(memoryLockHost(machine), mine, signal);
    expect(machine.fence).toBe(5);
    expect(machine.holder?.run ?? 'a').toBe('a');
  });

  it.each<[string, Partial<MemoryLockMachine>]>([
    ['another run', { fence: 6, holder: { ...owner('thief'), fence: 6 } }],
    ['unlock', { fence: 6, holder: null }],
  ])('finds the lock lost to %s', async (_name, before) => {
    const machine = Object.assign(memoryLockMachine('h1'), before);
    await expect(ensureFence(memoryLockHost(machine), mine, signal)).rejects.toMatchObject({
      code: 'lock.lost',
      details: { host: 'h1' },
    });
    expect(machine.fence).toBe(6);
  });
});

describe('releaseLock', () => {
  it('gives every machine back, keeps the number, leaves another’s lock alone, and names who was not reached', async () => {
    const all = machines();
    await acquireLock(hostsOf(all), owner('a'), nobodyIsDead, signal);
    Object.assign(all[2] ?? {}, { fence: 2, holder: { ...owner('b'), fence: 2 } });
    const report = await releaseLock(hostsOf(all, new Set(['h1'] as HostId[])), 'a' as RunId, signal);
    expect(report).toEqual({ released: ['h2', 'h3'], unreachable: [{ host: 'h1', because: 'h1 does not answer' }] });
    expect(holders(all)).toEqual(['a', null, 'b']);
    expect(all.map((m) => m.fence)).toEqual([1, 1, 2]);
  });
});

describe('settleLeftovers', () => {
  it('tells how commands of earlier runs ended, and which machines were not reached', async () => {
    const all = machines();
    all[1]?.units.push({ name: 'keelson-x-y.service', state: 'ended', exitCode: 3 });
    const report = await settleLeftovers(hostsOf(all, new Set(['h3'] as HostId[])), 1000, signal);
    expect(report.ended).toEqual([
      { host: 'h2', units: [{ name: 'keelson-x-y.service', state: 'ended', exitCode: 3 }] },
    ]);
    expect(report.unreachable.map((u) => u.host)).toEqual(['h3']);
    expect(all[1]?.units).toEqual([]);
  });
});
