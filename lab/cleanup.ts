import { existsSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CgroupTrees, cgroupTrees, endProcesses, groupDirectories, processesIn, removeGroups } from './cgroups.ts';
import { run } from './command.ts';
import { LabError } from './errors.ts';
import { type FileLock, tryLockFile } from './locks.ts';
import { detachLoopsBelow, loopDevicesBelow, mountsBelow, unmountBelow } from './mounts.ts';
import { networkTraces, removeNetwork } from './network.ts';
import { foreignFolder, refuseForeign } from './ownership.ts';
import { kernelNames, labPaths } from './paths.ts';
import { isAlive } from './process-identity.ts';
import { labNames, readState } from './state.ts';

/**
 * Removes every trace of a lab, in whatever state it is. All is found by the lab's name in the kernel's own lists, so it
 * works for a lab of which a killed process wrote nothing down. The caller holds the lab's lock.
 */
export async function removeTraces(lab: string): Promise<void> {
  refuseForeign(lab);
  const trees = cgroupTrees();
  const { directory } = labPaths(lab);
  const deadline = Date.now() + 30_000;
  for (;;) {
    await removeOnce(trees, lab, directory);
    // Once more where a command of the killed process was still at work.
    const left = await tracesOf(lab);
    if (left.length === 0) return;
    if (Date.now() > deadline) {
      throw new LabError(
        'lab-not-removed',
        `Of lab "${lab}" these are left: ${left.join(', ')}.`,
        'Try "lab down" again.',
      );
    }
    await sleep(200);
  }
}

async function removeOnce(trees: CgroupTrees, lab: string, directory: string): Promise<void> {
  await endProcesses(trees, lab);
  await removeNetwork(lab);
  removeContainerLocks(directory);
  await unmountBelow(directory);
  await detachLoopsBelow(directory);
  await removeGroups(trees, lab);
  removePropagationFolders(lab);
  // Never across a mount: what could not be unmounted must not be emptied.
  if (existsSync(directory) && mountsBelow(directory).length === 0) {
    await run(['rm', '-rf', '--one-file-system', '--', directory]);
  }
}

/** Removes one machine that was never finished: its processes, mounts and files. */
export async function discardMachine(lab: string, machine: string): Promise<void> {
  const { directory } = labPaths(lab).machine(machine);
  if (!existsSync(directory)) return;
  await endProcesses(cgroupTrees(), lab, machine);
  removeContainerLocks(directory);
  await unmountBelow(directory);
  await detachLoopsBelow(directory);
  await run(['rm', '-rf', '--one-file-system', '--', directory]);
}

/** What is left of a lab, in words. */
async function tracesOf(lab: string): Promise<string[]> {
  const trees = cgroupTrees();
  const { directory } = labPaths(lab);
  return [
    ...processesIn(trees, lab).map((pid) => `process ${pid}`),
    ...(await networkTraces(lab)),
    ...mountsBelow(directory).map((target) => `mount ${target}`),
    ...loopDevicesBelow(directory).map(({ device }) => `loop device ${device}`),
    ...groupDirectories(trees, lab).filter((group) => existsSync(group)),
    ...(existsSync(directory) ? [directory] : []),
  ];
}

/** Lock files that a killed systemd-nspawn leaves, named after device and inode of the machine's root directory. */
function removeContainerLocks(directory: string): void {
  for (const target of mountsBelow(directory).filter((mount) => mount.endsWith('/root'))) {
    const { dev, ino } = statSync(target);
    rmSync(`/run/systemd/nspawn/locks/inode-${dev}:${ino}`, { force: true });
  }
}

/** Folders that a killed systemd-nspawn leaves. */
function removePropagationFolders(lab: string): void {
  const parent = '/run/systemd/nspawn/propagate';
  const { namespacePrefix } = kernelNames(lab);
  for (const name of existsSync(parent) ? readdirSync(parent) : []) {
    if (!name.startsWith(namespacePrefix)) continue;
    try {
      rmdirSync(`${parent}/${name}`);
    } catch {
      // in use
    }
  }
}

/** Removes labs whose owner has ended without removing them. A lab on which somebody works just now is left alone. */
export async function sweepAbandoned(except: string | undefined, progress: (line: string) => void): Promise<void> {
  for (const lab of labNames()) {
    if (lab === except || !isAbandoned(lab) || foreignFolder(lab) !== undefined) continue;
    const lock: FileLock | undefined = await tryLockFile(labPaths(lab).lockFile);
    if (lock === undefined) continue;
    try {
      if (!isAbandoned(lab)) continue;
      progress(`removing lab "${lab}", which a run that was killed left behind`);
      await removeTraces(lab);
    } finally {
      await lock.release();
    }
  }
}

function isAbandoned(lab: string): boolean {
  const state = readState(lab);
  if (state === undefined) return true; // a folder without a state: killed while it was removed
  return state.owner !== undefined && !isAlive(state.owner);
}
