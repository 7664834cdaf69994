import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type AptRepository, startAptRepository } from './apt-repository.ts';
import { ensureBase } from './base-image.ts';
import { cgroupTrees, processesIn } from './cgroups.ts';
import { discardMachine, removeTraces, sweepAbandoned } from './cleanup.ts';
import { LabError } from './errors.ts';
import { withLock } from './locks.ts';
import { createMachine, type Machine, type MachineCondition } from './machine.ts';
import { prepareMachine } from './machine-disk.ts';
import { ensureBridge } from './network.ts';
import { cacheDirectory, kernelNames, labPaths, labsDirectory } from './paths.ts';
import { identifyProcess, isAlive } from './process-identity.ts';
import { ensureSoftwareLayer } from './software-layer.ts';
import { makeKey } from './ssh.ts';
import {
  checkLabName,
  checkMachineNames,
  type DiskSpec,
  type LabState,
  labNames,
  type MachineRecord,
  readState,
  type Software,
  writeState,
} from './state.ts';
import {
  assignAddresses,
  chooseFreeSubnet,
  formatSubnet,
  gatewayOf,
  ipv6Twin,
  localSubnets,
  parseSubnet,
  type Subnet,
  subnetOf,
} from './subnets.ts';

export interface MachineSpec {
  readonly name: string;
  /** Chosen by the lab when absent. */
  readonly address?: string;
  readonly disk?: DiskSpec;
}

export interface LabOptions {
  /** Lower case letters, digits and hyphens. */
  readonly name: string;
  readonly machines: readonly MachineSpec[];
  /**
   * `bare`: Debian with systemd and sshd (default). `images`: also the images of `bundle` in containerd's store, as if
   * they had been pulled, but no program. `preinstalled`: both programs and images.
   */
  readonly software?: Software['kind'];
  /** The folder of a bundle; needed for all but `bare`. */
  readonly bundle?: string;
  /** Such as 10.77.0.0/24. By default that of the first given address, else a free one. */
  readonly subnet?: string;
  /** Gives each machine an IPv6 address as well. */
  readonly ipv6?: boolean;
  /** Lives on after this process. Without it, the next command of the lab removes what this process left behind. */
  readonly keep?: boolean;
  readonly progress?: (line: string) => void;
}

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
  const existed = existsSync(labPaths(name).directory) || processesIn(cgroupTrees(), name).length > 0;
  await withLock(labPaths(name).lockFile, () => removeTraces(name));
  return existed;
}

/** Removes all labs of this cache, except those that another running process uses. */
export async function removeAllLabs(progress: Progress = () => {}): Promise<void> {
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

interface Platform {
  readonly software: Software;
  readonly base: string;
  readonly layer?: string;
  readonly containerdStore?: string;
}

function check(options: LabOptions): void {
  checkLabName(options.name);
  checkMachineNames(options.machines.map(({ name }) => name));
  // The kernel separates the layers of an overlay by colons and its options by commas.
  if (!/^[\w./@+-]+$/.test(cacheDirectory())) {
    throw new LabError(
      'lab-bad-cache',
      `The cache folder ${cacheDirectory()} has a special character.`,
      'Set KEELSON_CACHE.',
    );
  }
}

async function preparePlatform(options: LabOptions, progress: Progress): Promise<Platform> {
  const base = await ensureBase(progress);
  const kind = options.software ?? 'bare';
  if (kind === 'bare') return { software: { kind }, base };
  if (options.bundle === undefined) {
    throw new LabError('lab-no-bundle', `The software "${kind}" needs a bundle.`, 'Name the folder of a bundle.');
  }
  const bundle = resolve(options.bundle);
  const { layer, containerdStore } = await ensureSoftwareLayer(bundle, progress);
  return { software: { kind, bundle }, base, containerdStore, ...(kind === 'preinstalled' ? { layer } : {}) };
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

function refuseOtherPlatform(state: LabState, platform: Platform): void {
  const same =
    state.base === platform.base &&
    state.layer === platform.layer &&
    state.containerdStore === platform.containerdStore;
  if (same && state.software.kind === platform.software.kind) return;
  throw new LabError(
    'lab-differs',
    `Lab "${state.name}" runs other software (${state.software.kind}) than asked for.`,
    `Remove it first: "lab down ${state.name}".`,
  );
}

/** Chooses the network and writes the lab down, so that no other lab chooses the same. */
async function register(options: LabOptions, platform: Platform): Promise<LabState> {
  return await withLock(join(labsDirectory(), '.subnets.lock'), async () => {
    const subnet = chooseSubnet(options);
    const owner = identifyProcess(process.pid);
    const state: LabState = {
      version: 1,
      name: options.name,
      subnet,
      ipv6: options.ipv6 === true,
      ...platform,
      ...(owner === undefined ? {} : { owner }),
      machines: [],
    };
    const complete = withMachines(state, options.machines);
    writeState(complete);
    return complete;
  });
}

function chooseSubnet(options: LabOptions): Subnet {
  const others = labNames()
    .filter((name) => name !== options.name)
    .flatMap((name) => readState(name)?.subnet ?? []);
  const taken = [...others, ...localSubnets()];
  const address = options.machines.find((machine) => machine.address !== undefined)?.address;
  const wanted =
    options.subnet !== undefined ? parseSubnet(options.subnet) : address !== undefined ? subnetOf(address) : undefined;
  if (wanted === undefined) return chooseFreeSubnet(taken);
  if (!taken.some(({ prefix }) => prefix === wanted.prefix)) return wanted;
  throw new LabError(
    'lab-subnet-taken',
    `${formatSubnet(wanted)} is in use on this computer.`,
    'See "lab list"; remove that lab or choose other addresses.',
  );
}

function withMachines(state: LabState, specs: readonly MachineSpec[]): LabState {
  checkMachineNames([...state.machines, ...specs].map(({ name }) => name));
  const taken = state.machines.map(({ address }) => address);
  const addresses = assignAddresses(state.subnet, specs, taken);
  const added = specs.map((spec): MachineRecord => {
    const address = addresses.get(spec.name) ?? '';
    return {
      name: spec.name,
      address,
      ...(state.ipv6 ? { address6: ipv6Twin(address) } : {}),
      ...(spec.disk === undefined ? {} : { disk: spec.disk }),
      prepared: false,
    };
  });
  return { ...state, machines: [...state.machines, ...added] };
}

/** Makes what the state promises: key, bridge, every machine prepared and running. */
async function complete(state: LabState, keep: boolean, progress: Progress): Promise<Lab> {
  const { identityFile } = labPaths(state.name);
  if (!existsSync(`${identityFile}.pub`)) await makeKey(identityFile, 'ed25519', `keelson-lab-${state.name}`);
  await ensureBridge(state.name, state.subnet, state.ipv6);
  const prepared = await prepareAll(state, progress);
  await bootAll(prepared, progress);
  const { owner, ...persistent } = prepared;
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
