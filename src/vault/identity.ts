import { dirname } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { KeelsonError } from '../model/errors.ts';
import { cannotRead } from '../model/file-error.ts';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import type { Clock } from '../ports/clock.ts';
import { createAtomic, ensureFolder, errorCode, type FileSystem } from './files.ts';

export interface AgeIdentity {
  path: string;
  /** `AGE-SECRET-KEY-1...`; a file may hold several. */
  keys: readonly Secret[];
  /** `age1...`, one for each key. */
  recipients: readonly string[];
}

/** Null when there is no such file; `vault.identity-unreadable` when it holds something else. */
export async function readIdentity(fs: FileSystem, path: string): Promise<AgeIdentity | null> {
  const text = await readText(fs, path);
  if (text === null) return null;
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (keys.length === 0) throw unreadable(path, 'It holds no identity.');
  try {
    const recipients = await Promise.all(keys.map((key) => identityToRecipient(key)));
    return { path, keys: keys.map((key) => new Secret(key)), recipients };
  } catch {
    // No cause and no line: both could quote a key.
    throw unreadable(
      path,
      'It holds something that is not a plain age identity; identities with a passphrase or a plugin are not supported.',
    );
  }
}

/** Makes one, in the form that age-keygen writes. A file that is there meanwhile is taken as it is. */
export async function makeIdentity(
  fs: FileSystem,
  path: string,
  clock: Clock,
): Promise<{ identity: AgeIdentity; made: boolean }> {
  // X25519, which every age since 1.0 opens.
  const key = new Secret(await generateX25519Identity());
  const recipient = await identityToRecipient(reveal(key));
  const created = `${clock.now().toISOString().slice(0, 19)}Z`;
  await ensureFolder(fs, dirname(path));
  const made = await createAtomic(fs, path, `# created: ${created}\n# public key: ${recipient}\n${reveal(key)}\n`);
  const identity = made ? { path, keys: [key], recipients: [recipient] } : await readIdentity(fs, path);
  if (identity === null) throw unreadable(path, 'It has just been removed.');
  return { identity, made };
}

async function readText(fs: FileSystem, path: string): Promise<string | null> {
  try {
    return await fs.readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw unreadable(path, `It ${cannotRead('', error).trim()}.`);
  }
}

function unreadable(path: string, why: string): KeelsonError {
  return new KeelsonError('vault.identity-unreadable', `The identity file ${path} cannot be used. ${why}`, {
    where: path,
  });
}
