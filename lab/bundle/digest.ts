import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** What a written or read file holds. */
export interface FileDigest {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** SHA-256 of a text or of bytes, as hex digits. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Reads a file once and says what it holds. */
export async function digestFile(path: string): Promise<FileDigest> {
  return digestBytes(createReadStream(path, { highWaterMark: 1 << 20 }));
}

/** Writes pieces to a new file and says, without reading it again, what it holds. */
export async function writeDigested(path: string, bytes: AsyncIterable<Uint8Array>): Promise<FileDigest> {
  const counted = counter();
  await pipeline(Readable.from(counted.tap(bytes)), createWriteStream(path, { flags: 'wx' }));
  return counted.digest();
}

async function digestBytes(bytes: AsyncIterable<Uint8Array>): Promise<FileDigest> {
  const counted = counter();
  for await (const _chunk of counted.tap(bytes));
  return counted.digest();
}

function counter() {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  async function* tap(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      yield chunk;
    }
  }
  return { tap, digest: (): FileDigest => ({ sha256: hash.digest('hex'), sizeBytes }) };
}
