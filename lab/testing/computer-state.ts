import { readdirSync, readFileSync, statSync } from 'node:fs';
import { attempt } from '../command.ts';
import { cacheDirectory, kernelNames, labPaths, labsDirectory } from '../paths.ts';
import { labNames } from '../state.ts';

/** Kernel settings of the whole computer that a kubelet or systemd wants to change. */
const settings = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops', 'fs/nr_open', 'net/ipv4/ip_forward'];

/** What a lab could leave behind on this computer, a line for each thing. Things of other labs are left out. */
export async function computerState(exceptLab: string): Promise<string[]> {
  const lines = [
    ...(await outputLines('link', ['ip', '-o', 'link', 'show'])).map((line) =>
      line.replace(/^(\S+) \d+: ([^@:]+).*$/, '$1 $2'),
    ),
    ...(await outputLines('netns', ['ip', 'netns', 'list'])).map((line) => line.replace(/ \(id.*$/, '')),
    ...(await outputLines('loop', ['losetup', '--list', '--noheadings', '--output', 'NAME,BACK-FILE'])),
    ...(await outputLines('table', ['nft', 'list', 'tables'])),
    ...(await outputLines('process', ['ps', '-eo', 'args'])).filter(isRunningMachine),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => `mount ${line.split(' ')[4]}`),
    ...settings.map((name) => `setting ${name} ${readFileSync(`/proc/sys/${name}`, 'utf8').trim()}`),
    ...cgroups('/sys/fs/cgroup').map((path) => `cgroup ${path}`),
    ...list('/run/systemd/nspawn/propagate').map((name) => `propagate ${name}`),
    ...list('/run/systemd/nspawn/locks').map((name) => `lock ${name}`),
    ...list(labsDirectory()).map((name) => `folder ${name}`),
  ];
  const others = labNames().filter((name) => name !== exceptLab);
  const marks = others.flatMap(marksOf);
  const cache = `mount ${cacheDirectory()}/`;
  const labs = `mount ${labsDirectory()}/`;
  const own = lines.filter((line) => !marks.some((mark) => line.includes(mark)));
  return own.filter((line) => !line.startsWith(cache) || line.startsWith(labs)).sort();
}

/** A defunct process has ended, and only waits for the computer's first process to take note. */
function isRunningMachine(line: string): boolean {
  return line.includes('systemd-nspawn') && !line.includes('<defunct>');
}

/** Parts of names by which the things of a lab are known. */
function marksOf(lab: string): string[] {
  const names = kernelNames(lab);
  const machines = list(labPaths(lab).machines);
  const veths = machines.map((machine) => names.veth(machine));
  const locks = machines.flatMap((machine) => {
    const root = statSync(labPaths(lab).machine(machine).root, { throwIfNoEntry: false });
    return root === undefined ? [] : [`inode-${root.dev}:${root.ino}`];
  });
  return [
    names.bridge,
    names.filterTable,
    names.namespacePrefix,
    `keelson/${lab}`,
    labPaths(lab).directory,
    `folder ${lab}`,
    `folder .${lab}.lock`,
    ...veths,
    ...locks,
  ];
}

async function outputLines(kind: string, argv: [string, ...string[]]): Promise<string[]> {
  const { stdout } = await attempt(argv);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `${kind} ${line}`);
}

/** Groups of labs only: other programs come and go in theirs. */
function cgroups(root: string): string[] {
  const trees = list(root).flatMap((tree) => [`${root}/${tree}/keelson`]);
  return [...trees, `${root}/keelson`].flatMap(walk);
}

function walk(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    // A group without labs below it is a trace; one that holds another lab is not.
    const below = entries.flatMap((entry) => walk(`${directory}/${entry.name}`));
    return directory.endsWith('/keelson') && entries.length > 0 ? below : [directory, ...below];
  } catch {
    return [];
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
