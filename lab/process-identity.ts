import { readFileSync } from 'node:fs';

/** A process that is known again for sure: a process id alone is reused, and every count restarts with the computer. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between the start of the computer and that of the process. */
  readonly startTime: string;
  readonly bootId: string;
}

export function identifyProcess(pid: number): ProcessIdentity | undefined {
  try {
    return { pid, startTime: readStartTime(pid), bootId: readBootId() };
  } catch {
    return undefined;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  const now = identifyProcess(identity.pid);
  return now !== undefined && now.startTime === identity.startTime && now.bootId === identity.bootId;
}

function readStartTime(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in parentheses and may hold spaces; the state (field 3) follows the last ")".
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') throw new Error(`process ${pid} has ended`);
  return fields[19] ?? '';
}

function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
