import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { runCommand } from '../lib/run-command.ts';

// Two forms of import in a declaration file: `from "x"` and `import("x")`.
const specifiers = /(?<=\bfrom\s*|\bimport\(|^import\s*)(["'])([^"']+)\1/gm;

/**
 * Writes the library's declarations to dist/lib, with those of the packages that they name. The published package has no
 * dependencies, and a type that cannot be resolved would silently be `any` to whoever uses it.
 */
export async function writeDeclarations(root: string): Promise<{ readonly problem: string | undefined }> {
  const lib = join(root, 'dist/lib');
  for (const entry of existsSync(lib) ? readdirSync(lib) : []) {
    if (entry !== 'index.js') rmSync(join(lib, entry), { recursive: true });
  }
  const { code, output } = await runCommand(['tsc', '-p', 'tools/tsconfig.build.json'], { cwd: root });
  if (code !== 0) return { problem: output };
  const needed = neededFrom(join(lib, 'index.d.ts'));
  const written = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.d.ts'));
  // tsc writes one for every module that the library runs; what its types are made of is much less.
  for (const file of written) if (!needed.has(join(lib, file))) rmSync(join(lib, file));
  for (const file of needed) takeInPackages(root, lib, file);
  return { problem: undefined };
}

/** A declaration file and those that it names, directly or not. */
function neededFrom(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, , name = ''] of readFileSync(file, 'utf8').matchAll(specifiers)) {
    if (name.startsWith('.')) neededFrom(join(dirname(file), name.replace(/(?<!\.d)\.ts$/, '.d.ts')), found);
  }
  return found;
}

function takeInPackages(root: string, lib: string, file: string): void {
  const text = readFileSync(file, 'utf8');
  const changed = text.replace(specifiers, (found, quote: string, name: string) => {
    if (name.startsWith('.') || name.startsWith('node:')) return found;
    const main = declarationsOf(root, name);
    const copy = join(lib, 'packages', relative(join(root, 'node_modules'), main));
    copyWithImports(main, copy);
    // Named by its program, as declarations have to be.
    const path = relative(dirname(file), copy.replace(/\.d\.ts$/, '.js'))
      .split(sep)
      .join(posix.sep);
    return `${quote}${path.startsWith('.') ? path : `./${path}`}${quote}`;
  });
  if (changed !== text) writeFileSync(file, changed);
}

function declarationsOf(root: string, name: string): string {
  const folder = join(root, 'node_modules', name);
  const manifest = join(folder, 'package.json');
  const { types } = existsSync(manifest) ? (JSON.parse(readFileSync(manifest, 'utf8')) as { types?: string }) : {};
  if (types === undefined) throw new Error(`the library's declarations name ${name}, whose own cannot be found`);
  // The variant for ES modules has the plain suffix too, in packages that are ES modules.
  const file = join(folder, types.replace(/\.d\.cts$/, '.d.ts'));
  if (!existsSync(file)) throw new Error(`the library's declarations name ${name}, which has no ${file}`);
  return file;
}

function copyWithImports(from: string, to: string): void {
  if (existsSync(to)) return;
  const text = readFileSync(from, 'utf8');
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text);
  for (const [, , name = ''] of text.matchAll(specifiers)) {
    if (!name.startsWith('.')) throw new Error(`${from} names ${name}: copy its declarations too`);
    const path = name.replace(/\.js$/, '.d.ts');
    copyWithImports(join(dirname(from), path), join(dirname(to), path));
  }
}
