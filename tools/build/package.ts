import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the published package takes over from package.json. All packages are bundled, so there are no dependencies. */
const published = ['name', 'version', 'description', 'license', 'type', 'engines', 'bin', 'exports'] as const;

const contents = ['bin', 'schema', 'LICENSE', 'README.md'];
const built = ['bin.js', 'chunks', 'lib', 'THIRD-PARTY-NOTICES.txt'];

/** Puts together the folder that is published, from the checkout and what is built. */
export function assemblePackage(root: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(join(to, 'dist'), { recursive: true });
  for (const name of contents) copy(join(root, name), join(to, name));
  for (const name of built) copy(join(root, 'dist', name), join(to, 'dist', name));
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  const manifest = Object.fromEntries(published.map((key) => [key, own[key]]));
  writeFileSync(
    join(to, 'package.json'),
    `${JSON.stringify({ ...manifest, files: ['bin', 'dist', 'schema'] }, null, 2)}\n`,
  );
}

function copy(from: string, to: string): void {
  if (existsSync(from)) cpSync(from, to, { recursive: true });
}
