import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { LabError } from './errors.ts';
import { labPaths, labsDirectory } from './paths.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { Subnet } from './subnets.ts';

/** A file system of the machine's own in a small image, for full and slow disks. */
export interface DiskSpec {
  readonly sizeMiB: number;
  /** What is on it: etcd's data directory alone (the default), or all that the machine writes. */
  readonly holds?: 'etcd' | 'root';
}

export type Software =
  | { readonly kind: 'bare' }
  | { readonly kind: 'images' | 'preinstalled'; readonly bundle: string };

export interface MachineRecord {
  readonly name: string;
  readonly address: string;
  readonly address6?: string;
  readonly disk?: DiskSpec;
  /** False until its file system is complete. */
  readonly prepared: boolean;
}

/** What a lab is, as its other processes need it. What runs is not recorded but read from its cgroups and namespaces. */
export interface LabState {
  readonly version: 1;
  readonly name: string;
  readonly subnet: Subnet;
  readonly ipv6: boolean;
  readonly software: Software;
  /** The base file system below every machine. */
  readonly base: string;
  readonly layer?: string;
  readonly containerdStore?: string;
  /** Whose end makes the lab garbage: the test that made it, or the process that is still building it. */
  readonly owner?: ProcessIdentity;
  readonly machines: readonly MachineRecord[];
}

export function readState(lab: string): LabState | undefined {
  try {
    return JSON.parse(readFileSync(labPaths(lab).stateFile, 'utf8')) as LabState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function writeState(state: LabState): void {
  const { stateFile } = labPaths(state.name);
  mkdirSync(dirname(stateFile), { recursive: true });
  writeFileSync(`${stateFile}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${stateFile}.new`, stateFile);
}

/** Names of all labs with a folder, also of those that were never finished. */
export function labNames(): string[] {
  try {
    const entries = readdirSync(labsDirectory(), { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

const labName = /^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$/;
const machineName = /^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/;

export function checkLabName(name: string): void {
  if (labName.test(name)) return;
  throw new LabError(
    'lab-bad-name',
    `"${name}" cannot name a lab.`,
    'Use up to 32 lower case letters, digits and hyphens, a letter first.',
  );
}

export function checkMachineNames(names: readonly string[]): void {
  for (const name of names) {
    if (machineName.test(name)) continue;
    throw new LabError('lab-bad-name', `"${name}" cannot name a machine.`, 'Use a DNS label of up to 42 characters.');
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new LabError('lab-machine-exists', `Two machines are named "${twice}".`, 'Give each machine its own name.');
}
