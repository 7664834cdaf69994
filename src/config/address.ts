import { formatIp, parseIp, unmapIpv4 } from '../model/ip.ts';

export type AddressFamily = 'IPv4' | 'IPv6';

/** One text for one address: IPv6 in lower case and compressed, as Go prints it. null when the text is no address. */
export function normalizeAddress(text: string): string | null {
  const bytes = parseIp(text);
  return bytes === null ? null : formatIp(bytes);
}

export function addressFamily(address: string): AddressFamily {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

/** As it stands in a URL: an IPv6 address in brackets. */
export function urlHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** Why no machine can be reached by others at this address; null when it can. The text continues "is". */
export function unusableAddress(text: string): string | null {
  const bytes = parseIp(text);
  if (bytes === null) return 'not an IPv4 or IPv6 address';
  if (bytes.length === 4) return unusableIpv4(bytes);
  const inner = unmapIpv4(bytes);
  if (inner.length === 4) return `an IPv4 address in IPv6 form (${formatIp(inner)})`;
  return unusableIpv6(bytes);
}

function unusableIpv4(bytes: Uint8Array): string | null {
  const [a = 0, b = 0] = bytes;
  if (a === 0) return 'an unspecified address (0.0.0.0/8)';
  if (a === 127) return 'a loopback address (127.0.0.0/8)';
  if (a === 169 && b === 254) return 'a link-local address (169.254.0.0/16)';
  if (a >= 224 && a < 240) return 'a multicast address (224.0.0.0/4)';
  if (a >= 240) return 'a reserved or broadcast address (240.0.0.0/4)';
  return null;
}

function unusableIpv6(bytes: Uint8Array): string | null {
  const [a = 0, b = 0] = bytes;
  if (bytes.every((byte) => byte === 0)) return 'the unspecified address (::)';
  if (bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return 'the loopback address (::1)';
  if (a === 0xfe && (b & 0xc0) === 0x80) return 'a link-local address (fe80::/10)';
  if (a === 0xff) return 'a multicast address (ff00::/8)';
  return null;
}

export interface Endpoint {
  /** A DNS name in lower case, or an address as Go prints it, without brackets. */
  host: string;
  port: number | null;
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const DNS_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** `HOST`, `HOST:PORT` or `[IPV6]:PORT`; null when it is none of them. */
export function parseEndpoint(text: string): Endpoint | null {
  const match =
    /^(?:\[([^\]]+)\]|([^:]+))(?::([1-9]\d{0,4}))?$/.exec(text) ?? (parseIp(text) === null ? null : ['', text]);
  if (match === null) return null;
  const [, bracketed, plain, digits] = match;
  const name = bracketed ?? plain ?? '';
  const port = digits === undefined ? null : Number(digits);
  if (port !== null && port > 65_535) return null;
  const address = normalizeAddress(name);
  if (address !== null) return unusableAddress(address) === null ? { host: address, port } : null;
  const isName = bracketed === undefined && name.length <= 253 && DNS_NAME.test(name) && !/^[\d.]+$/.test(name);
  return isName ? { host: name, port } : null;
}
