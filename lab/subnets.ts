import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { LabError } from './errors.ts';

/** A lab's network: an IPv4 /24, and the IPv6 /64 that belongs to it. The bridge, which is this computer, has number 1. */
export interface Subnet {
  /** The first three numbers, such as "10.77.0". */
  readonly prefix: string;
}

const firstMachineNumber = 10;

export function subnetOf(address: string): Subnet {
  if (!isIPv4(address)) {
    throw new LabError(
      'lab-bad-address',
      `"${address}" is not an IPv4 address.`,
      'Give an address such as 10.77.0.10.',
    );
  }
  return { prefix: address.split('.').slice(0, 3).join('.') };
}

/** Reads "10.77.0.0/24". */
export function parseSubnet(text: string): Subnet {
  const [address = '', length] = text.split('/');
  if (length !== '24' || !address.endsWith('.0')) {
    throw new LabError('lab-bad-subnet', `"${text}" is not a /24 network.`, 'Give a network such as 10.77.0.0/24.');
  }
  return subnetOf(address);
}

export function formatSubnet(subnet: Subnet): string {
  return `${subnet.prefix}.0/24`;
}

export function gatewayOf(subnet: Subnet): string {
  return `${subnet.prefix}.1`;
}

/** The IPv6 address with the same number: 10.78.5.10 becomes fd77:78:5::10, so that a person sees which machine it is. */
export function ipv6Twin(address: string): string {
  const [, second, third, last] = address.split('.');
  // In canonical form, as programs print it: a zero joins the run of zeros.
  return third === '0' ? `fd77:${second}::${last}` : `fd77:${second}:${third}::${last}`;
}

/** The lowest free /24 of 10.78.0.0/16, which is where labs go that do not care. */
export function chooseFreeSubnet(taken: readonly Subnet[]): Subnet {
  const used = new Set(taken.map((subnet) => subnet.prefix));
  for (let third = 0; third < 256; third += 1) {
    const prefix = `10.78.${third}`;
    if (!used.has(prefix)) return { prefix };
  }
  throw new LabError(
    'lab-no-free-subnet',
    'All networks of 10.78.0.0/16 are in use.',
    'Remove labs: "lab down --all".',
  );
}

/** Networks that this computer itself is in. */
export function localSubnets(): Subnet[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.filter((entry) => entry.family === 'IPv4').map((entry) => subnetOf(entry.address));
}

/** Gives each machine the address it asks for, and the others the lowest free ones from .10 on. */
export function assignAddresses(
  subnet: Subnet,
  machines: readonly { readonly name: string; readonly address?: string }[],
  taken: readonly string[] = [],
): Map<string, string> {
  const used = new Set([gatewayOf(subnet), ...taken]);
  const assigned = new Map<string, string>();
  for (const { name, address } of machines) {
    if (address === undefined) continue;
    checkAddress(subnet, name, address, used);
    used.add(address);
    assigned.set(name, address);
  }
  let number = firstMachineNumber;
  for (const { name, address } of machines) {
    if (address !== undefined) continue;
    while (used.has(`${subnet.prefix}.${number}`)) number += 1;
    if (number > 254) {
      throw new LabError('lab-subnet-full', `No address is left in ${formatSubnet(subnet)}.`, 'Use fewer machines.');
    }
    used.add(`${subnet.prefix}.${number}`);
    assigned.set(name, `${subnet.prefix}.${number}`);
  }
  return assigned;
}

function checkAddress(subnet: Subnet, name: string, address: string, used: ReadonlySet<string>): void {
  const last = Number(address.split('.').at(-1));
  if (subnetOf(address).prefix !== subnet.prefix || last < 2 || last > 254) {
    throw new LabError(
      'lab-address-outside',
      `${name}: ${address} is no machine address of ${formatSubnet(subnet)}.`,
      `Choose one from ${subnet.prefix}.2 to ${subnet.prefix}.254.`,
    );
  }
  if (used.has(address)) {
    throw new LabError(
      'lab-address-taken',
      `${name}: ${address} is taken.`,
      'Choose another address, or leave it out.',
    );
  }
}
