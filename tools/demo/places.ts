import { lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Demo } from './demos.ts';

export interface Places {
  folder: string;
  /** Links to the bundle's folder and to the lab's key. */
  bundle: string;
  sshKey: string;
  vault: string;
  /** The age identity of the demo's vault: nothing of it belongs among the user's own. */
  identity: string;
  /** Shell code that makes `keelson` mean the demo's cluster. */
  shell: string;
}

/**
 * Where a demo keeps what is its own: outside of the checkout, and at the place that its configuration names, even when
 * KEELSON_CACHE puts machines and bundle elsewhere.
 */
export function placesOf(demo: Pick<Demo, 'name'>, home = homedir()): Places {
  const folder = join(home, '.cache/keelson', demo.name);
  return {
    folder,
    bundle: join(folder, 'bundle'),
    sshKey: join(folder, 'id_ed25519'),
    vault: join(folder, 'vault'),
    identity: join(folder, 'identity.txt'),
    shell: join(folder, 'env'),
  };
}

export function linkTo(target: string, link: string): void {
  mkdirSync(dirname(link), { recursive: true, mode: 0o700 });
  // `force` alone follows no link, so a target is never removed.
  if (lstatSync(link, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${link} is a folder, not a link`);
  rmSync(link, { force: true });
  symlinkSync(target, link);
}

export function writeShell(root: string, file: string, flags: readonly string[]): void {
  const words = [join(root, 'bin/keelson'), ...flags].map(quote).join(' ');
  writeFileSync(file, `keelson() { ${words} "$@"; }\n`);
}

/** A word as a shell reads it back. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
