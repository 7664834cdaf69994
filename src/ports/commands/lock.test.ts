import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunId, StepId } from '../../model/ids.ts';
import { Secret } from '../../model/secret.ts';
import type { ReadCommand, WriteCommand } from '../command.ts';
import type { LockHolder } from '../host.ts';
import { fenceRaise, lockRelease, lockState, lockTake, parseLockState } from './lock.ts';

// `flock` and `sync FILE` are Linux's.
describe.runIf(process.platform === 'linux').each(['dash', 'bash'])('the lock under %s', (shell) => {
  let directory: string;

  beforeEach(() => {
    directory = join(mkdtempSync(join(tmpdir(), 'keelson-lock-')), 'state');
  });
  afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

  function holder(run: string, fence: number): LockHolder {
    return {
      run: run as RunId,
      command: 'apply',
      user: "o'ps",
      operator: 'desk',
      operatorMachineId: 'm',
      operatorBootId: 'b',
      pid: 1,
      pidStart: '2',
      since: '2026-11-21T10:15:00Z',
      fence,
    };
  }

  function run(command: ReadCommand | WriteCommand) {
    const [, ...args] = command.argv;
    const input = command.stdin instanceof Secret ? '' : (command.stdin ?? '');
    const result = spawnSync(shell, args, { input, encoding: 'utf8' });
    return { exitCode: result.status, state: parseLockState(result.stdout), stderr: result.stderr };
  }
  const take = (name: string, fence: number, insteadOf: string | null = null) =>
    run(lockTake(holder(name, fence), insteadOf as RunId | null, directory));
  const state = () => run(lockState(directory)).state;

  test('a machine that was never locked says so', () => {
    expect(state()).toEqual({ fence: 0, holder: null, last: null, units: [] });
    expect(existsSync(directory)).toBe(false);
  });

  test('is taken, shown with all that the holder said, and given back; the number stays', () => {
    expect(take('one', 1)).toMatchObject({ exitCode: 0, stderr: '', state: { fence: 1, holder: { run: 'one' } } });
    expect(state()).toEqual({ fence: 1, holder: holder('one', 1), last: null, units: [] });
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(run(lockRelease('one' as RunId, directory)).exitCode).toBe(0);
    expect(state()).toMatchObject({ fence: 1, holder: null });
    expect(readdirSync(directory).sort()).toEqual(['.flock', 'fence']);
  });

  test('is not taken from another', () => {
    take('one', 1);
    expect(take('two', 2)).toMatchObject({ exitCode: 10, state: { fence: 1, holder: { run: 'one' } } });
    expect(take('two', 2, 'three')).toMatchObject({ exitCode: 10 });
    expect(run(lockRelease('two' as RunId, directory)).exitCode).toBe(0);
    expect(state()).toMatchObject({ fence: 1, holder: { run: 'one' } });
  });

  test('is taken from the one that is named', () => {
    take('one', 1);
    expect(take('two', 2, 'one')).toMatchObject({ exitCode: 0, state: { fence: 2, holder: { run: 'two', fence: 2 } } });
  });

  test.each([4, 5])('is not taken with number %i when the machine has 5', (fence) => {
    run(fenceRaise(5, directory));
    expect(take('one', fence)).toMatchObject({ exitCode: 11, state: { fence: 5, holder: null } });
  });

  test('is taken again by the same run, with its own number', () => {
    take('one', 3);
    expect(take('one', 3)).toMatchObject({ exitCode: 0, state: { fence: 3 } });
  });

  test('does not lower the number, even for a holder whose lock was left by a cut-off steal', () => {
    take('one', 1);
    writeFileSync(join(directory, 'fence'), '2\n');
    expect(take('one', 1)).toMatchObject({ exitCode: 11, state: { fence: 2 } });
  });

  test('a number that cannot be read is no reason to begin at 0', () => {
    take('one', 7);
    run(lockRelease('one' as RunId, directory));
    for (const text of ['', 'x', '7x\n']) {
      writeFileSync(join(directory, 'fence'), text);
      expect(take('two', 8).exitCode).toBe(74);
      expect(run(fenceRaise(8, directory)).exitCode).toBe(74);
    }
  });

  test('raising removes the holder and never lowers', () => {
    take('one', 3);
    expect(run(fenceRaise(9, directory)).exitCode).toBe(0);
    expect(state()).toMatchObject({ fence: 9, holder: null });
    run(fenceRaise(4, directory));
    expect(state().fence).toBe(9);
  });

  test('shows the last write, with its exit code when it has ended', () => {
    take('one', 3);
    const step = '0123456789abcdef' as StepId;
    writeFileSync(join(directory, 'last'), `3 one ${step} -\n`);
    expect(state().last).toEqual({ fence: 3, run: 'one', step });
    writeFileSync(join(directory, 'last'), `3 one ${step} 5\n`);
    expect(state().last).toEqual({ fence: 3, run: 'one', step, exitCode: 5 });
    writeFileSync(join(directory, 'last'), '');
    expect(state().last).toBeNull();
  });

  test('of two that take it at the same moment, one gets it', async () => {
    const rounds = Number(process.env.KEELSON_LOCK_ROUNDS ?? 25);
    const start = (name: string, fence: number): Promise<number | null> =>
      new Promise((resolve) => {
        const command = lockTake(holder(name, fence), null, directory);
        const child = spawn(shell, command.argv.slice(1), { stdio: ['pipe', 'ignore', 'ignore'] });
        child.stdin.end(command.stdin as string);
        child.once('close', resolve);
      });
    for (let round = 1; round <= rounds; round++) {
      const codes = await Promise.all([start('one', round), start('two', round)]);
      expect([...codes].sort()).toEqual([0, 10]);
      const winner = codes[0] === 0 ? 'one' : 'two';
      expect(readFileSync(join(directory, 'lock'), 'utf8')).toBe(
        `${winner}\n${JSON.stringify(holder(winner, round))}\n`,
      );
      expect(readFileSync(join(directory, 'fence'), 'utf8')).toBe(`${round}\n`);
      run(lockRelease(winner as RunId, directory));
    }
  }, 60_000);

  test('waits for a write that is going on', async () => {
    take('one', 1);
    run(lockRelease('one' as RunId, directory));
    const other = spawn('flock', [join(directory, '.flock'), 'sh', '-c', 'echo held; sleep 0.5'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => other.stdout.once('data', resolve));
    const begin = performance.now();
    expect(take('two', 2).exitCode).toBe(0);
    expect(performance.now() - begin).toBeGreaterThan(300);
  });
});

describe('units of systemd', () => {
  const show = (blocks: readonly string[][]): string =>
    blocks.map((b) => b.map((l) => `unit|${l}`).join('\n')).join('\nunit|\n');
  const unit = (active: string, sub: string, code = '0', status = '0'): string[] => [
    'Id=keelson-r-s.service',
    `ActiveState=${active}`,
    `SubState=${sub}`,
    `ExecMainCode=${code}`,
    `ExecMainStatus=${status}`,
  ];

  test.each([
    [unit('active', 'running'), { state: 'running' }],
    [unit('activating', 'start'), { state: 'running' }],
    [unit('deactivating', 'stop-sigterm'), { state: 'running' }],
    [unit('active', 'exited', '1', '0'), { state: 'ended', exitCode: 0 }],
    [unit('failed', 'failed', '1', '5'), { state: 'ended', exitCode: 5 }],
    [unit('failed', 'failed', '2', '15'), { state: 'ended', exitCode: 143 }],
  ])('%j is %j', (lines, expected) => {
    const { units } = parseLockState(show([lines]));
    expect(units).toEqual([{ name: 'keelson-r-s.service', ...expected }]);
  });

  test('several, or none', () => {
    expect(parseLockState(show([unit('active', 'running'), unit('active', 'exited')])).units).toHaveLength(2);
    expect(parseLockState('fence|0\n').units).toEqual([]);
  });
});

test('dash and bash are there to be tested', () => {
  expect(() => execFileSync('sh', ['-c', 'command -v dash && command -v bash'])).not.toThrow();
});
