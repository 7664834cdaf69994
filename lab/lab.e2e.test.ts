import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeAllowance } from './bridge-allowance.ts';
import { attempt, run } from './command.ts';
import { createLab, type Lab, listLabs, openLab, removeLab, writeKnownHosts } from './lab.ts';
import { kernelNames } from './paths.ts';
import { computerState } from './testing/computer-state.ts';

const cli = join(import.meta.dirname, 'cli.ts');

describe('a lab', () => {
  let lab: Lab;
  let before: string[];
  beforeAll(async () => {
    before = await computerState('e2e-life');
    lab = await createLab({ name: 'e2e-life', machines: [{ name: 'a' }, { name: 'b' }, { name: 'c' }], ipv6: true });
  });
  afterAll(() => lab.down());

  it('has machines that are complete, each with systemd, its own names and its own network', async () => {
    const identities = await Promise.all(
      lab.machines().map(async (machine) => {
        const state = await machine.exec(['systemctl', 'is-system-running', '--wait'], { allowFailure: true });
        expect(state.stdout.trim()).toBe('running');
        expect((await machine.exec(['hostname'])).stdout.trim()).toBe(machine.name);
        const bootId = await machine.readFile('/proc/sys/kernel/random/boot_id');
        return [await machine.readFile('/etc/machine-id'), bootId, machine.hostKeyFingerprint(), machine.address];
      }),
    );
    for (const column of [0, 1, 2, 3]) expect(new Set(identities.map((row) => row[column])).size).toBe(3);
  });

  it('lets root in over SSH by its key, and nobody without one', async () => {
    const knownHosts = writeKnownHosts(lab);
    const options = [
      '-F',
      'none',
      '-o',
      `UserKnownHostsFile=${knownHosts}`,
      '-o',
      'StrictHostKeyChecking=yes',
      '-o',
      'BatchMode=yes',
    ];
    const { address, address6 } = lab.machine('b');
    for (const target of [address, address6 ?? '']) {
      const login = await run([
        'ssh',
        ...options,
        '-i',
        lab.identityFile,
        `root@${target}`,
        'systemd-run --wait --pipe echo $(hostname)',
      ]);
      expect(login.trim()).toBe('b');
    }
    const refused = await attempt(['ssh', ...options, '-o', 'IdentityFile=/dev/null', `root@${address}`, 'true']);
    expect(refused.code).toBe(255);
    expect(statSync(lab.identityFile).mode & 0o777).toBe(0o600);
  });

  it('connects its machines over IPv4 and IPv6', async () => {
    const { address, address6 } = lab.machine('c');
    for (const target of [address, address6 ?? '']) await lab.machine('a').exec(['ping', '-c', '1', '-W', '2', target]);
  });

  it('carries files and exit codes faithfully', async () => {
    const a = lab.machine('a');
    await a.writeFile('/run/deep/folder/file', 'line\n"quoted" $HOME\n', 0o600);
    expect(await a.readFile('/run/deep/folder/file')).toBe('line\n"quoted" $HOME\n');
    expect((await a.exec(['stat', '-c', '%a', '/run/deep/folder/file'])).stdout).toBe('600\n');
    expect((await a.exec(['sh', '-c', 'exit 7'], { allowFailure: true })).code).toBe(7);
    await expect(a.exec(['false'])).rejects.toThrow('ended with 1');
  });

  it("keeps this computer's clock and kernel settings out of its machines' reach", async () => {
    const before = await run(['sysctl', '-n', 'kernel.panic']);
    const a = lab.machine('a');
    await a.exec(['sh', '-c', 'echo 77 >/proc/sys/kernel/panic']);
    expect(await a.readFile('/proc/sys/kernel/panic')).toBe('77\n');
    expect(await run(['sysctl', '-n', 'kernel.panic'])).toBe(before);
    expect((await a.exec(['sh', '-c', 'echo 1 >/proc/sys/vm/swappiness'], { allowFailure: true })).code).not.toBe(0);
    // Setting the time that it is anyway: nothing is lost where it works.
    const asService = ['systemd-run', '--wait', '--quiet', 'date', '--set', new Date().toISOString()] as const;
    expect((await a.exec(asService, { allowFailure: true })).code).not.toBe(0);
    await a.exec(['sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward']);
  });

  it('makes users with every kind of sudo', async () => {
    const a = lab.machine('a');
    await a.addUser({ name: 'free', sudo: 'nopasswd', authorizedKey: lab.publicKey() });
    await a.addUser({ name: 'asked', sudo: 'password', password: 'pass word', authorizedKey: lab.publicKey() });
    await a.addUser({ name: 'none', sudo: 'none', authorizedKey: lab.publicKey() });
    const login = (user: string, command: string, stdin = '') =>
      attempt(
        [
          'ssh',
          '-F',
          'none',
          '-o',
          `UserKnownHostsFile=${writeKnownHosts(lab)}`,
          '-i',
          lab.identityFile,
          `${user}@${a.address}`,
          command,
        ],
        { stdin },
      );
    expect((await login('free', 'sudo -n id -u')).stdout).toBe('0\n');
    expect((await login('asked', 'sudo -n id -u')).code).not.toBe(0);
    expect((await login('asked', 'sudo -S -p "" id -u', 'pass word\n')).stdout).toBe('0\n');
    expect((await login('none', 'sudo -n id -u')).code).not.toBe(0);
    expect((await login('none', 'id -un')).stdout).toBe('none\n');
  });

  it('takes more machines while it runs', async () => {
    const [added] = await lab.addMachines([{ name: 'd' }]);
    expect(added?.condition()).toBe('running');
    await lab.machine('a').exec(['ping', '-c', '1', '-W', '2', added?.address ?? '']);
    expect(openLab('e2e-life').machine('d').address).toBe(added?.address);
    await expect(lab.addMachines([{ name: 'd' }])).rejects.toMatchObject({ code: 'lab-machine-exists' });
  });

  it('is not taken by another process while this one lives', async () => {
    const other = await attempt([process.execPath, cli, 'down', '--all']);
    expect(other.stderr).toContain('e2e-life: left alone');
    expect(lab.machine('a').condition()).toBe('running');
  });

  it('lives beside another lab, and nothing passes between them even where this computer forwards', async () => {
    const other = await createLab({ name: 'e2e-beside', machines: [{ name: 'a' }] });
    try {
      expect(other.subnet).not.toBe(lab.subnet);
      expect(listLabs().map(({ name }) => name)).toEqual(expect.arrayContaining(['e2e-life', 'e2e-beside']));
      for (const bridge of [lab.bridge, other.bridge])
        await run(['sysctl', '-qw', `net.ipv4.conf.${bridge}.forwarding=1`]);
      const ping = ['ping', '-c', '2', '-i', '0.2', '-W', '1', other.machine('a').address] as const;
      expect((await lab.machine('a').exec(ping, { allowFailure: true })).code).not.toBe(0);
      // The same packets do pass without the lab's filter: it is what stops them.
      for (const name of ['e2e-life', 'e2e-beside'])
        await run(['nft', 'delete', 'table', 'inet', kernelNames(name).filterTable]);
      expect((await lab.machine('a').exec(ping, { allowFailure: true })).code).toBe(0);
    } finally {
      await other.down();
    }
    expect(lab.machine('a').condition()).toBe('running');
  });

  it('connects its machines although this computer filters what its bridges carry', async () => {
    const nft = (...command: string[]) => attempt(['nft', ...command]);
    const filter = ['ip', 'filter', 'FORWARD'];
    const [a, b] = [lab.machine('a'), lab.machine('b')];
    const ping = ['ping', '-c', '1', '-W', '1', a.address] as const;
    const existed = (await nft('list', 'chain', ...filter)).code === 0;
    try {
      if (!existed) {
        await nft('add', 'table', 'ip', 'filter');
        await nft('add', 'chain', ...filter, '{ type filter hook forward priority 0; policy accept; }');
      }
      // Drops this lab's packets alone, as a closed filter would drop all.
      const bridged = await attempt(['sysctl', '-n', 'net.bridge.bridge-nf-call-iptables']);
      await nft('add', 'rule', ...filter, 'iifname', lab.bridge, 'drop', 'comment', '"keelson-lab"');
      const reached = (await b.exec(ping, { allowFailure: true })).code === 0;
      if (bridged.stdout.trim() === '1' && !existed) expect(reached).toBe(false);
      await a.powerOff();
      await a.boot();
      await b.exec(ping);
    } finally {
      await removeAllowance(lab.bridge); // the test's rule too, by its comment
      if (!existed) await nft('delete', 'table', 'ip', 'filter');
    }
  });

  it('leaves nothing', async () => {
    await lab.machine('a').freeze(); // a frozen machine goes too
    await lab.machine('b').partition({ operator: true });
    await lab.down();
    expect(await computerState('e2e-life')).toEqual(before);
  });
});

describe('a run that is killed half-way', () => {
  const name = 'e2e-killed';
  const options = ['--count', '3', '--prefix', 'm', '--disk', '64'];

  async function killedAfter(milliseconds: number): Promise<void> {
    const child = spawn(process.execPath, [cli, 'up', name, ...options], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await sleep(milliseconds);
    child.kill('SIGKILL');
    await ended;
  }

  it('leaves nothing that "down" does not remove, whenever it was', async () => {
    const before = await computerState(name);
    let leftSomething = 0;
    for (const milliseconds of [250, 400, 550, 700, 900, 1_200, 1_600]) {
      await killedAfter(milliseconds);
      if ((await computerState(name)).join() !== before.join()) leftSomething += 1;
      await removeLab(name);
      await sleep(300); // for anything that was still on its way
      expect(await computerState(name), `killed after ${milliseconds} ms`).toEqual(before);
    }
    // Else the kills came too early or too late to show anything.
    expect(leftSomething).toBeGreaterThan(2);
  });

  it('is cleaned up by the next lab of any name', async () => {
    const before = await computerState(name);
    await killedAfter(700);
    expect(listLabs().find((lab) => lab.name === name)?.owner).toBe('dead');
    const next = await createLab({ name: 'e2e-next', machines: [] });
    await next.down();
    expect(await computerState(name)).toEqual(before);
  });

  it('is finished by the same command', async () => {
    await killedAfter(700);
    await run([process.execPath, cli, 'up', name, ...options]);
    const lab = openLab(name);
    try {
      for (const machine of lab.machines()) expect((await machine.exec(['hostname'])).stdout.trim()).toBe(machine.name);
      expect(listLabs().find((summary) => summary.name === name)?.owner).toBe('persistent');
    } finally {
      await lab.down();
    }
  });
});
