import { formatIp, parseIp } from '../model/ip.ts';

/** A network: its first address and the length of its prefix in bits. */
export interface Prefix {
  address: Uint8Array;
  bits: number;
  /** What was written is the network's first address, and not another one in it. */
  exact: boolean;
}

/** `10.244.0.0/16`; null when the text is no network. */
export function parsePrefix(text: string): Prefix | null {
  const match = /^([0-9A-Fa-f:.]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const written = parseIp(match?.[1] ?? '');
  const bits = Number(match?.[2]);
  if (match === null || written === null || bits > written.length * 8) return null;
  const address = written.map((byte, i) => byte & maskByte(bits, i));
  return { address, bits, exact: address.every((byte, i) => byte === written[i]) };
}

export function formatPrefix({ address, bits }: Prefix): string {
  return `${formatIp(address)}/${bits}`;
}

export function contains(prefix: Prefix, ip: Uint8Array): boolean {
  return (
    ip.length === prefix.address.length &&
    ip.every((byte, i) => (byte & maskByte(prefix.bits, i)) === prefix.address[i])
  );
}

export function overlap(a: Prefix, b: Prefix): boolean {
  return a.bits <= b.bits ? contains(a, b.address) : contains(b, a.address);
}

function maskByte(bits: number, index: number): number {
  return (0xff << (8 - Math.min(8, Math.max(0, bits - 8 * index)))) & 0xff;
}

const privateBlocks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

/** The block of private addresses that an address is in; null for a public one. No subnet reaches beyond. */
export function privateBlock(address: string): string | null {
  const ip = parseIp(address);
  return privateBlocks.find((text) => ip !== null && holds(text, ip)) ?? null;
}

function holds(text: string, ip: Uint8Array): boolean {
  const prefix = parsePrefix(text);
  return prefix !== null && contains(prefix, ip);
}
