import { randomBytes } from 'node:crypto';
import * as nodeFs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KeelsonError } from '../model/errors.ts';
import { cannotRead, cannotWrite } from '../model/file-error.ts';

/** What the vault needs of the file system; the tests put one in its place that dies at a chosen call. */
export type FileSystem = Pick<
  typeof nodeFs,
  'chmod' | 'link' | 'mkdir' | 'open' | 'readdir' | 'readFile' | 'rename' | 'stat' | 'unlink'
>;

export const realFileSystem: FileSystem = nodeFs;

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const TEMPORARY = /^\..+\.tmp$/;

/**
 * The old content or the new one is there after a crash at any moment, never a part of either. `verify` is given what the disk holds
 * before it takes the old one's place, and rejects to keep the old one.
 */
export async function writeAtomic(
  fs: FileSystem,
  path: string,
  content: string,
  verify?: (text: string) => Promise<void>,
): Promise<void> {
  await failingAs(path, async () => {
    const temporary = await writeTemporary(fs, path, content);
    try {
      if (verify !== undefined) await verify(await fs.readFile(temporary, 'utf8'));
      await fs.rename(temporary, path);
    } catch (error) {
      await fs.unlink(temporary).catch(() => undefined);
      throw error;
    }
    await syncFolder(fs, dirname(path));
  });
}

/** As {@link writeAtomic}, but never over a file that is there: then nothing is written and the answer is false. */
export async function createAtomic(fs: FileSystem, path: string, content: string): Promise<boolean> {
  return failingAs(path, async () => {
    const temporary = await writeTemporary(fs, path, content);
    try {
      await fs.link(temporary, path);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    } finally {
      await fs.unlink(temporary).catch(() => undefined);
    }
    await syncFolder(fs, dirname(path));
    return true;
  });
}

/** Null when there is none. */
export async function readOptional(fs: FileSystem, path: string): Promise<string | null> {
  try {
    return await fs.readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw new KeelsonError('vault.unreadable', cannotRead(path, error), {
      where: path,
      cause: error,
    });
  }
}

/** Makes the folder and the parents it lacks, for this user alone. */
export async function ensureFolder(fs: FileSystem, path: string): Promise<void> {
  await failingAs(path, async () => {
    const first = await fs.mkdir(path, { recursive: true, mode: FOLDER_MODE });
    if (first === undefined) return;
    for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(fs, dirname(made));
  });
}

/** Takes other users' rights to the folder away: a copy or a checkout of the vault may have given them some. */
export async function makePrivate(fs: FileSystem, path: string): Promise<void> {
  await failingAs(path, async () => {
    const { mode } = await fs.stat(path);
    if ((mode & 0o077) !== 0) await fs.chmod(path, FOLDER_MODE);
  });
}

/** What writers that died have left. Only the holder of the folder's lock may call it. */
export async function removeTemporaries(fs: FileSystem, folder: string): Promise<void> {
  const names = await fs.readdir(folder);
  for (const name of names.filter((n) => TEMPORARY.test(n))) await fs.unlink(join(folder, name)).catch(() => undefined);
}

export async function syncFolder(fs: FileSystem, path: string): Promise<void> {
  const handle = await fs.open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot do it for folders, and there is nothing better to do there.
    if (errorCode(error) !== 'EINVAL') throw error;
  } finally {
    await handle.close();
  }
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
}

export async function failingAs<T>(path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof KeelsonError) throw error;
    throw new KeelsonError('vault.write-failed', cannotWrite(path, error), {
      where: path,
      cause: error,
    });
  }
}

async function writeTemporary(fs: FileSystem, path: string, content: string): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  const handle = await fs.open(temporary, 'wx', FILE_MODE);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    await fs.unlink(temporary).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
  return temporary;
}
