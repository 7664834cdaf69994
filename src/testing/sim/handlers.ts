import { createHash, createPublicKey } from 'node:crypto';
import type { RunId } from '../../model/ids.ts';
import type { BuilderName, ReadCommand, WriteCommand } from '../../ports/command.ts';
import type { CommandResult, LockHolder } from '../../ports/host.ts';
import type { SimEtcd } from './etcd.ts';
import { simulateKubeadm } from './kubeadm.ts';
import type { SimMachine, SimUnit } from './machine.ts';

export interface HandlerWorld {
  nowMs: () => number;
  /** Milliseconds since 1970. */
  wallMs: () => number;
  etcd: SimEtcd;
  reaches: (from: SimMachine, address: string) => boolean;
}

type Command = ReadCommand | WriteCommand;
type Handler = (machine: SimMachine, command: Command, world: HandlerWorld) => CommandResult;

const ok = (stdout = ''): CommandResult => ({ exitCode: 0, stdout, stderr: '' });
const fail = (exitCode: number, stderr = ''): CommandResult => ({ exitCode, stdout: '', stderr });
/** The arguments of one of our constant scripts: `sh -c SCRIPT sh ARGS...`. */
const args = (command: Command): readonly string[] => command.argv.slice(4);
const stdin = (command: Command): string => (typeof command.stdin === 'string' ? command.stdin : '');
const seconds = (world: HandlerWorld): number => world.wallMs() / 1000;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const KINDS = { file: 'regular file', directory: 'directory', symlink: 'symbolic link' } as const;
const LETTERS = { file: 'f', directory: 'd', symlink: 'l' } as const;

function statLines(machine: SimMachine, paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const f = machine.files.get(path);
    return f === undefined
      ? []
      : [`${KINDS[f.type]}|${f.mode}|${f.owner}|${f.owner}|${f.size}|${f.inode}|${f.mtime.toFixed(9)}|${path}`];
  });
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function stampOf(machine: SimMachine, path: string): string | null {
  const f = machine.files.get(path);
  return f === undefined ? null : `${f.size}|${f.inode}|${Math.floor(f.mtime)}|${Math.floor(f.mtime)}`;
}

/** systemd needs a moment between reading files and starting a process. */
const START_DELAY_S = 0.05;

const blank: SimUnit = { active: false, enabled: false, pid: 0, startedAt: 0, readAtStart: new Map() };

/** One handler for every command builder. */
export const handlers = {
  machine: (m, _c, world) =>
    ok(
      text([
        `machineId=${m.machineId}`,
        `bootId=${m.bootId}`,
        `hostname=${m.id}`,
        'architecture=x86_64',
        'kernel=6.1.0-simulated',
        'uid=0',
        'osId=debian',
        'osVersion="12"',
        'osName="Debian GNU/Linux 12 (bookworm)"',
        'systemd=252',
        'cgroup=cgroup2fs',
        'swapKiB=0',
        'capabilities=000001ffffffffff',
        `clock=${((world.wallMs() + m.clockSkewMs) / 1000).toFixed(9)}`,
      ]),
    ),
  versions: (m) => ok(text([...m.programs].map(([tool, p]) => `${tool}|${p.path}|${p.version}`))),
  runtime: (m) => {
    if (!m.programs.has('containerd')) return fail(127);
    return ok(
      m.files.get('/etc/containerd/config.toml')?.content ??
        "SystemdCgroup = true\nsandbox = 'registry.k8s.io/pause:3.10.2'\n",
    );
  },
  images: (m) => {
    if (!m.programs.has('containerd')) return fail(127);
    return m.units.get('containerd.service')?.active === true
      ? ok(text([...m.images]))
      : fail(1, 'cannot dial containerd');
  },
  'inspect-files': (m, c) => {
    const sums = args(c).flatMap((path) => {
      const f = m.files.get(path);
      return f?.type === 'file' ? [`${f.sha256}  ${path}`] : [];
    });
    return ok(text([...statLines(m, args(c)), ...sums]));
  },
  'read-files': (m, c) =>
    ok(
      text(
        args(c).flatMap((path) => {
          const f = m.files.get(path);
          return f?.type === 'file' ? [`${path}|${base64(f.content)}`] : [];
        }),
      ),
    ),
  'inspect-artefacts': (m, c) => {
    const [, ...paths] = args(c);
    const stamps = [...m.stamps].map(([path, stamp]) => `stamp|${path}|${stamp}`);
    const now = paths.flatMap((path) => (stampOf(m, path) === null ? [] : [`now|${path}|${stampOf(m, path)}`]));
    return ok(text([...stamps, ...now]));
  },
  'list-directories': (m, c) => {
    const found = args(c).flatMap((directory) =>
      m
        .children(directory)
        .filter((path) => path.slice(directory.length + 1).split('/').length <= 2)
        .map(
          (path) =>
            `${LETTERS[m.files.get(path)?.type ?? 'file']}|${m.files.get(path)?.mode}|${m.files.get(path)?.owner}|${path}`,
        ),
    );
    return ok(text(found));
  },
  'public-keys': (m, c) =>
    ok(
      text(
        args(c).flatMap((path) => {
          const f = m.files.get(path);
          if (f?.type !== 'file') return [];
          const spki = spkiHash(f.content);
          return spki === null ? [] : [`${path}|${spki}`];
        }),
      ),
    ),
  units: (m, c, world) => {
    const [, ...names] = args(c);
    const uptime = world.nowMs() / 1000 + 1000;
    const blocks = names.map((name) => {
      const unit = m.units.get(name);
      const exists = m.programs.has(name.replace('.service', '')) || m.files.has(`/etc/systemd/system/${name}`);
      const config =
        name === 'kubelet.service' && m.files.has('/etc/systemd/system/kubelet.service.d/99-etcd-service-manager.conf')
          ? '--config=/etc/keelson/kubelet.yaml'
          : '';
      return text([
        `Id=${name}`,
        `LoadState=${exists ? 'loaded' : 'not-found'}`,
        `ActiveState=${unit?.active === true ? 'active' : 'inactive'}`,
        `SubState=${unit?.active === true ? 'running' : 'dead'}`,
        `UnitFileState=${unit?.enabled === true ? 'enabled' : 'disabled'}`,
        'NeedDaemonReload=no',
        `MainPID=${unit?.active === true ? unit.pid : 0}`,
        `ExecMainStartTimestampMonotonic=${Math.round(((unit?.startedAt ?? 0) - seconds(world) + uptime) * 1e6)}`,
        `ExecStart={ path=/usr/local/bin/${name.replace('.service', '')} ; argv[]=x ${config} }`,
      ]);
    });
    return ok(`clock=${seconds(world).toFixed(9)}\nuptime=${uptime.toFixed(2)}\n\n${blocks.join('\n')}`);
  },
  'etcd-manifest': (m, c) => (m.programs.has('kubeadm') ? ok(simulateKubeadm(stdin(c))) : fail(127)),
  'etcd-process': (m, _c, world) => {
    const process = world.etcd.process(m.id);
    return ok(process === null ? '' : `${process.pid}|${base64(`${process.argv.join('\0')}\0`)}\n`);
  },
  'lock-state': (m) => ok(lockText(m)),
  'listening-ports': (m, _c, world) => ok(text(listeners(m, world))),
  'disk-space': (_m, c) =>
    ok(text(args(c).map((path) => `${path}|/|rw|ext2/ext3|4096|25000000|20000000|6000000|5900000`))),
  'fsync-latency': () => ok(text(Array.from({ length: 200 }, () => '0.000400'))),
  'reach-peers': (m, c, world) => {
    const [own = '', , , , , ...others] = args(c);
    return ok(
      text(
        [own, ...others].map((a) =>
          a === own || world.reaches(m, a) ? `peer|${a}|ok|` : `peer|${a}|failed|no answer`,
        ),
      ),
    );
  },
  'make-directory': (m, c, world) => {
    const mode = c.argv[c.argv.indexOf('-m') + 1] ?? '755';
    m.makeDirectory(c.argv.at(-1) ?? '', mode, seconds(world));
    return ok();
  },
  'remove-paths': (m, c) => {
    for (const path of c.argv.slice(c.argv.indexOf('--') + 1)) m.remove(path);
    return ok();
  },
  'swap-manifest': (m, c, world) => {
    const [prepared = '', target = ''] = args(c);
    const content = m.files.get(prepared)?.content;
    if (content === undefined) return fail(66);
    m.putFile(target, content, '600', seconds(world));
    world.etcd.settle();
    return ok();
  },
  systemctl: (m, c, world) => {
    const words = c.argv.slice(1).filter((w) => !w.startsWith('--'));
    const [verb, ...names] = words;
    for (const name of names) {
      const unit = m.units.get(name) ?? blank;
      if (verb === 'enable' || verb === 'disable') m.units.set(name, { ...unit, enabled: verb === 'enable' });
      if (verb === 'stop') m.units.set(name, { ...unit, active: false, pid: 0 });
      if (verb === 'restart' || (verb === 'start' && !unit.active))
        m.units.set(name, { ...unit, active: true, pid: m.nextPid(), startedAt: seconds(world) + START_DELAY_S });
    }
    world.etcd.settle();
    return ok();
  },
  'import-image': (m, c) => {
    const archive = m.files.get(c.argv.at(-1) ?? '');
    if (archive === undefined) return fail(1, 'no such archive');
    m.images.add(archive.content);
    return ok();
  },
  apt: (m, c) => {
    const [action, ...names] = args(c);
    if (action === 'update') return ok();
    for (const name of names) {
      const [tool = '', version = '2.4.2'] = name.split('=');
      m.programs.set(tool, { path: `/usr/bin/${tool}`, version: version.replace(/-.*$/, '') });
      m.units.set(`${tool}.service`, { ...blank, enabled: true, active: tool === 'containerd', pid: m.nextPid() });
    }
    return ok();
  },
  'lock-take': (m, c) => {
    const [, fence = '0', run = '', instead = ''] = args(c);
    const held = m.holder?.run ?? '';
    let exitCode = 0;
    if (held !== '' && held !== instead && held !== run) exitCode = 10;
    else if (Number(fence) <= m.fence && held !== run) exitCode = 11;
    if (exitCode === 0) {
      m.holder = JSON.parse(stdin(c).split('\n')[1] ?? 'null') as LockHolder | null;
      m.fence = Number(fence);
    }
    return { exitCode, stdout: lockText(m), stderr: '' };
  },
  'lock-release': (m, c) => {
    if (m.holder?.run === (args(c)[1] as RunId)) m.holder = null;
    return ok();
  },
  'fence-raise': (m, c) => {
    m.fence = Math.max(m.fence, Number(args(c)[1]));
    m.holder = null;
    m.transients = [];
    return ok();
  },
  'units-stop': (m, c) => {
    m.transients = m.transients.filter((t) => !args(c).includes(t.name));
    return ok();
  },
} satisfies Record<BuilderName, Handler>;

export function handle(machine: SimMachine, command: Command, world: HandlerWorld): CommandResult {
  return handlers[command.builder](machine, command, world);
}

/** As `ss` prints the sockets of etcd and of the kubelet. */
function listeners(m: SimMachine, world: HandlerWorld): string[] {
  const line = (place: string, process: string, pid: number) =>
    `LISTEN 0 4096 ${place} 0.0.0.0:* users:(("${process}",pid=${pid},fd=8))`;
  const etcd = world.etcd.process(m.id);
  const urls = (etcd?.argv ?? []).flatMap(
    (arg) => /^--listen-(?:client|peer|metrics)-urls=(.*)$/.exec(arg)?.[1]?.split(',') ?? [],
  );
  const kubelet = m.units.get('kubelet.service');
  return [
    ...urls.map((url) => line(url.replace(/^https?:\/\//, ''), 'etcd', etcd?.pid ?? 0)),
    ...(kubelet?.active === true
      ? ['127.0.0.1:10248', '127.0.0.1:10250'].map((place) => line(place, 'kubelet', kubelet.pid))
      : []),
  ];
}

function lockText(m: SimMachine): string {
  const units = m.transients.map((t) =>
    text([
      `unit|Id=${t.name}`,
      `unit|ActiveState=active`,
      `unit|SubState=${t.state === 'running' ? 'running' : 'exited'}`,
      'unit|ExecMainCode=1',
      `unit|ExecMainStatus=${t.exitCode}`,
    ]),
  );
  const last = m.last === null ? '' : `last|${m.last.fence} ${m.last.run} ${m.last.step} ${m.last.exitCode ?? '-'}\n`;
  const holder = m.holder === null ? '' : `holder|${base64(`${m.holder.run}\n${JSON.stringify(m.holder)}\n`)}\n`;
  return `fence|${m.fence}\n${last}${holder}${units.join('unit|\n')}`;
}

const spkiCache = new Map<string, string | null>();

/** Parsing a key costs more than all else of a simulated run, and the same few keys come again and again. */
function spkiHash(pem: string): string | null {
  const known = spkiCache.get(pem);
  if (known !== undefined) return known;
  let hash: string | null = null;
  try {
    hash = createHash('sha256')
      .update(createPublicKey(pem).export({ type: 'spki', format: 'der' }))
      .digest('hex');
  } catch {
    hash = null;
  }
  if (spkiCache.size > 500) spkiCache.clear();
  spkiCache.set(pem, hash);
  return hash;
}
