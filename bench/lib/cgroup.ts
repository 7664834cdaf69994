import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupTrees, groupDirectories, joining } from '../../lab/cgroups.ts';

/** A control group of one case: its whole process tree is in it, and nothing else. */
export interface CgroupMeter {
  /** The beginning of a command that runs in the group. */
  readonly join: readonly [string, ...string[]];
  readonly cpuSeconds: () => number;
  /** At the highest moment, with the page cache that it caused. */
  readonly peakMiB: () => number;
  readonly killAll: () => void;
  readonly remove: () => Promise<void>;
}

const TOP = 'keelson-bench';

/** Anew: one that a killed run left still has its processes and its peak. */
export async function createMeter(name: string): Promise<CgroupMeter> {
  const { version, main } = cgroupTrees();
  const groups = version === 2 ? [main] : ['cpuacct', 'memory'].map((one) => controllerTree(one));
  const directories = groups.map((tree) => join(tree, TOP, name));
  if (version === 2) enableVersion2(main);
  await removeGroups(directories);
  for (const directory of directories) mkdirSync(directory, { recursive: true });
  const [forCpu = '', forMemory = forCpu] = directories;
  return {
    join: joining(directories),
    cpuSeconds: () => cpuSecondsOf(forCpu),
    peakMiB: () => {
      const file = version === 2 ? 'memory.peak' : 'memory.max_usage_in_bytes';
      return Number(readFileSync(join(forMemory, file), 'utf8')) / 1024 / 1024;
    },
    killAll: () => killProcesses(forCpu),
    remove: () => removeGroups(directories),
  };
}

async function removeGroups(directories: readonly string[]): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (const directory of directories) {
    while (existsSync(directory)) {
      killProcesses(directory);
      try {
        rmdirSync(directory);
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(20);
      }
    }
    try {
      rmdirSync(dirname(directory)); // only the last group's removal succeeds
    } catch {
      // others are there, or none ever was
    }
  }
}

function killProcesses(directory: string): void {
  try {
    for (const pid of readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
      process.kill(Number(pid), 'SIGKILL');
    }
  } catch {
    // ended meanwhile, or the group is gone; who removes it looks again
  }
}

/** What all machines of a lab have used so far. */
export function machinesCpuSeconds(lab: string): number {
  const directory = groupDirectories(cgroupTrees(), lab).find((one) => hasCpu(one));
  if (directory === undefined) throw new Error(`lab "${lab}" has no group that counts processor time`);
  return cpuSecondsOf(directory);
}

function hasCpu(directory: string): boolean {
  // In version 1 `cpu.stat` is another file, about throttling.
  return existsSync(join(directory, cgroupTrees().version === 2 ? 'cpu.stat' : 'cpuacct.usage'));
}

function cpuSecondsOf(directory: string): number {
  const first = join(directory, 'cpuacct.usage');
  if (existsSync(first)) return Number(readFileSync(first, 'utf8')) / 1e9;
  const [, used] = /^usage_usec (\d+)$/m.exec(readFileSync(join(directory, 'cpu.stat'), 'utf8')) ?? [];
  return Number(used) / 1e6;
}

function controllerTree(controller: string): string {
  const line = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((one) => one.split(' '))
    .find(([, , type, options]) => type === 'cgroup' && options?.split(',').includes(controller));
  if (line?.[1] === undefined) throw new Error(`this computer has no cgroup controller ${controller}`);
  return line[1];
}

function enableVersion2(tree: string): void {
  mkdirSync(join(tree, TOP), { recursive: true });
  for (const directory of [tree, join(tree, TOP)]) {
    writeFileSync(join(directory, 'cgroup.subtree_control'), '+cpu +memory');
  }
}
