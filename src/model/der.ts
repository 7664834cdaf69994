/** One element of a DER encoding. */
export interface DerNode {
  tag: number;
  content: Uint8Array;
  /** Tag, length and content. */
  raw: Uint8Array;
}

export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The one element that fills `bytes`. Throws on anything that is not DER: callers turn that into an error with a place. */
export function readDer(bytes: Uint8Array): DerNode {
  const { node, next } = readNode(bytes, 0);
  if (next !== bytes.length) throw new Error('bytes after the end of a DER element');
  return node;
}

export function derChildren(node: DerNode): DerNode[] {
  const nodes: DerNode[] = [];
  for (let at = 0; at < node.content.length; ) {
    const { node: child, next } = readNode(node.content, at);
    nodes.push(child);
    at = next;
  }
  return nodes;
}

export function expectTag(node: DerNode | undefined, tag: number): DerNode {
  if (node === undefined || node.tag !== tag) throw new Error(`DER tag ${node?.tag ?? 'none'} where ${tag} belongs`);
  return node;
}

/** `2.5.29.17` */
export function readOid(node: DerNode): string {
  const arcs: number[] = [];
  let value = 0;
  for (const byte of expectTag(node, derTag.oid).content) {
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(value);
      value = 0;
    }
  }
  const first = arcs.shift() ?? 0;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - 40 * top, ...arcs].join('.');
}

/** UTCTime or GeneralizedTime as `Date.toISOString` prints it, so that the texts compare as the times do. */
export function readTime(node: DerNode | undefined): string {
  const text = new TextDecoder('latin1').decode(node?.content);
  const digits = /^(\d{10}|\d{12})(\d\d)Z$/.exec(text) === null ? '' : text.slice(0, -1);
  if (node?.tag === derTag.utcTime && digits.length === 12) {
    // RFC 5280, 4.1.2.5.1: two-digit years from 50 on are of the last century.
    return isoTime(`${Number(digits.slice(0, 2)) >= 50 ? '19' : '20'}${digits}`);
  }
  if (node?.tag === derTag.generalizedTime && digits.length === 14) return isoTime(digits);
  throw new Error('a time that RFC 5280 does not allow');
}

function isoTime(digits: string): string {
  const parts = /^(\d{4})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])([0-5]\d)([0-5]\d)$/.exec(digits);
  if (parts === null) throw new Error('a time that does not exist');
  const [, year, month, day, hour, minute, second] = parts;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
}

function readNode(bytes: Uint8Array, at: number): { node: DerNode; next: number } {
  const tag = bytes[at];
  const first = bytes[at + 1];
  // Tags above 30 and indefinite lengths do not occur in certificates.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f || first === 0x80) throw new Error('not DER');
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 4) throw new Error('a DER length out of range');
  let length = first < 0x80 ? first : 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0);
  const start = at + 2 + lengthBytes;
  const next = start + length;
  if (next > bytes.length) throw new Error('a DER element is cut off');
  return { node: { tag, content: bytes.subarray(start, next), raw: bytes.subarray(at, next) }, next };
}
