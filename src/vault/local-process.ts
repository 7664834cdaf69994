import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/** One process of one boot of one machine: a pid alone is reused. */
export interface LocalProcess {
  host: string;
  bootId: string;
  pid: number;
  /** Start in clock ticks since boot, field 22 of /proc/PID/stat; empty where there is no /proc. */
  pidStart: string;
}

export async function thisProcess(): Promise<LocalProcess> {
  const stat = await processStat(process.pid);
  return { host: hostname(), bootId: await bootId(), pid: process.pid, pidStart: stat?.start ?? '' };
}

/** `unknown` for a process of another machine that shares the folder. */
export async function processState(other: LocalProcess): Promise<'alive' | 'dead' | 'unknown'> {
  if (other.host !== hostname()) return 'unknown';
  if (other.bootId !== (await bootId())) return 'dead';
  if (other.pidStart === '') return isRunning(other.pid) ? 'alive' : 'dead';
  const stat = await processStat(other.pid);
  return stat !== null && stat.start === other.pidStart && !stat.ended ? 'alive' : 'dead';
}

async function bootId(): Promise<string> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return text.trim();
}

async function processStat(pid: number): Promise<{ start: string; ended: boolean } | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (text === null) return null;
  // The second field is the program's name in brackets and may hold blanks and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { start: fields[19] ?? '', ended: fields[0] === 'Z' || fields[0] === 'X' };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
