import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';

const bin = fileURLToPath(new URL('./bin.ts', import.meta.url));

function start(...args: string[]) {
  return spawn(process.execPath, [bin, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
}

async function run(...args: string[]) {
  const child = start(...args);
  child.stdin.end();
  const [[code], out, err] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return { code, out, err };
}

it('gives data on standard output and exit code 0', async () => {
  const { code, out, err } = await run('version', '-o', 'json');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(JSON.parse(out)).toMatchObject({ kind: 'Version', node: process.version });
});

it('gives errors on standard error and exit code 1', async () => {
  const { code, out, err } = await run('nonsense');
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toBe("error[usage]: unknown command 'nonsense'\n  next: See keelson --help.\n");
});

/** SIGHUP is the last that the program begins to handle, and Node itself does not handle it: before that a signal would just kill. */
async function untilCaught(pid: number): Promise<void> {
  const bit = 1n << BigInt(constants.signals.SIGHUP - 1);
  await vi.waitUntil(
    async () => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return (BigInt(`0x${/^SigCgt:\s*(\w+)/m.exec(status)?.[1] ?? '0'}`) & bit) !== 0n;
    },
    { timeout: 15_000, interval: 50 },
  );
}

it.skipIf(process.platform !== 'linux').each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s ends it with exit code 130',
  async (signal) => {
    const child = start('runs', '-f', '-');
    const closed = once(child, 'close');
    await untilCaught(child.pid ?? 0);
    child.kill(signal);
    const [[code], out, err] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
    expect({ code, out }).toEqual({ code: 130, out: '' });
    expect(err).toMatch(/^error\[interrupted\]/);
  },
);

it('bears a reader that goes away', async () => {
  const child = start('--help');
  child.stdout.destroy();
  const [[code], err] = await Promise.all([once(child, 'close'), text(child.stderr)]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
});
