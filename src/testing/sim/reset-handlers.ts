import type { BuilderName } from '../../ports/command.ts';
import { args, fail, type Handler, ok, text } from './handler.ts';
import type { SimMachine } from './machine.ts';
import { unitOf } from './systemd.ts';

const STATE = '/var/lib/keelson';
/** As the commands' own exit codes. */
const STILL_RUNS = 70;

/** Commands that take things away again. */
export const resetHandlers = {
  'other-containers': (m) => ok(text(m.otherContainers)),
  'end-static-pod': (m, c, world) => {
    const [manifest = ''] = args(c);
    m.remove(manifest);
    m.founding = null;
    world.etcd.settle();
    // Without a kubelet nobody else ends it.
    world.etcd.machineDown(m.id);
    return ok();
  },
  'clear-data': (m, c, world) => {
    const [directory = '', folder] = args(c);
    if (world.etcd.process(m.id) !== null) return fail(STILL_RUNS, `etcd uses ${directory}`);
    m.remove(`${directory}/member`);
    for (const path of m.children(directory)) if (path.startsWith(`${directory}/.etcd`)) m.remove(path);
    if (folder === 'remove' && m.children(directory).length === 0) m.remove(directory);
    world.etcd.settle();
    return ok();
  },
  'remove-pod': (m, _c, world) => {
    world.etcd.machineDown(m.id);
    return ok();
  },
  'end-pods': (m, _c, world) => {
    world.etcd.machineDown(m.id);
    return ok();
  },
  // No simulated machine is a node.
  'remove-pod-network': () => ok(),
  'remove-state': (m, c) => {
    const [, ...folders] = args(c);
    for (const folder of folders) {
      const unit = `${folder.slice(folder.lastIndexOf('/') + 1)}.service`;
      if (unitOf(m, unit).state !== 'inactive') return fail(1, `rm: cannot remove ${folder}: Device or resource busy`);
      if (folder === '/var/lib/containerd') m.images.clear();
      m.remove(folder);
    }
    return ok();
  },
  'remove-artefacts': (m) => {
    const kept: string[] = [];
    for (const [path, stamp] of m.stamps) {
      if (!m.files.has(path)) continue;
      if (stamp.slice(stamp.indexOf('|') + 1) === m.numbersOf(path)) m.remove(path);
      else kept.push(`kept|${path}`);
    }
    return ok(text(kept));
  },
  'sweep-folders': (m, c) => {
    const [count = '0', ...names] = args(c);
    for (const folder of names.slice(0, Number(count))) {
      for (const path of m.children(folder))
        if (/^\.keelson-[^/]*$/.test(path.slice(folder.length + 1))) m.remove(path);
    }
    for (const folder of names.slice(Number(count))) if (m.children(folder).length === 0) m.remove(folder);
    return ok();
  },
  'forget-machine': (m, c) => {
    forgetMost(m, args(c)[0] ?? '');
    m.remove('/etc/keelson');
    return ok();
  },
} satisfies Partial<Record<BuilderName, Handler>>;

/** What long ones of them have done before they are half through. */
export const resetBeginnings: Partial<Record<BuilderName, Handler>> = {
  'end-static-pod': (m, c, world) => {
    m.remove(args(c)[0] ?? '');
    m.founding = null;
    world.etcd.settle();
    return ok();
  },
  'clear-data': (m, c, world) => {
    const [directory = ''] = args(c);
    if (world.etcd.process(m.id) !== null) return fail(STILL_RUNS, `etcd uses ${directory}`);
    m.remove(`${directory}/member/wal`);
    world.etcd.settle();
    return ok();
  },
  'remove-state': (m, c) => {
    for (const path of m.children(args(c)[1] ?? '').slice(1)) m.remove(path);
    return ok();
  },
  'forget-machine': (m, c) => {
    forgetMost(m, args(c)[0] ?? '');
    return ok();
  },
};

/** Everything of keelson's own folders but the record. What the lock needs is no file here. */
function forgetMost(m: SimMachine, record: string): void {
  for (const path of m.children('/etc/keelson')) if (path !== record) m.remove(path);
  m.remove(STATE);
  m.stamps.clear();
}
