import type { Machine } from '../../lab/index.ts';

export interface TreeEntry {
  readonly type: string;
  /** Octal digits. */
  readonly mode: string;
  readonly owner: string;
  readonly inode: string;
  /** Seconds since 1970, with all digits. */
  readonly modified: string;
  /** Of the inode, which no program can set: nothing was written, not even the same again. */
  readonly changed: string;
  readonly link: string;
  readonly sha256: string;
}

export type Tree = ReadonlyMap<string, TreeEntry>;

// One pass for the numbers, one for the contents: programs are compared by inode and times alone, there are 400 MB of them.
const treeScript = `
folders=$1; hashed=$2
find $folders -printf '%y|%m|%u:%g|%i|%T@|%C@|%l|%p\\n' 2>/dev/null
find $hashed -type f -exec sha256sum -- {} + 2>/dev/null
true`;

/** Everything below the folders, with the contents' hashes below `hashed`. */
export async function treeOf(
  machine: Machine,
  folders: readonly string[] = ['/etc', '/usr', '/opt'],
  hashed: readonly string[] = ['/etc', '/opt'],
): Promise<Tree> {
  const { stdout } = await machine.exec(['sh', '-c', treeScript, 'tree', folders.join(' '), hashed.join(' ')]);
  const tree = new Map<string, TreeEntry>();
  for (const line of stdout.split('\n')) {
    const sum = /^([0-9a-f]{64}) {2}(.+)$/.exec(line);
    if (sum !== null) {
      const entry = tree.get(sum[2] ?? '');
      if (entry !== undefined) tree.set(sum[2] ?? '', { ...entry, sha256: sum[1] ?? '' });
      continue;
    }
    const [type = '', mode = '', owner = '', inode = '', modified = '', changed = '', link = '', ...path] =
      line.split('|');
    if (path.length > 0) tree.set(path.join('|'), { type, mode, owner, inode, modified, changed, link, sha256: '' });
  }
  if (tree.size < 3) throw new Error(`${machine.name}: nothing was found below ${folders.join(', ')}`);
  return tree;
}

/** One line for each path that differs in anything; folders are compared by mode and owner, and by what they hold. */
export function treeDifferences(before: Tree, after: Tree): string[] {
  const differences: string[] = [];
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(path), after.get(path)];
    if (old === undefined) differences.push(`${path}: appeared`);
    else if (now === undefined) differences.push(`${path}: disappeared`);
    else {
      const what = (Object.keys(old) as (keyof TreeEntry)[]).filter((key) => old[key] !== now[key]);
      if (what.length > 0) differences.push(`${path}: ${what.join(', ')}`);
    }
  }
  return differences.sort();
}

export interface ServiceProcess {
  readonly pid: number;
  /** In clock ticks since boot: another process under the same pid is told apart. */
  readonly start: number;
}

const watched = ['kubelet', 'containerd', 'etcd'] as const;
export type ServiceProcesses = Readonly<Record<(typeof watched)[number], readonly ServiceProcess[]>>;

/** The processes that must live on when nothing changes. */
export async function processesOf(machine: Machine): Promise<ServiceProcesses> {
  const { stdout } = await machine.exec(['sh', '-c', 'cat /proc/[0-9]*/stat 2>/dev/null; true']);
  const found: Record<(typeof watched)[number], ServiceProcess[]> = { kubelet: [], containerd: [], etcd: [] };
  for (const line of stdout.split('\n')) {
    const [, pid = '', name = '', rest = ''] = /^(\d+) \((.*)\) (.*)$/.exec(line) ?? [];
    const known = watched.find((one) => one === name);
    // The start time is field 22 of proc(5); `rest` begins with field 3.
    if (known !== undefined) found[known].push({ pid: Number(pid), start: Number(rest.split(' ')[19]) });
  }
  return found;
}

/** The same of every machine, by name. */
export async function ofAll<T>(
  machines: readonly Machine[],
  ask: (machine: Machine) => Promise<T>,
): Promise<Record<string, T>> {
  return Object.fromEntries(await Promise.all(machines.map(async (m) => [m.name, await ask(m)] as const)));
}
