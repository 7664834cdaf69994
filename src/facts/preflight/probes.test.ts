import { describe, expect, it } from 'vitest';
import { HOSTS, runsEtcd, scene } from '../../../test/checks/scene.ts';
import type { CommandResult } from '../../ports/host.ts';
import type { Probe } from '../probe.ts';
import { clockProbe } from './clock.ts';
import { disksProbe, fsyncProbe } from './disks.ts';
import { hostKeysProbe, nodeFilesProbe } from './identity.ts';
import { listenersProbe } from './listeners.ts';
import { peersProbe } from './peers.ts';

const { view } = scene();
const on = HOSTS[0] ?? ('etcd-0' as never);
const result = (stdout: string, exitCode = 0, stderr = ''): CommandResult => ({ exitCode, stdout, stderr });

function parse<T>(probe: Probe<T>, ...results: CommandResult[]): T {
  return probe.parse(results, view.desired, on, { sentAt: 1_000_000, receivedAt: 1_000_300 });
}

// Recorded on Debian 12 with iproute2 6.1.
const ss = `LISTEN 0      4096     10.77.0.10:2379       0.0.0.0:*    users:(("etcd",pid=612,fd=8))
LISTEN 0      128         0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=118,fd=3),("systemd",pid=1,fd=50))
LISTEN 0      4096  127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=90,fd=14))
LISTEN 0      4096              *:10250            *:*    users:(("kubelet",pid=400,fd=20))
LISTEN 0      128            [::]:22            [::]:*
LISTEN 0      4096   [fd00::10]:2380            [::]:*    users:(("a (b) c",pid=7,fd=8))
LISTEN 0      50   [::ffff:10.77.0.10]:8080     *:*
`;

describe('listening sockets', () => {
  it('are read with address, port and program', () => {
    expect(parse(listenersProbe, result(ss))).toEqual([
      { address: '10.77.0.10', port: 2379, process: 'etcd', pid: 612 },
      { address: '0.0.0.0', port: 22, process: 'sshd', pid: 118 },
      { address: '127.0.0.53', port: 53, process: 'systemd-resolve', pid: 90 },
      { address: '*', port: 10250, process: 'kubelet', pid: 400 },
      { address: '::', port: 22, process: null, pid: null },
      { address: 'fd00::10', port: 2380, process: null, pid: null },
      { address: '10.77.0.10', port: 8080, process: null, pid: null },
    ]);
  });

  it('are not known when ss is missing or prints something else', () => {
    expect(() => parse(listenersProbe, result('', 127))).toThrow('exit code 127');
    expect(() => parse(listenersProbe, result('Netid State\n'))).toThrow('ss prints');
  });
});

describe('file systems', () => {
  it('are read in bytes', () => {
    const out = '/var/lib/etcd|/data|rw|ext2/ext3|4096|1000|500|100|90\n/run|/run|ro|tmpfs|4096|10|10|0|0\n';
    expect([...parse(disksProbe, result(out))]).toEqual([
      [
        '/var/lib/etcd',
        {
          mount: '/data',
          writable: true,
          type: 'ext2/ext3',
          sizeBytes: 4_096_000,
          availableBytes: 2_048_000,
          inodes: 100,
          freeInodes: 90,
        },
      ],
      [
        '/run',
        {
          mount: '/run',
          writable: false,
          type: 'tmpfs',
          sizeBytes: 40_960,
          availableBytes: 40_960,
          inodes: 0,
          freeInodes: 0,
        },
      ],
    ]);
  });

  it('are not known when a number is missing', () => {
    expect(() => parse(disksProbe, result('/run|/run|rw|\n'))).toThrow('the file system of /run cannot be read');
  });
});

describe('the disk’s speed', () => {
  it('is in milliseconds', () => {
    const samples = parse(fsyncProbe, result(`${'0.000196252\n'.repeat(19)}5.2e-05\n`));
    expect(samples).toHaveLength(20);
    expect(samples.at(-1)).toBeCloseTo(0.052);
  });

  it('is not known from a few writes, and the reason is the machine’s own', () => {
    const full = result('0.1\n', 0, "dd: error writing '/proc/self/fd/3': No space left on device\n");
    expect(() => parse(fsyncProbe, full)).toThrow('only 1 test writes succeeded: dd: error writing');
  });
});

it('the clock lies between what the round trip allows', () => {
  expect(parse(clockProbe, result('machineId=1\nclock=1000.200000000\n'))).toEqual({ earliestMs: -100, latestMs: 200 });
  expect(() => parse(clockProbe, result('clock=now\n'))).toThrow('does not tell the time');
});

it('host keys are compared without their comments', () => {
  const line = (path: string, text: string) => `${path}|${Buffer.from(text).toString('base64')}\n`;
  const out =
    line('/etc/ssh/ssh_host_ed25519_key.pub', 'ssh-ed25519 AAAA root@a\n') +
    line('/etc/ssh/ssh_host_rsa_key.pub', '\n');
  expect(parse(hostKeysProbe, result(out))).toEqual(['ssh-ed25519 AAAA']);
});

it('files of a node are those that are there', () => {
  const out = 'regular file|600|root|root|5|9|1.0|/etc/kubernetes/admin.conf\n';
  expect(parse(nodeFilesProbe, result(out))).toEqual(['/etc/kubernetes/admin.conf']);
});

describe('the search for the others', () => {
  const all = new Set(HOSTS);

  it('says who was reached, and why not', () => {
    const out = 'noise\npeer|10.77.0.12|failed|\npeer|10.77.0.10|ok|\npeer|10.77.0.11|failed|No route to host\n';
    expect(parse(peersProbe(view, all), result(out))).toEqual({
      self: { is: 'reached' },
      others: new Map([
        ['10.77.0.12', { is: 'failed', why: 'no answer' }],
        ['10.77.0.11', { is: 'failed', why: 'No route to host' }],
      ]),
    });
    expect(() => parse(peersProbe(view, all), result('', 127, 'bash: not found\n'))).toThrow('bash: not found');
  });

  it('is for those who take part, and leaves etcd’s port to etcd', () => {
    const args = (from: typeof view, takingPart: ReadonlySet<(typeof HOSTS)[number]>) =>
      peersProbe(from, takingPart).commands(from.desired, on)[0]?.argv.slice(4);
    expect(args(view, all)).toEqual([
      '10.77.0.10',
      '10.77.0.10',
      '2380',
      '6',
      'yes',
      '2',
      '10.77.0.10',
      '10.77.0.11',
      '10.77.0.12',
    ]);
    const running = scene({ facts: { 'etcd-0': runsEtcd() } }).view;
    expect(args(running, new Set(HOSTS.slice(0, 2)))).toEqual([
      '10.77.0.10',
      '10.77.0.10',
      '2380',
      '6',
      'no',
      '1',
      '10.77.0.10',
      '10.77.0.11',
    ]);
  });
});
