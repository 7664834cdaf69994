import { createHash, createPublicKey } from 'node:crypto';
import { remembered } from '../../model/remembered.ts';
import type { BuilderName } from '../../ports/command.ts';
import { args, base64, fail, type Handler, type HandlerWorld, ok, seconds, stdin, text } from './handler.ts';
import { simulateKubeadm } from './kubeadm.ts';
import type { SimMachine } from './machine.ts';
import { openPorts } from './open-ports.ts';
import { dropInsOf, execStartOf, fragmentOf, loadedText, needsReload, unitOf } from './systemd.ts';

const KINDS = { file: 'regular file', directory: 'directory', symlink: 'symbolic link' } as const;
const LETTERS = { file: 'f', directory: 'd', symlink: 'l' } as const;
/** The first tick of a machine's clock since its boot, as the simulation counts it. */
const BOOTED_BEFORE_S = 1000;

/** Commands that only look. */
export const readHandlers = {
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
  versions: (m, c) =>
    ok(
      text(
        ['kubeadm', 'kubelet', 'containerd', 'runc'].flatMap((tool) => {
          const program = m.program(tool);
          if (program === null) return [];
          const stamp = `${program.path}-${program.version}`;
          const said = args(c).includes(`${tool}=${stamp}`) ? 'same' : saidVersion(tool, program.version);
          return [`${tool}|${program.path}|${stamp}|${said}`];
        }),
      ),
    ),
  runtime: (m) => {
    if (m.program('containerd') === null) return fail(127);
    const config = m.files.get('/etc/containerd/config.toml')?.content ?? '';
    const systemd = /^\s*SystemdCgroup\s*=\s*true\b/m.test(config);
    const sandbox = /^\s*sandbox\s*=\s*'([^']+)'/m.exec(config)?.[1] ?? 'registry.k8s.io/pause:3.10.1';
    return ok(`version = 3\n      sandbox = '${sandbox}'\n            SystemdCgroup = ${systemd}\n`);
  },
  images: (m) => {
    if (m.program('containerd') === null) return fail(127);
    return unitOf(m, 'containerd.service').state === 'active'
      ? ok(text([...m.images].sort()))
      : fail(1, 'ctr: failed to dial "/run/containerd/containerd.sock"');
  },
  'inspect-files': (m, c) => {
    const present = args(c).flatMap((path) => {
      const f = m.files.get(path);
      return f === undefined ? [] : [{ path, f }];
    });
    const sums = present.filter(({ f }) => f.type === 'file').map(({ path, f }) => `${f.sha256}  ${path}`);
    return ok(
      text([
        ...present.map(
          ({ path, f }) =>
            `${KINDS[f.type]}|${f.mode}|${f.owner}|${f.owner}|${f.size}|${f.inode}|${f.mtime.toFixed(9)}|${path}`,
        ),
        ...sums,
      ]),
    );
  },
  'read-files': (m, c) =>
    ok(
      text(
        args(c).flatMap((path) => {
          const f = m.files.get(path);
          return f?.type === 'file' ? [`${path}|${encoded(f.content)}`] : [];
        }),
      ),
    ),
  'inspect-artefacts': (m, c) => {
    const [, ...paths] = args(c);
    const stamps = [...m.stamps].map(([path, stamp]) => `stamp|${path}|${stamp}`);
    const now = [...new Set([...paths, ...m.stamps.keys()])]
      .filter((path) => m.files.has(path))
      .map((path) => `now|${path}|${m.numbersOf(path)}`);
    return ok(text([...stamps, ...now]));
  },
  'list-directories': (m, c) => {
    const found = args(c).flatMap((directory) =>
      m
        .children(directory)
        .filter((path) => path.slice(directory.length + 1).split('/').length <= 2)
        .map((path) => {
          const file = m.files.get(path);
          return `${LETTERS[file?.type ?? 'file']}|${file?.mode}|${file?.owner}|${path}`;
        }),
    );
    return ok(text(found));
  },
  'public-keys': (m, c) =>
    ok(
      text(
        args(c).flatMap((path) => {
          const f = m.files.get(path);
          const hash = f?.type === 'file' ? spkiHash(f.content) : '';
          return hash === '' ? [] : [`${path}|${hash}`];
        }),
      ),
    ),
  units: (m, c, world) => {
    const [, ...names] = args(c);
    const uptime = world.nowMs() / 1000 + BOOTED_BEFORE_S;
    const dropIns = names.flatMap((name) =>
      dropInsOf(m, name).map((path) => {
        const sets = /^\s*ExecStart\s*=/m.test(m.files.get(path)?.content ?? '');
        return `dropIn=${name}|${sets ? 1 : 0}|${path}\n`;
      }),
    );
    const running = names.map((name) => unitOf(m, name)).filter((unit) => unit.pid > 0);
    const argv = running.map((unit) => `argv=${unit.pid}|${base64(`${unit.argv.join('\0')}\0`)}\n`);
    return ok(
      `clock=${seconds(world).toFixed(9)}\nuptime=${uptime.toFixed(2)}\n${dropIns.join('')}${argv.join('')}\n${names.map((name) => unitBlock(m, name, uptime, world)).join('\n')}`,
    );
  },
  'etcd-manifest': (m, c) => {
    const kubeadm = m.program('kubeadm');
    if (kubeadm === null) return fail(127);
    const stamp = `${kubeadm.path}-${kubeadm.version}`;
    // The same kubeadm would make the same again.
    if (args(c)[0] === stamp) return fail(77);
    return { ...ok(simulateKubeadm(stdin(c))), stderr: `${stamp}\n` };
  },
  'etcd-process': (m, _c, world) => {
    const process = world.etcd.process(m.id);
    return ok(process === null ? '' : `${process.pid}|${base64(`${process.argv.join('\0')}\0`)}\n`);
  },
  'listening-ports': (m, _c, world) => ok(text(listeners(m, world))),
  'disk-space': (_m, c) =>
    ok(text(args(c).map((path) => `${path}|/|rw|ext2/ext3|4096|25000000|20000000|6000000|5900000`))),
  'fsync-latency': () => ok(text(Array.from({ length: 200 }, () => '0.000400'))),
  'reach-peers': (m, c, world) => {
    const [own = '', , , , , , ...targets] = args(c);
    return ok(
      text(targets.map((a) => (a === own || world.reaches(m, a) ? `peer|${a}|ok|` : `peer|${a}|failed|no answer`))),
    );
  },
} satisfies Partial<Record<BuilderName, Handler>>;

function saidVersion(tool: string, version: string): string {
  const bare = version.replace(/^v/, '');
  if (tool === 'kubeadm') return `v${bare}`;
  if (tool === 'kubelet') return `Kubernetes v${bare}`;
  if (tool === 'containerd') return `containerd github.com/containerd/containerd/v2 v${bare} simulated`;
  return `${tool} version ${bare}`;
}

function unitBlock(m: SimMachine, name: string, uptime: number, world: HandlerWorld): string {
  const unit = unitOf(m, name);
  const fragment = fragmentOf(m, name);
  const running = unit.state === 'active';
  const exec = execStartOf(loadedText(m, name));
  const state = {
    active: ['active', 'running'],
    inactive: ['inactive', 'dead'],
    activating: ['activating', 'auto-restart'],
  }[unit.state];
  return text([
    `Id=${name}`,
    `LoadState=${fragment === null ? 'not-found' : 'loaded'}`,
    `ActiveState=${state[0]}`,
    `SubState=${state[1]}`,
    `UnitFileState=${fragment === null ? '' : unit.enabled ? 'enabled' : 'disabled'}`,
    `NeedDaemonReload=${needsReload(m, name) ? 'yes' : 'no'}`,
    `MainPID=${running ? unit.pid : 0}`,
    `ExecMainStartTimestampMonotonic=${running ? Math.round((unit.startedAt - seconds(world) + uptime) * 1e6) : 0}`,
    ...(exec === ''
      ? []
      : [
          `ExecStart={ path=${exec.split(' ')[0]} ; argv[]=${exec} ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }`,
        ]),
    `FragmentPath=${fragment ?? ''}`,
    `DropInPaths=${fragment === null ? '' : dropInsOf(m, name).join(' ')}`,
  ]);
}

/** Lines of `ss -Hltnp`. */
function listeners(m: SimMachine, world: HandlerWorld): string[] {
  return openPorts(m, world).map(
    ({ at, port, program, pid }) => `LISTEN 0 4096 ${at}:${port} 0.0.0.0:* users:(("${program}",pid=${pid},fd=9))`,
  );
}

const encoded = remembered(base64);

/** Empty for what is no private key. Parsing one costs more than all else of a simulated run. */
const spkiHash = remembered((pem) => {
  try {
    return createHash('sha256')
      .update(createPublicKey(pem).export({ type: 'spki', format: 'der' }))
      .digest('hex');
  } catch {
    return '';
  }
});
