import { describe, expect, it } from 'vitest';
import { configOf } from '../../test/scenarios/sim/world.ts';
import { desire } from '../desired/desire.ts';
import { hostId } from '../model/ids.ts';
import type { CommandResult } from '../ports/host.ts';
import { artefactsProbe, etcdDataProbe, parseInspected, recordProbe } from './files.ts';
import { machineProbe } from './machine.ts';
import { etcdProcessProbe, manifestsProbe } from './manifests.ts';
import type { Probe } from './probe.ts';
import { unitsProbe } from './services.ts';
import { imagesProbe, runtimeProbe, toolsProbe } from './software.ts';

const desired = desire(configOf({ members: 3, source: 'preinstalled' }), { is: 'absent' }, { source: 'preinstalled' });
const said = (stdout: string, exitCode = 0): CommandResult => ({ exitCode, stdout, stderr: '' });
const read = <T>(probe: Probe<T>, ...results: CommandResult[]): T =>
  probe.parse(results, desired, hostId('etcd-0'), { sentAt: 1_000_000, receivedAt: 1_000_200 });
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('the data directory', () => {
  const stat = said('directory|700|root|root|4096|12|1.5|/var/lib/etcd\n');
  const holding = (...names: string[]): CommandResult =>
    said(names.map((name) => `d|700|root|/var/lib/etcd/${name}\n`).join(''));
  it.each([
    ['is not there', said(''), said(''), { is: 'absent' }],
    ['is empty', stat, said(''), { is: 'empty', mode: '700', owner: 'root:root' }],
    ['is the root of a file system', stat, holding('lost+found'), { is: 'empty', mode: '700', owner: 'root:root' }],
    [
      'has a write-ahead log',
      stat,
      holding('member', 'member/snap', 'member/wal'),
      { is: 'data', mode: '700', owner: 'root:root' },
    ],
    // Seen with etcd 3.6.8, wiped and started with `existing` and only itself.
    [
      'holds what an etcd leaves that found no cluster',
      stat,
      holding('member', 'member/snap'),
      { is: 'remains', mode: '700', owner: 'root:root' },
    ],
    ['holds something else', stat, holding('member', 'member/wal', 'photos'), { is: 'foreign', entries: ['photos'] }],
    [
      'is a file',
      said('regular file|644|root|root|1|12|1.5|/var/lib/etcd\n'),
      said(''),
      { is: 'foreign', entries: ['/var/lib/etcd'] },
    ],
  ])('%s', (_what, inspected, listed, fact) => {
    expect(read(etcdDataProbe, inspected, listed)).toEqual(fact);
  });
});

it('reads what lies at a path, whatever its name', () => {
  const sum = 'a'.repeat(64);
  const found = parseInspected(
    `regular file|600|root|root|5|7|1767225600.25|/etc/a|b\nsymbolic link|777|root|root|1|8|2|/etc/l\nsocket|755|u|g|0|9|3|/run/s\n${sum}  /etc/a|b\n`,
  );
  expect([...found]).toEqual([
    [
      '/etc/a|b',
      { is: 'file', mode: '600', owner: 'root', group: 'root', size: 5, inode: 7, mtime: 1767225600.25, sha256: sum },
    ],
    ['/etc/l', expect.objectContaining({ is: 'symlink' })],
    ['/run/s', expect.objectContaining({ is: 'other', owner: 'u', group: 'g' })],
  ]);
});

it('takes a large file for unchanged only while all of its numbers are', () => {
  const output =
    'stamp|/usr/local/bin/a|aaa|5|7|1.5|2.5\nstamp|/usr/local/bin/b|bbb|5|8|1.5|2.5\nnow|/usr/local/bin/a|5|7|1.5|2.5\nnow|/usr/local/bin/b|5|8|1.5|2.6\n';
  expect([...read(artefactsProbe, said(output))]).toEqual([['/usr/local/bin/a', 'aaa']]);
});

it.each([
  ['', { is: 'absent' }],
  [`/etc/keelson/host.json|${base64('{}')}\n`, { is: 'unreadable', why: 'it is no host record of this version' }],
  [
    `/etc/keelson/host.json|${base64('{"kind":"HostRecord","clusterUid":"u","clusterName":"lab","host":"etcd-0","machineId":"m"}')}\n`,
    { is: 'record', record: { clusterUid: 'u', clusterName: 'lab', host: 'etcd-0', machineId: 'm' } },
  ],
])('reads the machine’s own record %#', (output, fact) => {
  expect(read(recordProbe, said(output))).toEqual(fact);
});

describe('the machine', () => {
  const output =
    'machineId=0123\nbootId=b\nhostname=h\narchitecture=x86_64\nkernel=6\nosId=debian\nosVersion="12"\nosName="Debian GNU/Linux 12"\nsystemd=252\ncgroup=tmpfs\nswapKiB=100\nmissing=openssl\nmissing=ss\ncapabilities=0000000000000000\nclock=1000.400\n';
  it('is read with its clock against the middle of the round trip', () => {
    expect(read(machineProbe, said(output))).toMatchObject({
      machineId: '0123',
      os: { version: '12', name: 'Debian GNU/Linux 12' },
      cgroup: 1,
      swapKiB: 100,
      missingTools: ['openssl', 'ss'],
      clockSkewMs: 300,
      mayLowerOomScore: false,
    });
  });
  it('is unknown when it does not say who it is', () => {
    expect(() => read(machineProbe, said('hostname=h\n'))).toThrow('did not say who it is');
  });
});

it('reads units with the moment at which they started', () => {
  const output =
    'clock=2000.0\nuptime=500.0\ndropIn=kubelet.service|1|/usr/lib/systemd/system/kubelet.service.d/zz.conf\ndropIn=kubelet.service|1|/run/systemd/system/kubelet.service.d/b|c.conf\ndropIn=kubelet.service|1|/etc/systemd/system/kubelet.service.d/a.conf\ndropIn=kubelet.service|0|/etc/systemd/system/kubelet.service.d/zz.conf\nargv=42|L2sALS1jb25maWc9L2MA\n\nId=kubelet.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nNeedDaemonReload=yes\nMainPID=42\nExecMainStartTimestampMonotonic=100500000\nStateChangeTimestampMonotonic=200500000\nExecStart={ path=/k ; argv[]=/k --config=/c ; }\n\nId=containerd.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nMainPID=0\nExecMainStartTimestampMonotonic=0\n';
  const units = read(unitsProbe, said(output));
  expect(units.get('kubelet.service')).toEqual({
    loaded: true,
    active: 'active',
    sub: 'running',
    enabled: true,
    needsReload: true,
    mainPid: 42,
    execStart: '{ path=/k ; argv[]=/k --config=/c ; }',
    // The package's zz.conf is hidden by another that names no ExecStart.
    execStartFrom: ['/etc/systemd/system/kubelet.service.d/a.conf', '/run/systemd/system/kubelet.service.d/b|c.conf'],
    argv: ['/k', '--config=/c'],
    startedAt: 1600.5,
    // Told to read its files again since.
    settledAt: 1700.5,
  });
  expect(units.get('containerd.service')).toMatchObject({
    loaded: false,
    enabled: false,
    startedAt: 0,
    settledAt: 0,
    argv: [],
    execStartFrom: [],
  });
});

it('reads versions as the programs say them', () => {
  const output =
    'kubeadm|/usr/bin/kubeadm|1-2|v1.36.3\nkubelet|/usr/bin/kubelet|1-3|Kubernetes v1.36.3\ncontainerd|/usr/bin/containerd|1-4|containerd github.com/containerd/containerd v2.4.2 abc\nrunc|/usr/sbin/runc|1-5|\n';
  expect([...read(toolsProbe, said(output))]).toEqual([
    ['kubeadm', { path: '/usr/bin/kubeadm', version: '1.36.3', stamp: '1-2' }],
    ['kubelet', { path: '/usr/bin/kubelet', version: '1.36.3', stamp: '1-3' }],
    ['containerd', { path: '/usr/bin/containerd', version: '2.4.2', stamp: '1-4' }],
  ]);
});

it('reads the runtime’s configuration, old and new', () => {
  expect(read(runtimeProbe, said('', 127))).toEqual({ is: 'absent' });
  expect(
    read(runtimeProbe, said("  sandbox = 'p:1'\n  restrict_oom_score_adj = true\n  SystemdCgroup = true\n")),
  ).toEqual({
    is: 'containerd',
    cgroupDriver: 'systemd',
    sandboxImage: 'p:1',
    restrictsOomScore: true,
  });
  expect(read(runtimeProbe, said('  sandbox_image = "p:2"\n  SystemdCgroup = false\n'))).toEqual({
    is: 'containerd',
    cgroupDriver: 'cgroupfs',
    sandboxImage: 'p:2',
    restrictsOomScore: false,
  });
  expect(() => read(runtimeProbe, said('', 1))).toThrow('does not show its configuration');
});

it('knows no images of a runtime that does not answer', () => {
  expect([read(imagesProbe, said('a\nb\n')), read(imagesProbe, said('', 1))]).toEqual([['a', 'b'], null]);
});

it('finds our etcd among others by its data directory', () => {
  const process = (pid: number, dir: string): string => `${pid}|${base64(`etcd\0--data-dir=${dir}\0`)}\n`;
  expect(read(etcdProcessProbe, said(process(5, '/srv/other')))).toEqual({ is: 'absent' });
  expect(read(etcdProcessProbe, said(process(5, '/srv/other') + process(6, '/var/lib/etcd')))).toEqual({
    is: 'running',
    pid: 6,
    argv: ['etcd', '--data-dir=/var/lib/etcd'],
  });
});

it('tells a missing kubeadm from one that refuses', () => {
  expect(read(manifestsProbe, said('x'), said('', 127))).toEqual({
    running: { is: 'made', text: 'x', by: 'host', config: expect.stringContaining('existing'), stamp: '' },
    founding: { is: 'no-kubeadm' },
  });
  expect(read(manifestsProbe, { exitCode: 1, stdout: '', stderr: 'bad' }).running).toEqual({
    is: 'failed',
    output: 'bad',
  });
});
