import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { cgroupTrees } from '../../lab/cgroups.ts';
import { attempt } from '../../lab/command.ts';

/** What the results of one run belong to; bench/results/run.json. */
export interface RunDescription {
  readonly at: string;
  readonly commit: string;
  readonly computer: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly contenders: Readonly<Record<string, string>>;
  readonly rounds: number;
  /** Started although the load was above the limit; disturbed rounds count then. */
  readonly anyLoad: boolean;
  readonly loadAtStart: number;
  readonly missing: readonly string[];
}

const fileName = 'run.json';

export async function describeComputer(): Promise<RunDescription['computer']> {
  const os = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  return {
    processors: `${availableParallelism()} of ${cpus()[0]?.model ?? 'unknown'}`,
    memory: `${(totalmem() / 1024 ** 3).toFixed(1)} GiB`,
    system: os,
    kernel: release(),
    cgroups: `version ${cgroupTrees().version}`,
    // The lab's disks are files below the cache.
    virtualisation: (await attempt(['systemd-detect-virt'])).stdout.trim() || 'unknown',
  };
}

export async function describeCommit(root: string): Promise<string> {
  const head = await attempt(['git', 'rev-parse', '--short=12', 'HEAD'], { cwd: root });
  const changed = await attempt(['git', 'status', '--porcelain', '--', 'src', 'bin', 'lab'], { cwd: root });
  return `${head.stdout.trim() || 'unknown'}${changed.stdout.trim() === '' ? '' : ', changed since'}`;
}

export async function opensshVersion(): Promise<string> {
  const said = await attempt(['ssh', '-V']);
  return /^(OpenSSH_[^,\s]+)/.exec(said.stderr)?.[1] ?? 'unknown';
}

export function writeDescription(folder: string, description: RunDescription): void {
  writeFileSync(join(folder, fileName), `${JSON.stringify(description, null, 2)}\n`);
}

export function readDescription(folder: string): RunDescription | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, fileName), 'utf8')) as RunDescription;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
