import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from './command.ts';
import type { Architecture } from './manifest.ts';
import type { BaseFiles } from './recipe.ts';
import type { TarEntry } from './tar.ts';

/** Where Debian keeps libraries, and where programs look for the one that loads these. */
const layouts = {
  amd64: { libraries: 'usr/lib/x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2', loaderFolder: 'lib64' },
  arm64: { libraries: 'usr/lib/aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1', loaderFolder: 'lib' },
} as const satisfies Record<Architecture, unknown>;

/**
 * Programs of a Debian file system as entries of an image, with the libraries that they and their plug-ins need. A library
 * that only a plug-in needs counts too: libxt_statistic.so alone needs libm, and is first used for a Service with two endpoints.
 */
export async function baseEntries(base: string, architecture: Architecture, files: BaseFiles): Promise<TarEntry[]> {
  const { libraries, loader, loaderFolder } = layouts[architecture];
  const taken = new Map<string, TarEntry>();
  const take = (path: string, from: string): void => {
    taken.set(path, { type: 'file', path, mode: 0o755, from: join(base, from) });
  };
  // Debian's /bin, /sbin and /lib are links into /usr.
  const sources = files.programs.map((path) => ({
    path: path.slice(1),
    from: path.replace(/^\/(s?bin)\//, 'usr/$1/'),
  }));
  for (const folder of files.plugins) {
    const names = await readdir(join(base, libraries, folder));
    sources.push(
      ...names.map((name) => ({ path: join(libraries, folder, name), from: join(libraries, folder, name) })),
    );
  }
  for (const { path, from } of sources) {
    take(path, from);
    for (const library of await librariesOf(join(base, libraries, loader), join(base, libraries), join(base, from))) {
      take(join(libraries, library), join(libraries, library));
      take(join(loaderFolder, loader), join(libraries, loader));
    }
  }
  for (const [path, target] of Object.entries(files.links)) {
    taken.set(path.slice(1), { type: 'link', path: path.slice(1), target });
  }
  return [...taken.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

// The loader verifies with 0 or 2 (a library) what it can load, with 1 what is statically linked: asked for the libraries
// of that, it would run it.
const listing = `"$0" --verify "$2"
case $? in
  0 | 2) exec "$0" --inhibit-cache --library-path "$1" --list "$2" ;;
  1) exit 0 ;;
esac
exit 1`;

/** Asks the loader of that file system, which needs no root and takes nothing of this computer's own libraries. */
async function librariesOf(loader: string, folder: string, file: string): Promise<string[]> {
  return parseLibraries(await run(['sh', '-c', listing, loader, folder, file]), folder);
}

/** Reads what the loader lists, and refuses what it did not find in `folder`. */
export function parseLibraries(text: string, folder: string): string[] {
  const found: string[] = [];
  for (const line of text.split('\n')) {
    const [, name, path] = /^\s*(\S+) => (\S+)/.exec(line) ?? [];
    if (name === undefined || path === undefined || basename(name).startsWith('ld-linux')) {
      continue;
    }
    if (path !== join(folder, name)) {
      throw new Error(`the library ${name} is not in ${folder}: ${line.trim()}`);
    }
    found.push(name);
  }
  return found;
}
