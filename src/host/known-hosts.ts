import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KeelsonError } from '../model/errors.ts';
import { cannotRead, cannotWrite } from '../model/file-error.ts';

export interface HostKey {
  /** `ssh-ed25519` and the like. */
  type: string;
  /** `SHA256:...` as OpenSSH prints it. */
  fingerprint: string;
  /** One line for known_hosts. */
  knownHostsLine: string;
}

/** Keys of a known_hosts file, by the name that ssh looks for. Hashed names and markers (`@cert-authority`) are left out. */
export function parseKnownHosts(text: string): Map<string, HostKey[]> {
  const found = new Map<string, HostKey[]>();
  for (const line of text.split('\n')) {
    const [names = '', type = '', key = ''] = line.trim().split(/\s+/);
    if (names === '' || key === '' || /^[#@|]/.test(names)) continue;
    for (const name of names.split(',')) {
      const entry = { type, fingerprint: fingerprintOf(key), knownHostsLine: `${name} ${type} ${key}` };
      found.set(name, [...(found.get(name) ?? []), entry]);
    }
  }
  return found;
}

function fingerprintOf(base64: string): string {
  return `SHA256:${createHash('sha256').update(Buffer.from(base64, 'base64')).digest('base64').replace(/=+$/, '')}`;
}

export async function readKnownHosts(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw new KeelsonError('vault.unreadable', cannotRead(file, error), { where: file, cause: error });
  }
}

function unwritable(file: string, error: unknown): KeelsonError {
  return new KeelsonError('vault.write-failed', cannotWrite(file, error), { where: file, cause: error });
}

/** Writes lines of known_hosts to the file; what it held under the same names is replaced. The old or the new file is there after a crash. */
export async function recordHostKeys(file: string, lines: readonly string[]): Promise<void> {
  const names = new Set(parseKnownHosts(lines.join('\n')).keys());
  const kept = (await readKnownHosts(file)).split('\n').filter((line) => {
    if (line.trim() === '') return false;
    return ![...parseKnownHosts(line).keys()].some((name) => names.has(name));
  });
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw unwritable(file, error);
  });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.new`;
  try {
    const handle = await open(temporary, 'wx', 0o644);
    try {
      await handle.writeFile(`${[...kept, ...lines].join('\n')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw unwritable(file, error);
  }
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
