import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attempt } from './command.ts';
import { createLab, type Lab, writeKnownHosts } from './lab.ts';
import type { Machine } from './machine.ts';

describe('faults', () => {
  let lab: Lab;
  let a: Machine;
  let b: Machine;
  let withDisk: Machine;
  beforeAll(async () => {
    const machines = [{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'disk', disk: { sizeMiB: 64 } }];
    lab = await createLab({ name: 'e2e-faults', machines });
    [a, b, withDisk] = [lab.machine('a'), lab.machine('b'), lab.machine('disk')];
  });
  afterAll(() => lab.down());

  const reaches = async (from: Machine, to: Machine): Promise<boolean> =>
    (await from.exec(['ping', '-c', '2', '-i', '0.2', '-W', '1', to.address], { allowFailure: true })).code === 0;
  const answersHere = async (machine: Machine): Promise<boolean> => {
    const greeting = await attempt(['timeout', '1', 'bash', '-c', `head -c 3 </dev/tcp/${machine.address}/22`]);
    return greeting.stdout === 'SSH';
  };
  const bootId = (machine: Machine): Promise<string> => machine.readFile('/proc/sys/kernel/random/boot_id');
  /** A service that says on the disk that it was told to stop. */
  const placeWitness = async (machine: Machine): Promise<void> => {
    await machine.exec(['rm', '-f', '/var/stopped']);
    await machine.exec([
      'systemd-run',
      '--unit=witness',
      '--property=ExecStop=touch /var/stopped',
      'sleep',
      'infinity',
    ]);
  };
  const wasTold = async (machine: Machine): Promise<boolean> =>
    (await machine.exec(['test', '-e', '/var/stopped'], { allowFailure: true })).code === 0;

  it('power off: no warning, no answer, and the same machine afterwards', async () => {
    await placeWitness(a);
    const identity = [await a.readFile('/etc/machine-id'), a.hostKeyFingerprint()];
    const boot = await bootId(a);
    await a.powerOff();
    expect(a.condition()).toBe('off');
    expect(await reaches(b, a)).toBe(false);
    expect(await answersHere(a)).toBe(false);
    await a.writeFile('/etc/written-while-off', 'yes');
    await a.boot();
    expect([await a.readFile('/etc/machine-id'), a.hostKeyFingerprint()]).toEqual(identity);
    expect(await a.readFile('/etc/written-while-off')).toBe('yes');
    expect(await bootId(a)).not.toBe(boot);
    expect(await wasTold(a)).toBe(false);
    expect(await reaches(b, a)).toBe(true);
  });

  it('reboot: services are told, and the packet filter starts empty', async () => {
    await placeWitness(a);
    const boot = await bootId(a);
    await a.exec(['nft', 'add', 'table', 'inet', 'before']);
    await a.reboot();
    expect(await bootId(a)).not.toBe(boot);
    expect(await wasTold(a)).toBe(true);
    expect((await a.exec(['nft', 'list', 'ruleset'])).stdout).toBe('');
    expect(await reaches(b, a)).toBe(true);
  });

  it('a machine that is switched off from inside is off', async () => {
    await a.exec(['systemctl', 'poweroff'], { allowFailure: true });
    for (let tries = 0; tries < 100 && a.condition() !== 'off'; tries += 1) await sleep(100);
    expect(a.condition()).toBe('off');
    await a.boot();
    expect(await answersHere(a)).toBe(true);
  });

  it('freeze: nothing in it runs until it thaws', async () => {
    const count = 'i=0; while :; do i=$((i+1)); echo $i >/run/count; sleep 0.02; done';
    await b.exec(['systemd-run', '--unit=counter', 'sh', '-c', count]);
    const read = async (): Promise<number> => Number(await b.readFile('/run/count'));
    await sleep(300);
    const before = await read();
    expect(before).toBeGreaterThan(0);
    await b.freeze();
    expect(b.condition()).toBe('frozen');
    const frozen = await read();
    await sleep(500);
    expect(await read()).toBe(frozen);
    await b.thaw();
    await sleep(500);
    expect(await read()).toBeGreaterThan(frozen);
    await b.exec(['systemctl', 'stop', 'counter']);
  });

  it('power off works on a frozen machine', async () => {
    await b.freeze();
    await b.powerOff();
    expect(b.condition()).toBe('off');
    await b.boot();
    expect(await answersHere(b)).toBe(true);
  });

  /** Whether a datagram from one machine arrives at the other. */
  const datagramArrives = async (from: Machine, to: Machine): Promise<boolean> => {
    await to.exec(['sh', '-c', 'systemctl stop ear; systemctl reset-failed ear; rm -f /run/heard'], {
      allowFailure: true,
    });
    await to.exec(['systemd-run', '--unit=ear', 'socat', '-u', 'UDP4-RECV:4000', 'CREATE:/run/heard']);
    await sleep(200);
    for (let tries = 0; tries < 5; tries += 1) {
      await from.exec(['sh', '-c', `echo hello | socat -u - UDP4-DATAGRAM:${to.address}:4000`]);
      await sleep(50);
    }
    const heard = await to.exec(['cat', '/run/heard'], { allowFailure: true });
    await to.exec(['systemctl', 'stop', 'ear'], { allowFailure: true });
    return heard.stdout.includes('hello');
  };

  it('partition: both ways, from all machines or from one', async () => {
    const c = lab.machine('c');
    await a.partition();
    expect([await reaches(a, b), await reaches(b, a), await reaches(c, a)]).toEqual([false, false, false]);
    expect(await answersHere(a)).toBe(true);
    await a.heal();
    expect([await reaches(a, b), await reaches(c, a)]).toEqual([true, true]);
    await a.partition({ from: ['b'] });
    expect([await reaches(a, b), await reaches(c, a)]).toEqual([false, true]);
    await a.heal();
    await expect(a.partition({ from: ['nobody'] })).rejects.toMatchObject({ code: 'lab-unknown-machine' });
  });

  it('partition: one way', async () => {
    expect([await datagramArrives(a, b), await datagramArrives(b, a)]).toEqual([true, true]);
    await a.partition({ from: ['b'], direction: 'in' });
    expect([await datagramArrives(a, b), await datagramArrives(b, a)]).toEqual([true, false]);
    await a.heal();
    await a.partition({ from: ['b'], direction: 'out' });
    // Also when neighbours have to be resolved anew.
    await b.exec(['ip', 'neigh', 'flush', 'all']);
    expect([await datagramArrives(a, b), await datagramArrives(b, a)]).toEqual([false, true]);
    await a.heal();
  });

  it('partition: from this computer, through a power cut, and looked at meanwhile', async () => {
    await a.partition({ from: [], operator: true });
    expect(await answersHere(a)).toBe(false);
    expect(await reaches(b, a)).toBe(true);
    expect((await a.exec(['hostname'])).stdout).toBe('a\n');
    await a.powerOff();
    await a.boot();
    expect(await answersHere(a)).toBe(false);
    await a.heal();
    expect(await answersHere(a)).toBe(true);
  });

  it('full disk: etcd gets no block, all else does', async () => {
    const write = ['dd', 'if=/dev/zero', 'of=/var/lib/etcd/file', 'bs=4k', 'count=1', 'conv=fsync'] as const;
    await withDisk.exec(write);
    await withDisk.fillDisk();
    const full = await withDisk.exec(['dd', 'if=/dev/zero', 'of=/var/lib/etcd/other', 'bs=4k', 'count=1'], {
      allowFailure: true,
    });
    expect(full.stderr).toContain('No space left on device');
    await withDisk.exec(['dd', 'if=/dev/zero', 'of=/var/other', 'bs=1M', 'count=8']);
    expect((await withDisk.exec(['ls', '-A', '/var/lib/etcd'])).stdout).toBe('file\nother\n');
    await withDisk.freeDisk();
    await withDisk.exec(write);
    await expect(a.fillDisk()).rejects.toMatchObject({ code: 'lab-no-own-disk' });
  });

  it('slow disk: so many writes a second, from every service, on this disk alone', async () => {
    const write = (folder: string) => ['dd', 'if=/dev/zero', `of=${folder}/slow`, 'bs=4k', 'count=60', 'oflag=dsync'];
    const secondsOf = async (argv: string[]): Promise<number> => {
      const started = Date.now();
      // A unit with a cgroup of its own for block devices, as a container has.
      await withDisk.exec(['systemd-run', '--wait', '--property=IOAccounting=yes', '--property=Delegate=yes', ...argv]);
      return (Date.now() - started) / 1000;
    };
    const fast = await secondsOf(write('/var/lib/etcd'));
    await withDisk.limitWrites(20);
    const slow = await secondsOf(write('/var/lib/etcd'));
    expect(slow).toBeGreaterThan(2.5);
    expect(slow).toBeGreaterThan(fast * 3);
    expect(await secondsOf(write('/var'))).toBeLessThan(slow / 2);
    await withDisk.unlimitWrites();
    expect(await secondsOf(write('/var/lib/etcd'))).toBeLessThan(slow / 2);
  });

  it('changed host key: a client that knows the old one refuses', async () => {
    const knownHosts = writeKnownHosts(lab);
    const login = () =>
      attempt([
        'ssh',
        '-F',
        'none',
        '-o',
        `UserKnownHostsFile=${knownHosts}`,
        '-o',
        'StrictHostKeyChecking=yes',
        '-i',
        lab.identityFile,
        `root@${b.address}`,
        'hostname',
      ]);
    expect((await login()).stdout).toBe('b\n');
    const old = b.hostKeyFingerprint();
    const fingerprint = await b.changeHostKey();
    expect(fingerprint).not.toBe(old);
    const refused = await login();
    expect(refused.code).toBe(255);
    expect(refused.stderr).toContain('REMOTE HOST IDENTIFICATION HAS CHANGED');
    expect(refused.stderr).toContain(fingerprint);
    writeKnownHosts(lab);
    expect((await login()).stdout).toBe('b\n');
  });
});
