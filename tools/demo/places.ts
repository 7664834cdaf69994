import { lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where the demo keeps what is its own: outside of the checkout, and at the place that examples/lab-etcd.yaml names, even
 * when KEELSON_CACHE puts machines and bundle elsewhere.
 */
const folder = join(homedir(), '.cache/keelson/demo');

export const places = {
  folder,
  /** Links to the bundle's folder and to the lab's key. */
  bundle: join(folder, 'bundle'),
  sshKey: join(folder, 'id_ed25519'),
  vault: join(folder, 'vault'),
  /** The age identity of the demo's vault: nothing of it belongs among the user's own. */
  identity: join(folder, 'identity.txt'),
  /** Shell code that makes `keelson` mean the demo's cluster. */
  shell: join(folder, 'env'),
} as const;

export function linkTo(target: string, link: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // `force` alone follows no link, so a target is never removed.
  if (lstatSync(link, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${link} is a folder, not a link`);
  rmSync(link, { force: true });
  symlinkSync(target, link);
}

export function writeShell(root: string, flags: readonly string[]): void {
  const words = [join(root, 'bin/keelson'), ...flags].map(quote).join(' ');
  writeFileSync(places.shell, `keelson() { ${words} "$@"; }\n`);
}

/** A word as a shell reads it back. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
