import { chmod, copyFile, link, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { baseEntries } from './base-entries.ts';
import type { Builds, BuildsRequest } from './builds.ts';
import { startBuilds } from './builds.ts';
import { digestFile } from './digest.ts';
import { requireCCompiler, requireGo } from './go-program.ts';
import { writeImageArchive } from './image-archive.ts';
import type { Architecture, Bundle, BundleFile, BundleImage } from './manifest.ts';
import { writeManifest } from './manifest.ts';
import type { CachedProgram } from './program-cache.ts';
import { unfinished } from './program-cache.ts';
import type { ImageRecipe } from './recipe.ts';
import { imageReference, versionOfReference } from './recipe.ts';
import { systemEntries } from './system-entries.ts';
import type { TarEntry } from './tar.ts';

export interface BuildRequest extends BuildsRequest {
  /** The folder that appears once the bundle is complete. */
  readonly dir: string;
  /** Makes the file system that some images take programs from; not called when none does. */
  readonly base: () => Promise<string>;
}

const programMode = 0o755;

/** Builds a bundle in a folder of another name and renames it: a bundle that can be seen is complete. */
export async function buildBundle(request: BuildRequest): Promise<Bundle> {
  await requireGo();
  if (Object.values(request.recipe.goModules).some((module) => module.cgo === true)) {
    await requireCCompiler();
  }
  const parent = dirname(request.dir);
  await mkdir(parent, { recursive: true });
  const workDir = await mkdtemp(join(parent, unfinished));
  const builds = startBuilds(request);
  try {
    const bundle = await assemble(workDir, request, builds);
    await writeManifest(workDir, bundle);
    await chmod(workDir, 0o755);
    await rm(request.dir, { recursive: true, force: true });
    await rename(workDir, request.dir);
    return bundle;
  } catch (error) {
    await builds.stop();
    await rm(workDir, { recursive: true, force: true });
    throw error;
  }
}

async function assemble(workDir: string, request: BuildRequest, builds: Builds): Promise<Bundle> {
  for (const folder of ['files', 'images']) {
    await mkdir(join(workDir, folder));
  }
  const { goPrograms, debianPrograms, images } = request.recipe;
  const base = images.some((image) => image.base !== undefined) ? await request.base() : '';
  const installed = [...goPrograms, ...debianPrograms].flatMap(({ name, install }) =>
    install === undefined ? [] : [{ name, install }],
  );
  const [files, archives] = await Promise.all([
    Promise.all(installed.map(async (row) => addFile(workDir, row, await builds.program(row.name)))),
    Promise.all(images.map((image) => addImage(workDir, image, builds, request.architecture, base))),
  ]);
  return {
    apiVersion: 'keelson.dev/v1alpha1',
    kind: 'Bundle',
    kubernetesVersion: request.kubernetesVersion,
    architecture: request.architecture,
    files,
    images: archives,
  };
}

async function addFile(
  workDir: string,
  row: { readonly name: string; readonly install: string },
  program: CachedProgram,
): Promise<BundleFile> {
  const path = `files/${row.name}`;
  await linkOrCopy(program.path, join(workDir, path));
  const digest = await digestFile(join(workDir, path));
  const mode = `0${programMode.toString(8)}`;
  return { name: row.name, version: program.version, path, ...digest, install: row.install, mode };
}

async function addImage(
  workDir: string,
  image: ImageRecipe,
  builds: Builds,
  architecture: Architecture,
  base: string,
): Promise<BundleImage> {
  const reference = imageReference(await builds.references, image.name, image.reference);
  const programs = await Promise.all(
    Object.entries(image.programs).map(async ([name, path]) => ({ path, program: await builds.program(name) })),
  );
  const entries: TarEntry[] = image.system ? [...systemEntries] : [];
  for (const { path, program } of programs) {
    entries.push({ type: 'file', path: path.slice(1), mode: programMode, from: program.path });
  }
  if (image.base !== undefined) {
    entries.push(...(await baseEntries(base, architecture, image.base)));
  }
  const path = `images/${image.name}.tar`;
  const { entrypoint, user } = image;
  const spec = { reference, architecture, entrypoint, entries, ...(user === undefined ? {} : { user }) };
  const digest = await writeImageArchive(join(workDir, path), spec);
  // The version of what is inside, which is not always the one that the tag names.
  const version = programs[0]?.program.version.replace(/^v/, '') ?? versionOfReference(reference);
  return { name: reference, version, path, ...digest };
}

/** Programs are large and never change: a second name for the same content costs nothing. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await chmod(from, programMode);
  try {
    await link(from, to);
  } catch {
    await copyFile(from, to);
  }
}
