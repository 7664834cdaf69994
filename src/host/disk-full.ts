import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { plainText } from '../model/text.ts';
import type { CommandResult } from '../ports/host.ts';

export interface FullDisk {
  /** Where the full file system is mounted, if the machine said so. */
  mount?: string;
  output?: string;
}

/** A write met a full disk: the machine, the file system, and what to do. */
export function diskFull(host: HostId, what: string, { mount = '', output = '' }: FullDisk): KeelsonError {
  const where = plainText(mount);
  return new KeelsonError('host.disk-full', where === '' ? what : `${what}: the file system at ${where} is full`, {
    host,
    action:
      where === ''
        ? `Free space on ${host} (df -h and df -i show where), then run the same command again.`
        : `Free space on ${where} of ${host}, or inodes (df -i ${where}), then run the same command again.`,
    ...(output === '' ? {} : { output }),
  });
}

/** As libc says it, and Go, and apt. */
const NO_ROOM = /no space left on device|have enough free space in|disk quota exceeded/i;

/** A command that failed for want of room, in its own words, which name the path; null for any other end. */
export function metFullDisk(host: HostId, command: string, result: CommandResult): KeelsonError | null {
  if (result.exitCode === 0) return null;
  const line = result.stderr.split('\n').findLast((text) => NO_ROOM.test(text));
  if (line === undefined) return null;
  return diskFull(host, `${command} on ${host} found no room: ${plainText(line.trim()).slice(0, 300)}`, {
    output: plainText(`${result.stdout}\n${result.stderr}`.trim()),
  });
}
