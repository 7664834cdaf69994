import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Every process of a lab lives in the lab's cgroups, and is found and ended by that alone: never by a name.
 * Version 1 has one tree for each controller, version 2 a single one.
 */
export interface CgroupTrees {
  readonly version: 1 | 2;
  /** The mount points. */
  readonly trees: readonly string[];
  /** The tree by which processes are found, frozen and ended. */
  readonly main: string;
  /** The tree that limits block devices. */
  readonly blockIo: string | undefined;
}

const top = 'keelson';
const version2Controllers = ['cpuset', 'cpu', 'io', 'memory', 'pids'];

/** Reads the text of /proc/mounts. Undefined where the computer has no usable cgroups. */
export function parseCgroupMounts(mounts: string): CgroupTrees | undefined {
  const entries = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, target, type]) => target?.startsWith('/sys/fs/cgroup') && (type === 'cgroup' || type === 'cgroup2'));
  const unified = entries.find(([, target, type]) => type === 'cgroup2' && target === '/sys/fs/cgroup');
  if (unified !== undefined) {
    return { version: 2, trees: ['/sys/fs/cgroup'], main: '/sys/fs/cgroup', blockIo: '/sys/fs/cgroup' };
  }
  const withOption = (option: string): string | undefined =>
    entries.find(([, , type, options]) => type === 'cgroup' && options?.split(',').includes(option))?.[1];
  const freezer = withOption('freezer');
  if (freezer === undefined || withOption('name=systemd') === undefined) return undefined;
  const trees = entries.map(([, target]) => target ?? '');
  // The freezer first: who has joined it is found by a later clean-up, whatever else is still missing.
  return {
    version: 1,
    trees: [freezer, ...trees.filter((tree) => tree !== freezer)],
    main: freezer,
    blockIo: withOption('blkio'),
  };
}

export function cgroupTrees(): CgroupTrees {
  const trees = parseCgroupMounts(readFileSync('/proc/mounts', 'utf8'));
  if (trees === undefined) throw new Error('this computer has no usable cgroups');
  return trees;
}

export type GroupMember = 'supervisor' | 'machine' | 'visitor';

/**
 * The directories of a group of the lab that a process joins. In version 2 processes live in leaves only, so the three
 * kinds of processes of a machine have one leaf each; in version 1 they share the group, because limits on a block
 * device do not reach from a group to its children there. A visitor (a command that a test runs in the machine) stays out
 * of the freezer, so that one can look at a frozen machine.
 */
export function groupsToJoin(trees: CgroupTrees, lab: string, group: string, member: GroupMember): string[] {
  const { version } = trees;
  if (version === 2) return [join(trees.main, top, lab, group, member)];
  const joined = member === 'visitor' ? trees.trees.filter((tree) => tree !== trees.main) : trees.trees;
  return joined.map((tree) => join(tree, top, lab, group));
}

const joinScript = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"';

/** The beginning of a command that joins these groups before it becomes the command which follows. */
export function joining(groups: readonly string[]): [string, ...string[]] {
  return ['sh', '-c', joinScript, 'join', ...groups, '--'];
}

export function groupDirectories(trees: CgroupTrees, lab: string, group?: string): string[] {
  return trees.trees.map((tree) => (group === undefined ? join(tree, top, lab) : join(tree, top, lab, group)));
}

export function makeGroups(trees: CgroupTrees, lab: string, group: string): void {
  if (trees.version === 2) {
    makeVersion2(trees.main, lab, group);
    return;
  }
  for (const tree of trees.trees) {
    for (const directory of [join(tree, top), join(tree, top, lab), join(tree, top, lab, group)])
      makeVersion1(directory);
  }
}

function makeVersion1(directory: string): void {
  mkdirSync(directory, { recursive: true });
  if (!existsSync(join(directory, 'cpuset.cpus'))) return;
  // A new cpuset has no processors, and nothing can join it.
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    writeFileSync(join(directory, file), readFileSync(join(dirname(directory), file), 'utf8'));
  }
  writeFileSync(join(directory, 'cgroup.clone_children'), '1');
}

function makeVersion2(tree: string, lab: string, group: string): void {
  const available = readFileSync(join(tree, 'cgroup.controllers'), 'utf8').trim().split(' ');
  const wanted = version2Controllers.filter((controller) => available.includes(controller));
  const enable = wanted.map((controller) => `+${controller}`).join(' ');
  const directories = [tree, join(tree, top), join(tree, top, lab), join(tree, top, lab, group)];
  for (const directory of directories) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'cgroup.subtree_control'), enable);
  }
  for (const leaf of ['supervisor', 'machine', 'visitor'])
    mkdirSync(join(tree, top, lab, group, leaf), { recursive: true });
}

/** All processes of a lab, or of one of its groups. */
export function processesIn(trees: CgroupTrees, lab: string, group?: string): number[] {
  const root = group === undefined ? join(trees.main, top, lab) : join(trees.main, top, lab, group);
  return subgroups(root).flatMap((directory) => readProcesses(directory));
}

/** The machine's first process. It has number 1 in the machine and is one level below this computer; pods are deeper. */
export function firstProcess(trees: CgroupTrees, lab: string, machine: string): number | undefined {
  return processesIn(trees, lab, machine).find((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^NSpid:\s+(.*)$/m)?.[1] ?? '';
      const numbers = line.trim().split(/\s+/);
      return numbers.length === 2 && numbers[1] === '1';
    } catch {
      return false; // ended meanwhile
    }
  });
}

export function setFrozen(trees: CgroupTrees, lab: string, group: string | undefined, frozen: boolean): void {
  const root = group === undefined ? join(trees.main, top, lab) : join(trees.main, top, lab, group);
  if (trees.version === 2) writeFileSync(join(root, 'cgroup.freeze'), frozen ? '1' : '0');
  else writeFileSync(join(root, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED');
}

export function isFrozen(trees: CgroupTrees, lab: string, group: string): boolean {
  const root = join(trees.main, top, lab, group);
  try {
    if (trees.version === 2) return readFileSync(join(root, 'cgroup.events'), 'utf8').includes('frozen 1');
    return readFileSync(join(root, 'freezer.state'), 'utf8').trim() === 'FROZEN';
  } catch {
    return false;
  }
}

/** Limits writes to a block device by the machine; 0 takes the limit away. */
export function limitWriteOperations(
  trees: CgroupTrees,
  lab: string,
  machine: string,
  device: string,
  perSecond: number,
): void {
  if (trees.blockIo === undefined) throw new Error('this computer cannot limit block devices (no blkio controller)');
  const root = join(trees.blockIo, top, lab, machine);
  if (trees.version === 2)
    writeFileSync(join(root, 'io.max'), `${device} wiops=${perSecond === 0 ? 'max' : perSecond}`);
  else writeFileSync(join(root, 'blkio.throttle.write_iops_device'), `${device} ${perSecond}`);
}

/** Ends all processes of the lab, or of one group, by SIGKILL and waits until none is left. */
export async function endProcesses(trees: CgroupTrees, lab: string, group?: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    // A frozen process takes no signal.
    for (const directory of frozenGroups(trees, lab, group)) setFrozen(trees, lab, directory, false);
    const pids = processesIn(trees, lab, group);
    if (pids.length === 0) return;
    if (Date.now() > deadline) throw new Error(`processes ${pids.join(', ')} of lab "${lab}" do not end`);
    for (const pid of pids) killQuietly(pid);
    await sleep(20);
  }
}

/** Waits until a group has no process left. */
export async function waitUntilEmpty(
  trees: CgroupTrees,
  lab: string,
  group: string,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (processesIn(trees, lab, group).length > 0) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

/** Removes the lab's groups, or one of them. The kernel may hold a group for a moment after its last process. */
export async function removeGroups(trees: CgroupTrees, lab: string, group?: string): Promise<void> {
  for (const directory of groupDirectories(trees, lab, group)) await removeTree(directory);
  if (group !== undefined) return;
  for (const tree of trees.trees) {
    try {
      rmdirSync(join(tree, top)); // only the last lab's removal succeeds
    } catch {
      // another lab is there, or none ever was
    }
  }
}

async function removeTree(root: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (existsSync(root)) {
    for (const directory of subgroups(root).reverse()) {
      try {
        rmdirSync(directory);
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
    if (existsSync(root)) await sleep(20);
  }
}

function frozenGroups(trees: CgroupTrees, lab: string, group: string | undefined): string[] {
  const names = group === undefined ? childGroups(join(trees.main, top, lab)) : [group];
  return names.filter((name) => isFrozen(trees, lab, name));
}

/** A group and all below it, parents first. */
function subgroups(root: string): string[] {
  return existsSync(root) ? [root, ...childGroups(root).flatMap((name) => subgroups(join(root, name)))] : [];
}

function childGroups(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

function readProcesses(directory: string): number[] {
  try {
    return readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ended meanwhile
  }
}
