import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

/** The licences of all packages that are bundled: theirs ask to go with every copy. Throws for a package that has none. */
export function notices(root: string, { inputs }: Pick<Metafile, 'inputs'>): string {
  const packages = new Set(Object.keys(inputs).flatMap((path) => packageOf(path) ?? []));
  const texts = [...packages].sort().map((folder) => notice(join(root, folder)));
  return `This program contains the packages below.\n\n${texts.join('\n')}`;
}

function packageOf(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

function notice(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  if (file === undefined && license === undefined) throw new Error(`${folder} does not name its licence`);
  const text =
    file !== undefined && existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8').trim() : '';
  return `==== ${name} ${version} (${license ?? 'see below'})\n\n${text}\n`;
}
