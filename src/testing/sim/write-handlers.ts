import type { BuilderName } from '../../ports/command.ts';
import type { CommandResult } from '../../ports/host.ts';
import { args, type Command, fail, type Handler, type HandlerWorld, ok, seconds } from './handler.ts';
import { runKubeadm } from './kubeadm-run.ts';
import type { SimMachine } from './machine.ts';
import { resetBeginnings } from './reset-handlers.ts';
import { control, unitOf } from './systemd.ts';

/** Commands that change the machine, as they are when nothing comes between their beginning and their end. */
export const writeHandlers = {
  'make-directory': (m, c, world) => {
    const mode = c.argv[c.argv.indexOf('-m') + 1] ?? '755';
    m.makeDirectory(c.argv.at(-1) ?? '', mode, seconds(world));
    return ok();
  },
  'own-by-root': (m, c) => {
    for (const path of c.argv.slice(c.argv.indexOf('--') + 1)) {
      const file = m.files.get(path);
      if (file === undefined) return fail(1, `chown: cannot access '${path}': No such file or directory`);
      m.files.set(path, { ...file, owner: 'root' });
    }
    return ok();
  },
  'remove-paths': (m, c, world) => {
    for (const path of c.argv.slice(c.argv.indexOf('--') + 1)) m.remove(path);
    world.etcd.settle();
    return ok();
  },
  'found-member': (m, c, world) => {
    const [, image = '', , , ...argv] = args(c);
    if (unitOf(m, 'containerd.service').state !== 'active')
      return fail(1, 'ctr: failed to dial "/run/containerd/containerd.sock"');
    if (!m.images.has(image) && !m.registry) return fail(71, `containerd has no image ${image}, and cannot pull it`);
    m.founding = argv;
    world.etcd.settle();
    return ok();
  },
  'swap-manifest': (m, c, world) => {
    const begun = beginSwap(m, c, world);
    return begun.exitCode === 0 ? endSwap(m, c, world) : begun;
  },
  systemctl: (m, c, world) => {
    const [verb = '', ...names] = c.argv.slice(1).filter((word) => !word.startsWith('--'));
    const codes = (names.length === 0 ? [''] : names).map((name) => control(m, verb, name, world.wallMs()));
    world.etcd.settle();
    const exitCode = Math.max(...codes);
    return exitCode === 0 ? ok() : fail(exitCode, `Unit ${names.join(' ')} not found.`);
  },
  'import-image': (m, c) => {
    const archive = m.files.get(c.argv.at(-1) ?? '');
    if (archive === undefined) return fail(1, 'ctr: no such file or directory');
    if (unitOf(m, 'containerd.service').state !== 'active')
      return fail(1, 'ctr: failed to dial "/run/containerd/containerd.sock"');
    if (archive.image === undefined) return fail(1, 'ctr: unrecognized image format');
    m.images.add(archive.image);
    return ok();
  },
  apt: (m, c, world) => {
    const [action, ...names] = args(c);
    if (action === 'update' || action === 'unhold') return ok();
    if (!m.files.has('/etc/apt/sources.list.d/keelson.sources'))
      return fail(100, 'E: Unable to locate package kubelet');
    for (const name of names) {
      const [tool = '', version = '2.4.2'] = name.split('=');
      installPackage(m, tool, version.replace(/-.*$/, ''), world.wallMs());
    }
    return ok();
  },
} satisfies Partial<Record<BuilderName, Handler>>;

/** A command that runs by itself as a transient unit. */
export interface LongCommand {
  /** How long whoever waits for it sleeps between two looks. */
  pollMs: number;
  /** What it does at once, and then; each value that it yields is how many milliseconds pass until it goes on. */
  work: Generator<number, CommandResult>;
}

export function longCommand(machine: SimMachine, command: Command, world: HandlerWorld, whole: Handler): LongCommand {
  if (command.builder === 'swap-manifest') {
    const begin = (): CommandResult => beginSwap(machine, command, world);
    return { pollMs: 2_000, work: inTwo(2_000, begin, () => endSwap(machine, command, world)) };
  }
  if (command.builder === 'kubeadm') return { pollMs: 2_000, work: runKubeadm(machine, command, world) };
  const ms = command.builder === 'apt' ? 15_000 : 2_500;
  const begin = resetBeginnings[command.builder];
  const beginning = (): CommandResult => begin?.(machine, command, world) ?? ok();
  return { pollMs: ms, work: inTwo(ms, beginning, () => whole(machine, command, world)) };
}

function* inTwo(ms: number, begin: () => CommandResult, end: () => CommandResult): LongCommand['work'] {
  const begun = begin();
  yield ms;
  return begun.exitCode === 0 ? end() : begun;
}

/** The old manifest goes, and with it the pod ... */
function beginSwap(m: SimMachine, c: Command, world: HandlerWorld): CommandResult {
  const [prepared = '', target = ''] = args(c);
  if (!m.files.has(prepared)) return fail(66);
  m.remove(target);
  m.founding = null;
  world.etcd.settle();
  return ok();
}

/** ... and the new one comes when the kubelet has let go of the old pod. */
function endSwap(m: SimMachine, c: Command, world: HandlerWorld): CommandResult {
  const [prepared = '', target = ''] = args(c);
  const content = m.files.get(prepared)?.content;
  if (content === undefined) return fail(1, 'cp: cannot stat');
  m.putFile(target, content, '600', seconds(world));
  m.remove(prepared);
  world.etcd.settle();
  return ok();
}

/** What a package brings: the program, its unit, and for the kubelet kubeadm's drop-in. */
export function installPackage(m: SimMachine, tool: string, version: string, wallMs: number): void {
  const now = wallMs / 1000;
  const path = `/usr/bin/${tool}`;
  m.putFile(path, `${tool} ${version}`, '755', now, { program: { name: tool, version } });
  if (tool !== 'kubelet' && tool !== 'containerd') return;
  m.putFile(`/usr/lib/systemd/system/${tool}.service`, `[Service]\nExecStart=${path}\n`, '644', now);
  if (tool === 'kubelet') {
    m.putFile(
      '/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf',
      `[Service]\nExecStart=\nExecStart=${path} $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS\n`,
      '644',
      now,
    );
  }
  control(m, 'enable', `${tool}.service`, wallMs);
  control(m, 'daemon-reload', '', wallMs);
  // The kubelet's package enables it and leaves the start to kubeadm; containerd's starts it.
  if (tool === 'containerd') control(m, 'restart', `${tool}.service`, wallMs);
}
