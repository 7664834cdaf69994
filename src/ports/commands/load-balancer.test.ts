import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Secret } from '../../model/secret.ts';
import type { ReadCommand, WriteCommand } from '../command.ts';
import { checkLoadBalancer, loadBalancerState, probeEndpoint } from './load-balancer.ts';

const folder = mkdtempSync(join(tmpdir(), 'load-balancer-'));
afterAll(() => rmSync(folder, { recursive: true }));

function run({ argv, stdin }: ReadCommand | WriteCommand) {
  const [program, ...args] = argv;
  const input = stdin instanceof Secret ? Secret.valueOf(stdin) : (stdin ?? '');
  const env = { PATH: `${folder}:/usr/sbin:/usr/bin:/sbin:/bin`, LC_ALL: 'C' };
  const { status, stdout, stderr } = spawnSync(program, args, { input, env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** A program that says what it was given, and whether it likes it. */
function fake(name: string): void {
  const text = '#!/bin/sh\necho "$1 $2"; ls -ld "${3%/*}" | cut -c1-10; cat "$3"; ! grep -q wrong "$3"\n';
  writeFileSync(join(folder, name), text, { mode: 0o755 });
}

describe('check-load-balancer', () => {
  const left = (): string[] =>
    (existsSync('/run/keelson') ? readdirSync('/run/keelson') : []).filter((f) => f.startsWith('check.'));

  it.each(['haproxy', 'keepalived'] as const)(
    '%s is asked about the candidate alone, in a folder of root’s',
    (program) => {
      fake(program);
      const words = program === 'haproxy' ? '-c -f' : '-t -f';
      expect(run(checkLoadBalancer(program, 'good "$x"\n'))).toEqual({
        status: 0,
        stdout: `${words}\ndrwx------\ngood "$x"\n`,
        stderr: '',
      });
      expect(run(checkLoadBalancer(program, 'wrong\n')).status).toBe(1);
      expect(left()).toEqual([]);
    },
  );
});

describe('load-balancer-state', () => {
  it('tells addresses and programs, and nothing of who else has one unless it is asked', () => {
    fake('haproxy');
    const { status, stdout } = run(loadBalancerState(null));
    expect(status).toBe(0);
    expect(stdout).toContain('address=lo|127.0.0.1/8\n');
    expect(stdout).toContain('program=haproxy\n');
    expect(stdout).not.toContain('taken');
  });

  it('its own address is not taken', () => {
    expect(run(loadBalancerState('127.0.0.1')).stdout).not.toContain('taken');
  });
});

describe('probe-endpoint', () => {
  it('refused', () => {
    expect(run(probeEndpoint('127.0.0.1', 1, '/nonexistent')).stdout).toBe('refused\n');
  });

  it('silent where something accepts and is no API server of this cluster', async () => {
    const server = createServer((socket) => socket.destroy());
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    // The kernel accepts for it while this process waits.
    expect(run(probeEndpoint('127.0.0.1', port, '/nonexistent')).stdout).toBe('silent\n');
    server.close();
  });

  it('a name that nobody knows, and no shell that takes it for more', () => {
    const { stdout } = run(probeEndpoint(`$(touch ${folder}/x).invalid`, 6443, '/nonexistent'));
    expect(stdout).toMatch(/^unreachable\|\S/);
    expect(existsSync(join(folder, 'x'))).toBe(false);
  });
});
