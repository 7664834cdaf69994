import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

/** One entry of a tar. Owner is always root and the time is always 1970, so that equal content gives equal bytes. */
export type TarEntry =
  | { readonly type: 'directory'; readonly path: string; readonly mode: number }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly content: string | Uint8Array }
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly from: string };

const blockSize = 512;
/** A ustar name without its prefix field. Nothing in an image of ours comes near it. */
const longestName = 100;
const typeFlags = { file: '0', link: '2', directory: '5' } as const;

/** The bytes of a ustar archive, piece by piece: files named by `from` are never held in memory. */
export async function* tarBytes(entries: readonly TarEntry[]): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    if (entry.type !== 'file') {
      yield header(entry, 0);
      continue;
    }
    if ('content' in entry) {
      const bytes = Buffer.from(entry.content);
      yield header(entry, bytes.length);
      yield bytes;
      yield padding(bytes.length);
      continue;
    }
    const { size } = await stat(entry.from);
    yield header(entry, size);
    let read = 0;
    for await (const chunk of createReadStream(entry.from, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>) {
      read += chunk.length;
      yield chunk;
    }
    if (read !== size) {
      throw new Error(`${entry.from} changed while it was read: ${size} bytes expected, ${read} found`);
    }
    yield padding(size);
  }
  yield new Uint8Array(2 * blockSize);
}

function header(entry: TarEntry, size: number): Uint8Array {
  const name = entry.type === 'directory' ? `${entry.path}/` : entry.path;
  const target = entry.type === 'link' ? entry.target : '';
  for (const text of [name, target]) {
    if (Buffer.byteLength(text) > longestName) {
      throw new Error(`"${text}" is longer than the ${longestName} bytes that a ustar header has for it`);
    }
  }
  const block = Buffer.alloc(blockSize);
  block.write(name, 0);
  block.write(octal(entry.type === 'link' ? 0o777 : entry.mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  block.fill(' ', 148, 156);
  block.write(typeFlags[entry.type], 156);
  block.write(target, 157);
  block.write('ustar\u000000', 257);
  let sum = 0;
  for (const byte of block) {
    sum += byte;
  }
  block.write(`${octal(sum, 6)}\u0000 `, 148);
  return block;
}

function octal(value: number, digits: number): string {
  const text = value.toString(8).padStart(digits, '0');
  if (text.length > digits) {
    throw new Error(`${value} does not fit into ${digits} octal digits of a tar header`);
  }
  return text;
}

function padding(size: number): Uint8Array {
  return new Uint8Array((blockSize - (size % blockSize)) % blockSize);
}
