import { randomBytes, randomUUID } from 'node:crypto';
import { access, constants, readFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { programOf } from '../desired/bundle.ts';
import type { Software } from '../desired/types.ts';
import { localReadHost } from '../host/local-read-host.ts';
import type { RunProcess } from '../model/events.ts';
import type { Clock } from '../ports/clock.ts';
import type { LockHolder, ReadHost } from '../ports/host.ts';
import type { Random } from '../ports/random.ts';

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  },
  monotonicMs: () => performance.now(),
};

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  hex: (bytes) => randomBytes(bytes).toString('hex'),
};

/** Who runs this process, as the lock on the machines tells it. */
export async function thisOperator(command: string): Promise<Omit<LockHolder, 'run' | 'fence' | 'since'>> {
  const stat = await readFile('/proc/self/stat', 'utf8').catch(() => '');
  return {
    command,
    user: process.env.SUDO_USER ?? userInfo().username,
    operator: hostname(),
    operatorMachineId: (await readFile('/etc/machine-id', 'utf8').catch(() => '')).trim(),
    operatorBootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim(),
    pid: process.pid,
    pidStart: startTime(stat),
  };
}

// The second field is the program's name in brackets and may hold blanks: count from the last bracket (proc(5), field 22).
function startTime(stat: string): string {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

export type ProcessState = 'running' | 'dead' | 'unknown';

/** What of a run's process can be told from here: nothing of one on another machine. */
export async function processStates(): Promise<(process: RunProcess) => ProcessState> {
  const own = await thisOperator('');
  const { readFileSync } = await import('node:fs');
  return (holder) => {
    // A process of this machine is dead when the machine booted since, or the pid is gone, or is another process by now.
    if (own.operatorMachineId === '' || holder.operatorMachineId !== own.operatorMachineId) return 'unknown';
    if (holder.operatorBootId !== own.operatorBootId) return 'dead';
    try {
      return startTime(readFileSync(`/proc/${holder.pid}/stat`, 'utf8')) === holder.pidStart ? 'running' : 'dead';
    } catch {
      return 'dead';
    }
  };
}

export async function deadOwner(): Promise<(holder: RunProcess) => boolean> {
  const stateOf = await processStates();
  return (holder) => stateOf(holder) === 'dead';
}

/** Runs the bundle's kubeadm here, for machines that have none yet; null where it cannot run (another system or architecture). */
export async function localKubeadm(software: Software): Promise<ReadHost | null> {
  if (software.source !== 'bundle') return null;
  const { directory, manifest } = software.bundle;
  const program = programOf(manifest, 'kubeadm');
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  if (program === undefined || process.platform !== 'linux' || architecture !== manifest.architecture) return null;
  const path = join(directory, program.path);
  try {
    await access(path, constants.X_OK);
  } catch {
    return null;
  }
  return localReadHost([dirname(path)]);
}
