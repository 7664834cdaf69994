import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attempt, type CommandOutput } from './command.ts';
import { openLab, removeLab } from './lab.ts';

const name = 'e2e-cli';
const lab = (...args: string[]): Promise<CommandOutput> =>
  attempt([process.execPath, join(import.meta.dirname, 'cli.ts'), ...args]);

describe('the lab commands', () => {
  beforeAll(async () => {
    const up = await lab('up', name, '--machine', 'a=10.79.7.20', '--machine', 'b', '--disk', '32');
    expect(up.code, up.stderr).toBe(0);
  });
  afterAll(() => removeLab(name));

  const conditions = async (): Promise<Record<string, string>> => {
    const { labs } = JSON.parse((await lab('list', '-o', 'json')).stdout);
    const found = labs.find((candidate: { name: string }) => candidate.name === name);
    return Object.fromEntries(
      found.machines.map((machine: Record<string, string>) => [machine.name, machine.condition]),
    );
  };

  it('list: machines with their addresses, for people and for programs', async () => {
    const table = await lab('list');
    expect(table.stdout).toMatch(/^e2e-cli +bare +a +10\.79\.7\.20 +running/m);
    expect(table.stdout).toMatch(/^e2e-cli +bare +b +10\.79\.7\.10 +running/m);
    const json = JSON.parse((await lab('list', '-o', 'json')).stdout);
    expect(json).toMatchObject({ apiVersion: 'keelson.dev/v1alpha1', kind: 'LabList' });
    expect(await conditions()).toEqual({ a: 'running', b: 'running' });
  });

  it('up again: only what is missing', async () => {
    const machine = openLab(name).machine('a');
    await machine.writeFile('/run/still-here', '');
    const up = await lab('up', name, '--machine', 'a=10.79.7.20', '--machine', 'b');
    expect(up.stderr).toContain('a: is running');
    await machine.readFile('/run/still-here');
  });

  it('ssh: runs a command and hands its exit code on', async () => {
    const answer = await lab('ssh', name, 'b', '--', 'hostname; exit 3');
    expect([answer.stdout, answer.code]).toEqual(['b\n', 3]);
  });

  it('fault: breaks and mends', async () => {
    const inject = async (...args: string[]) => {
      const output = await lab('fault', name, ...args);
      expect(output.code, output.stderr).toBe(0);
    };
    await inject('a', 'power-off');
    await inject('b', 'freeze');
    expect(await conditions()).toEqual({ a: 'off', b: 'frozen' });
    await inject('a', 'boot');
    await inject('b', 'thaw');
    expect(await conditions()).toEqual({ a: 'running', b: 'running' });
    await inject('a', 'partition', '--from', 'b', '--direction', 'in');
    const ping = ['ping', '-c', '1', '-W', '1', '10.79.7.10'] as const;
    expect((await openLab(name).machine('a').exec(ping, { allowFailure: true })).code).not.toBe(0);
    await inject('a', 'heal');
    await openLab(name).machine('a').exec(ping);
    for (const fault of ['fill-disk', 'free-disk', 'slow-disk', 'fast-disk', 'change-host-key', 'reboot']) {
      await inject('b', fault);
    }
    // The new host key is known at once: it is read from the machine's disk.
    expect((await lab('ssh', name, 'b', '--', 'hostname')).stdout).toBe('b\n');
  });

  it.each([
    [['fault', name, 'a', 'explode'], 'lab-unknown-fault'],
    [['fault', name, 'nobody', 'boot'], 'lab-unknown-machine'],
    [['fault', name, 'a', 'partition', '--from', 'a'], 'lab-unknown-machine'],
    [['ssh', 'no-such-lab', 'a'], 'lab-unknown'],
    [['up', 'Bad_Name'], 'lab-bad-name'],
    [['up', 'e2e-other', '--machine', 'a=10.79.7.30'], 'lab-subnet-taken'],
    [['up', 'e2e-other', '--software', 'preinstalled'], 'lab-no-bundle'],
    [['up', 'e2e-other', '--software', 'preinstalled', '--bundle', '/nowhere'], 'lab-no-bundle'],
    [['down'], 'lab-no-name'],
  ])('%j fails and says why', async (args, code) => {
    const output = await lab(...args);
    expect(output.code).toBe(1);
    expect(output.stderr).toContain(`${code}: `);
    expect(output.stdout).toBe('');
  });

  it('help names every command', async () => {
    const { stdout } = await lab('--help');
    for (const command of ['up', 'down', 'list', 'ssh', 'fault', 'check']) expect(stdout).toContain(`  ${command}`);
    expect((await lab('fault', '--help')).stdout.replace(/\s+/g, ' ')).toContain(
      'power-off, boot, reboot, freeze, thaw',
    );
  });
});
