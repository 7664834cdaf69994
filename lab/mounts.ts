import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, run } from './command.ts';

/** Mount points at or below a directory, in the order in which they were mounted. */
export function mountsBelow(directory: string): string[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8')).filter(
    (target) => target === directory || target.startsWith(`${directory}/`),
  );
}

export function parseMountInfo(text: string): string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => unescapeOctal(line.split(' ')[4] ?? ''));
}

export function isMounted(target: string): boolean {
  return mountsBelow(target).includes(target);
}

export async function unmountBelow(directory: string): Promise<void> {
  for (const target of mountsBelow(directory).reverse()) await unmount(target);
}

/** Just after the last process the kernel may still hold a mount; one that stays busy is detached. */
async function unmount(target: string): Promise<void> {
  for (let tries = 0; tries < 20; tries += 1) {
    if ((await attempt(['umount', target])).code === 0 || !isMounted(target)) return;
    await sleep(50);
  }
  await run(['umount', '--lazy', target]);
}

export interface LoopDevice {
  readonly device: string;
  /** major:minor */
  readonly number: string;
  readonly backing: string;
}

/** Loop devices whose image is below a directory, also one that is deleted already. */
export function loopDevicesBelow(directory: string): LoopDevice[] {
  const names = existsSync('/sys/block') ? readdirSync('/sys/block').filter((name) => name.startsWith('loop')) : [];
  return names.flatMap((name) => {
    const backing = readOptional(join('/sys/block', name, 'loop', 'backing_file'));
    if (backing === undefined || !backing.startsWith(`${directory}/`)) return [];
    return [{ device: `/dev/${name}`, number: readOptional(join('/sys/block', name, 'dev')) ?? '', backing }];
  });
}

export async function detachLoopsBelow(directory: string): Promise<void> {
  for (const loop of loopDevicesBelow(directory)) await attempt(['losetup', '--detach', loop.device]);
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
