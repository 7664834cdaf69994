import { join } from 'node:path';
import { LabError } from './errors.ts';
import { withLock } from './locks.ts';
import type { LabOptions, MachineSpec } from './options.ts';
import { labsDirectory } from './paths.ts';
import type { Platform } from './platform.ts';
import { identifyProcess } from './process-identity.ts';
import { checkMachineNames, type LabState, labNames, type MachineRecord, readState, writeState } from './state.ts';
import {
  assignAddresses,
  chooseFreeSubnet,
  formatSubnet,
  ipv6Twin,
  localSubnets,
  parseSubnet,
  type Subnet,
  subnetOf,
} from './subnets.ts';

/** Chooses the network and writes the lab down, so that no other lab chooses the same. */
export async function register(options: LabOptions, platform: Platform): Promise<LabState> {
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

/** The lab with more machines, not prepared yet. */
export function withMachines(state: LabState, specs: readonly MachineSpec[]): LabState {
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
