import { describe, expect, it } from 'vitest';
import { KeelsonError } from '../model/errors.ts';
import type { RunId } from '../model/ids.ts';
import type { LockHolder } from '../ports/host.ts';
import { type MemoryLockMachine, memoryLockHost, memoryLockMachine, unreachable } from '../testing/memory-lock-host.ts';
import { type AcquiredLock, acquireLock } from './lock.ts';

const signal = new AbortController().signal;

function owner(run: string): Omit<LockHolder, 'fence'> {
  return {
    run: run as RunId,
    command: 'apply',
    user: run,
    operator: 'desk',
    operatorMachineId: 'm1',
    operatorBootId: 'b1',
    pid: 1,
    pidStart: '1',
    since: '',
  };
}

interface Racer {
  /** Calls that wait for their turn, oldest first. */
  waiting: (() => void)[];
  end: AcquiredLock | KeelsonError | null;
}

interface Scenario {
  /** Machines that the first, and the second, operator cannot reach. */
  unseen?: readonly [readonly string[], readonly string[]];
  /** A run whose process is gone holds all machines at the beginning. */
  dead?: boolean;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Runs two operators with one order of calls: `order[i]` says whose oldest call is answered next; afterwards the first goes first. */
async function race(order: readonly (0 | 1)[], scenario: Scenario) {
  const machines = ['h1', 'h2', 'h3'].map(memoryLockMachine);
  if (scenario.dead) for (const m of machines) Object.assign(m, { fence: 1, holder: { ...owner('dead'), fence: 1 } });
  const racers = [start(machines, 'a', scenario, 0), start(machines, 'b', scenario, 1)] as const;
  const choices: (0 | 1)[] = [];
  const open: boolean[] = [];
  for (;;) {
    await turn();
    const able = ([0, 1] as const).filter((i) => racers[i].waiting.length > 0);
    const [first] = able;
    if (first === undefined) break;
    const wanted = order[choices.length];
    const next = wanted !== undefined && able.includes(wanted) ? wanted : first;
    open.push(able.length === 2);
    choices.push(next);
    racers[next].waiting.shift()?.();
  }
  return { machines, ends: racers.map((r) => r.end), choices, open };
}

function start(machines: readonly MemoryLockMachine[], run: string, scenario: Scenario, index: 0 | 1): Racer {
  const racer: Racer = { waiting: [], end: null };
  const hosts = machines.map((machine) =>
    memoryLockHost(machine, {
      before: async () => {
        await new Promise<void>((resolve) => racer.waiting.push(resolve));
        if (scenario.unseen?.[index].includes(machine.id)) throw unreachable(machine.id);
      },
    }),
  );
  acquireLock(hosts, owner(run), { isDead: (h) => h.run === 'dead' }, signal).then(
    (lock) => {
      racer.end = lock;
    },
    (error: unknown) => {
      racer.end = error as KeelsonError;
    },
  );
  return racer;
}

/** Every order in which the two operators' calls can be answered. */
async function everyOrder(
  scenario: Scenario,
  check: (result: Awaited<ReturnType<typeof race>>) => void,
): Promise<number> {
  let count = 0;
  const queue: (0 | 1)[][] = [[]];
  for (let prefix = queue.pop(); prefix !== undefined; prefix = queue.pop()) {
    const result = await race(prefix, scenario);
    check(result);
    count += 1;
    for (let i = prefix.length; i < result.choices.length; i++) {
      if (result.open[i]) queue.push([...result.choices.slice(0, i), result.choices[i] === 0 ? 1 : 0]);
    }
  }
  return count;
}

describe('two operators at once', () => {
  it.each<[string, Scenario, boolean]>([
    ['who see the same machines', {}, true],
    ['who both take over from a dead run', { dead: true }, true],
    ['one of whom cannot reach the first machine', { unseen: [[], ['h1']] }, false],
    ['who cannot reach different machines', { unseen: [['h3'], ['h1']] }, false],
  ])(
    '%s: never both win, and who does not win holds nothing',
    async (_name, scenario, oneAlwaysWins) => {
      let wins = 0;
      const count = await everyOrder(scenario, ({ machines, ends }) => {
        const winners = ends.filter((end) => end !== null && !(end instanceof KeelsonError));
        for (const end of ends) {
          if (end instanceof KeelsonError) expect(end.code).toBe('lock.held');
          else expect(end).not.toBeNull();
        }
        expect(winners.length).toBeLessThanOrEqual(1);
        if (oneAlwaysWins) expect(winners.length).toBe(1);
        wins += winners.length;
        const [winner] = winners as AcquiredLock[];
        const held = machines.filter((m) => m.holder !== null && m.holder.run !== 'dead');
        expect(held.map((m) => m.id)).toEqual(winner?.taken ?? []);
        if (winner !== undefined) {
          expect(winner.taken.length).toBeGreaterThanOrEqual(2);
          expect(held.every((m) => m.holder?.run === winner.holder.run && m.fence === winner.fence)).toBe(true);
        }
      });
      expect(count).toBeGreaterThan(50);
      expect(wins).toBeGreaterThan(0);
    },
    60_000,
  );
});
