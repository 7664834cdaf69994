import { existsSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, run } from './command.ts';
import { LabError } from './errors.ts';
import type { MachineRecord } from './state.ts';

/** Where the machine's own disk is mounted here. Without one its faults are refused. */
export function ownDisk(lab: string, record: MachineRecord, mount: string): string {
  if (record.disk !== undefined) return mount;
  throw new LabError(
    'lab-no-own-disk',
    `${record.name} has no disk of its own, and its faults would hit this computer.`,
    `A machine gets one when it is made: npm run lab -- down ${lab}, then npm run lab -- up ${lab} --disk 1024.`,
  );
}

/** Beside the machine's directories on its disk, so that the machine sees the lack of space but not the file. */
export function fillerOn(disk: string): string {
  return join(disk, 'filler');
}

export async function fillDisk(disk: string, leaveBytes: number): Promise<void> {
  const filler = fillerOn(disk);
  const { bavail, bsize } = statfsSync(disk);
  const existing = existsSync(filler) ? Number((await run(['stat', '-c', '%s', filler])).trim()) : 0;
  const size = existing + bavail * bsize - leaveBytes;
  if (size <= existing) return;
  await attempt(['fallocate', '--length', `${size}`, filler]);
  if (leaveBytes > 0) return;
  // What is left are blocks that the file system had counted for its own bookkeeping.
  await attempt(['dd', 'if=/dev/zero', `of=${filler}`, 'bs=4k', 'oflag=append', 'conv=notrunc,fsync']);
}
