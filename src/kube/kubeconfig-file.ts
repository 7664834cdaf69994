import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, realpath, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KeelsonError } from '../model/errors.ts';
import { cannotRead, cannotWrite } from '../model/file-error.ts';

/** null when there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new KeelsonError('kubeconfig.unreadable', cannotRead(path, error), { where: path, cause: error });
  }
}

/** The old content or the new one is there after a crash at any moment. Nobody else may read it. A symbolic link stays one. */
export async function replaceFile(path: string, content: string): Promise<void> {
  await failing(path, async () => {
    const target = await realpath(path).catch(() => path);
    const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
    await rename(temporary, target).catch(async (error: unknown) => {
      await unlink(temporary).catch(() => undefined);
      throw error;
    });
  });
}

/** kubectl's own lock, so that neither writes over the other: `FILE.lock`, which must not be there. */
export async function withLockFile<T>(path: string, body: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  await failing(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const handle = await open(lock, 'wx', 0o600).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
      throw new KeelsonError('kubeconfig.busy', `${lock} is there: somebody is changing ${path}`, { where: lock });
    });
    await handle.close();
  });
  try {
    return await body();
  } finally {
    await unlink(lock).catch(() => undefined);
  }
}

async function failing<T>(path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof KeelsonError) throw error;
    throw new KeelsonError('kubeconfig.unwritable', cannotWrite(path, error), { where: path, cause: error });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
