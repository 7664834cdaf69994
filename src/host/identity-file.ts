import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { cannotRead } from '../model/file-error.ts';

/**
 * Why ssh could not use the key that it was told to use; null when the file is not what is wrong. ssh itself passes over such a file, and all
 * that is seen of it is a refused login.
 */
export async function identityFileProblem(path: string): Promise<string | null> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return `its identityFile ${path} is a directory`;
    await access(path, constants.R_OK);
    // ssh ignores a private key of the user's own that others may read (authfile.c).
    const open = found.uid === process.getuid?.() && (found.mode & 0o077) !== 0;
    return open
      ? `others may read its identityFile ${path} (mode ${(found.mode & 0o777).toString(8)}), and ssh does not use such a key`
      : null;
  } catch (error) {
    return `its identityFile ${cannotRead(path, error)}`;
  }
}
