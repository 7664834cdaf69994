import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type AptRepository, startAptRepository } from './apt-repository.ts';
import { cgroupTrees, processesIn } from './cgroups.ts';
import { discardMachine, removeTraces, sweepAbandoned } from './cleanup.ts';
import { LabError } from './errors.ts';
import { withLock } from './locks.ts';
import { createMachine, type Machine, type MachineCondition } from './machine.ts';
import { prepareMachine } from './machine-disk.ts';
import { ensureBridge } from './network.ts';
import type { LabOptions, MachineSpec } from './options.ts';
import { refuseForeign } from './ownership.ts';
import { cacheDirectory, kernelNames, labPaths } from './paths.ts';
import { preparePlatform, refuseOtherPlatform } from './platform.ts';
import { requireRoot } from './prerequisites.ts';
import { isAlive } from './process-identity.ts';
import { register, withMachines } from './registration.ts';
import { makeKey } from './ssh.ts';
import {
  checkLabName,
  checkMachineNames,
  type LabState,
  labNames,
  readState,
  type Software,
  writeState,
} from './state.ts';
import { formatSubnet, gatewayOf, ipv6Twin } from './subnets.ts';

export interface Lab extends AsyncDisposable {
  readonly name: string;
  readonly directory: string;
  readonly bridge: string;
  /** Such as 10.77.0.0/24. */
  readonly subnet: string;
  /** This computer, as the machines see it. */
  readonly gateway: string;
  readonly gateway6: string | undefined;
  readonly machines: () => readonly Machine[];
  /** Rejects an unknown name by throwing. */
  readonly machine: (name: string) => Machine;
  /** The private key (0600) that root of each machine accepts. */
  readonly identityFile: string;
  /** Its public half, a line for authorized_keys. */
  readonly publicKey: () => string;
  /** Lines for known_hosts, as the machines have their keys now. */
  readonly hostKeys: () => string[];
  readonly addMachines: (machines: readonly MachineSpec[]) => Promise<readonly Machine[]>;
  /** Serves a bundle's programs as signed Debian packages to this lab's machines. */
  readonly serveAptRepository: (bundleDirectory: string) => Promise<AptRepository>;
  /** Removes the lab and every trace of it. */
  readonly down: () => Promise<void>;
}

export interface LabSummary {
  readonly name: string;
  readonly subnet: string;
  readonly bridge: string;
  readonly software: Software['kind'];
  readonly owner: 'persistent' | 'alive' | 'dead';
  readonly machines: readonly {
    readonly name: string;
    readonly address: string;
    readonly address6?: string;
    readonly condition: MachineCondition;
  }[];
}

type Progress = (line: string) => void;

/** Makes a lab anew and resolves when sshd answers on each machine. What was there under this name is removed. */
export async function createLab(options: LabOptions): Promise<Lab> {
  const progress = options.progress ?? (() => {});
  check(options);
  await sweepAbandoned(options.name, progress);
  const platform = await preparePlatform(options, progress);
  return await withLock(labPaths(options.name).lockFile, async () => {
    await refuseInUse(options.name);
    await removeTraces(options.name);
    const state = await register(options, platform);
    try {
      return await complete(state, options.keep === true, progress);
    } catch (error) {
      await removeTraces(options.name);
      throw error;
    }
  });
}

/** The lab as it is, if it is there; machines that are missing or off are made and booted. */
export async function ensureLab(options: LabOptions): Promise<Lab> {
  const progress = options.progress ?? (() => {});
  check(options);
  await sweepAbandoned(options.name, progress);
  const platform = await preparePlatform(options, progress);
  return await withLock(labPaths(options.name).lockFile, async () => {
    const existing = readState(options.name);
    if (existing === undefined) {
      await removeTraces(options.name);
      return await complete(await register(options, platform), options.keep === true, progress);
    }
    refuseOtherPlatform(existing, platform);
    const added = options.machines.filter(({ name }) => !existing.machines.some((machine) => machine.name === name));
    const state = withMachines(existing, added);
    writeState(state);
    return await complete(state, options.keep === true, progress);
  });
}

export function openLab(name: string): Lab {
  checkLabName(name);
  const state = readState(name);
  if (state !== undefined) return labOf(name, () => {});
  throw new LabError(
    'lab-unknown',
    `There is no lab "${name}".`,
    `Labs on this computer: ${labNames().join(', ') || 'none'}.`,
  );
}

export function listLabs(): LabSummary[] {
  return labNames().flatMap((name) => {
    const state = readState(name);
    return state === undefined ? [] : [summarise(state)];
  });
}

/** Removes a lab by name, whether it is complete, half made or unknown. Answers whether there was anything. */
export async function removeLab(name: string): Promise<boolean> {
  checkLabName(name);
  requireRoot();
  refuseForeign(name);
  const existed = existsSync(labPaths(name).directory) || processesIn(cgroupTrees(), name).length > 0;
  await withLock(labPaths(name).lockFile, () => removeTraces(name));
  return existed;
}

/** Removes all labs of this cache, except those that another running process uses. */
export async function removeAllLabs(progress: Progress = () => {}): Promise<void> {
  requireRoot();
  for (const name of labNames()) {
    const owner = readState(name)?.owner;
    if (owner !== undefined && owner.pid !== process.pid && isAlive(owner)) {
      progress(`${name}: left alone, process ${owner.pid} is using it`);
      continue;
    }
    progress(`${name}: removing`);
    await removeLab(name);
  }
}

function check(options: LabOptions): void {
  checkLabName(options.name);
  checkMachineNames(options.machines.map(({ name }) => name));
  refuseForeign(options.name);
  // The kernel separates the layers of an overlay by colons and its options by commas.
  if (!/^[\w./@+-]+$/.test(cacheDirectory())) {
    throw new LabError(
      'lab-bad-cache',
      `The cache folder ${cacheDirectory()} has a special character.`,
      'Set KEELSON_CACHE.',
    );
  }
}

/** A lab that another living process made for itself is not taken from it. */
async function refuseInUse(name: string): Promise<void> {
  const owner = readState(name)?.owner;
  if (owner === undefined || owner.pid === process.pid || !isAlive(owner)) return;
  throw new LabError(
    'lab-in-use',
    `Lab "${name}" is in use by process ${owner.pid}.`,
    'Wait for it, or use another name.',
  );
}

/** Makes what the state promises: key, bridge, every machine prepared and running. */
async function complete(state: LabState, keep: boolean, progress: Progress): Promise<Lab> {
  const { identityFile } = labPaths(state.name);
  if (!existsSync(`${identityFile}.pub`)) await makeKey(identityFile, 'ed25519', `keelson-lab-${state.name}`);
  await ensureBridge(state.name, state.subnet, state.ipv6);
  const prepared = await prepareAll(state, progress);
  await bootAll(prepared, progress);
  const { owner: _builder, ...persistent } = prepared;
  writeState(keep ? persistent : prepared);
  return labOf(state.name, progress);
}

async function prepareAll(state: LabState, progress: Progress): Promise<LabState> {
  const publicKey = readFileSync(`${labPaths(state.name).identityFile}.pub`, 'utf8');
  const missing = state.machines.filter((machine) => !machine.prepared);
  await Promise.all(
    missing.map(async (record) => {
      await discardMachine(state.name, record.name);
      await prepareMachine(state, record, publicKey);
      progress(`${record.name}: disk ready`);
    }),
  );
  const prepared = { ...state, machines: state.machines.map((machine) => ({ ...machine, prepared: true })) };
  writeState(prepared);
  return prepared;
}

async function bootAll(state: LabState, progress: Progress): Promise<void> {
  const results = await Promise.allSettled(
    state.machines.map(async (record) => {
      const started = Date.now();
      const machine = createMachine(state, record);
      const was = machine.condition();
      if (was === 'frozen') return;
      await machine.boot();
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      progress(
        was === 'off'
          ? `${record.name}: sshd answers at ${record.address} after ${seconds} s`
          : `${record.name}: is running`,
      );
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function labOf(name: string, progress: Progress): Lab {
  const paths = labPaths(name);
  const current = (): LabState => {
    const state = readState(name);
    if (state === undefined) throw new LabError('lab-unknown', `Lab "${name}" is gone.`, 'Make it again.');
    return state;
  };
  const first = current();
  const machines = (): readonly Machine[] => {
    const state = current();
    return state.machines.map((record) => createMachine(state, record));
  };
  const machine = (wanted: string): Machine => {
    const found = machines().find((candidate) => candidate.name === wanted);
    if (found !== undefined) return found;
    const names = machines().map((candidate) => candidate.name);
    throw new LabError(
      'lab-unknown-machine',
      `Lab "${name}" has no machine "${wanted}".`,
      `It has: ${names.join(', ')}.`,
    );
  };
  const down = async (): Promise<void> => {
    await removeLab(name);
  };
  return {
    name,
    directory: paths.directory,
    bridge: kernelNames(name).bridge,
    subnet: formatSubnet(first.subnet),
    gateway: gatewayOf(first.subnet),
    gateway6: first.ipv6 ? ipv6Twin(gatewayOf(first.subnet)) : undefined,
    machines,
    machine,
    identityFile: paths.identityFile,
    publicKey: () => readFileSync(`${paths.identityFile}.pub`, 'utf8').trim(),
    hostKeys: () => machines().flatMap(knownHostLines),
    addMachines: (specs) => addMachines(name, specs, progress),
    serveAptRepository: (bundleDirectory) => startAptRepository(current(), bundleDirectory, progress),
    down,
    [Symbol.asyncDispose]: down,
  };
}

async function addMachines(
  name: string,
  specs: readonly MachineSpec[],
  progress: Progress,
): Promise<readonly Machine[]> {
  return await withLock(labPaths(name).lockFile, async () => {
    const state = readState(name);
    if (state === undefined) throw new LabError('lab-unknown', `Lab "${name}" is gone.`, 'Make it again.');
    const extended = withMachines(state, specs);
    writeState(extended);
    const prepared = await prepareAll(extended, progress);
    const added = prepared.machines.filter((record) => specs.some((spec) => spec.name === record.name));
    await bootAll({ ...prepared, machines: added }, progress);
    return added.map((record) => createMachine(prepared, record));
  });
}

function knownHostLines(machine: Machine): string[] {
  const addresses = [machine.address, ...(machine.address6 === undefined ? [] : [machine.address6])];
  return machine.hostKeys().map((key) => `${addresses.join(',')} ${key}`);
}

/** known_hosts of the lab, written anew from the machines' disks. */
export function writeKnownHosts(lab: Lab): string {
  const { knownHosts } = labPaths(lab.name);
  writeFileSync(knownHosts, `${lab.hostKeys().join('\n')}\n`);
  return knownHosts;
}

function summarise(state: LabState): LabSummary {
  return {
    name: state.name,
    subnet: formatSubnet(state.subnet),
    bridge: kernelNames(state.name).bridge,
    software: state.software.kind,
    owner: state.owner === undefined ? 'persistent' : isAlive(state.owner) ? 'alive' : 'dead',
    machines: state.machines.map((record) => ({
      name: record.name,
      address: record.address,
      ...(record.address6 === undefined ? {} : { address6: record.address6 }),
      condition: createMachine(state, record).condition(),
    })),
  };
}
