import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build, type Metafile } from 'esbuild';

/** Bundled CommonJS packages call `require` for Node's own modules, which an ES module does not have. */
const banner = "import{createRequire as $cr}from'node:module';const require=$cr(import.meta.url);";

/** Parts of earlier builds that a running keelson may still load. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/**
 * Bundles the program and the library with all packages into `dist`. A run of an earlier build goes on unharmed: parts are
 * named after their content and stay for a day, and what refers to them is put in place last.
 */
export async function bundle(root: string): Promise<Metafile> {
  const dist = join(root, 'dist');
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: {
      bin: 'src/bin.ts',
      ...(existsSync(join(root, 'src/index.ts')) ? { 'lib/index': 'src/index.ts' } : {}),
    },
    outdir: 'dist',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.19',
    banner: { js: banner },
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
    write: false,
  });
  const chunks = outputFiles.filter(({ path }) => isChunk(dist, path));
  const entries = outputFiles.filter(({ path }) => !isChunk(dist, path));
  for (const { path, contents } of [...chunks, ...entries]) place(path, contents);
  removeOld(join(dist, 'chunks'), new Set(chunks.map(({ path }) => path)));
  return metafile;
}

function isChunk(dist: string, path: string): boolean {
  return relative(dist, path).startsWith('chunks');
}

function place(path: string, contents: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, contents);
  renameSync(unfinished, path);
}

function removeOld(folder: string, current: ReadonlySet<string>): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (!current.has(path) && Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { force: true });
  }
}
