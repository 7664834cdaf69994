export interface PemBlock {
  /** `CERTIFICATE`, `EC PRIVATE KEY`. */
  label: string;
  bytes: Uint8Array;
}

/** All blocks of a PEM text, in order; whatever stands between them is skipped, as OpenSSL and Go do. Null when a block is damaged. */
export function readPem(text: string): PemBlock[] | null {
  const blocks: PemBlock[] = [];
  const begin = /^-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?$/gm;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const label = match[1] ?? '';
    const end = text.indexOf(`-----END ${label}-----`, begin.lastIndex);
    if (end < 0) return null;
    const bytes = fromBase64(text.slice(begin.lastIndex, end));
    if (bytes === null) return null;
    blocks.push({ label, bytes });
    begin.lastIndex = end;
  }
  return blocks;
}

/** Lines of 64 characters and a newline at the end, as Go's and OpenSSL's writers make them. */
export function writePem(label: string, bytes: Uint8Array): string {
  const lines = toBase64(bytes).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function fromBase64(text: string): Uint8Array | null {
  const compact = text.replaceAll(/\s/g, '');
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return null;
  return new Uint8Array(Buffer.from(compact, 'base64'));
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
