import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { baseDirectory, ensureBase } from '../base-image.ts';
import { buildBundle } from './build.ts';
import { pauseSource } from './builds.ts';
import { clusterRecipe } from './cluster-recipe.ts';
import { withLock } from './lock.ts';
import type { Architecture, Bundle } from './manifest.ts';
import { readFinished } from './manifest.ts';
import { shortDigest, unfinished } from './program-cache.ts';
import type { Recipe } from './recipe.ts';
import { etcdRecipe } from './recipe.ts';
import { hasStore, makeStore } from './store.ts';
import { systemEntries } from './system-entries.ts';

export const defaultKubernetesVersion = 'v1.36.3';

/** `etcd`: what etcd machines need. `cluster`: that, and what control planes and workers need. */
export type BundleContent = 'etcd' | 'cluster';

export interface BundleRequest {
  /** By default `etcd`. */
  readonly content?: BundleContent;
  /** For example `v1.35.4`. */
  readonly kubernetesVersion?: string;
  /** Called with one line for each finished program. */
  readonly progress?: (line: string) => void;
}

export interface ReadyBundle {
  /** The folder with `bundle.json`. Its files are shared with the cache: copy, never change them. */
  readonly dir: string;
  readonly manifest: Bundle;
}

export interface ReadyBundleAndStore extends ReadyBundle {
  /** A containerd root folder in which the bundle's images are imported already; see `makeStore`. */
  readonly storeDir: string;
}

/** Raise it when an equal recipe gives another bundle: a change in how archives are written, flags of the builds. */
const format = 1;

/** Builds the bundle and the store of its images, or gives what is there already. Needs root for the store. */
export async function ensureBundle(request: BundleRequest = {}): Promise<ReadyBundleAndStore> {
  const places = await placesFor(request);
  const ready = await finished(places);
  if (ready !== undefined && (await hasStore(places.storeDir))) {
    return { ...ready, storeDir: places.storeDir };
  }
  return locked(places, request, async (progress) => {
    const { dir, manifest } = (await finished(places)) ?? (await build(places, progress));
    if (!(await hasStore(places.storeDir))) {
      const started = performance.now();
      await makeStore(dir, manifest, places.storeDir);
      progress(`image store: ${((performance.now() - started) / 1000).toFixed(1)} s`);
    }
    return { dir, manifest, storeDir: places.storeDir };
  });
}

/** The bundle alone, which needs no root. */
export async function ensureBundleWithoutStore(request: BundleRequest = {}): Promise<ReadyBundle> {
  const places = await placesFor(request);
  return (
    (await finished(places)) ??
    (await locked(places, request, async (progress) => (await finished(places)) ?? (await build(places, progress))))
  );
}

/** `KEELSON_CACHE`, or `~/.cache/keelson`. */
export function cacheDir(): string {
  return process.env.KEELSON_CACHE ?? join(homedir(), '.cache', 'keelson');
}

interface Places {
  readonly recipe: Recipe;
  readonly kubernetesVersion: string;
  readonly architecture: Architecture;
  readonly cache: string;
  readonly programsDir: string;
  readonly dir: string;
  readonly storeDir: string;
}

async function placesFor(request: BundleRequest): Promise<Places> {
  const { kubernetesVersion = defaultKubernetesVersion, content = 'etcd' } = request;
  if (!/^v\d+\.\d+\.\d+$/.test(kubernetesVersion)) {
    throw new Error(`"${kubernetesVersion}" is not a Kubernetes version like ${defaultKubernetesVersion}`);
  }
  const architecture = ownArchitecture();
  const pause = await readFile(pauseSource, 'utf8');
  const id = [kubernetesVersion, architecture, ...bundleKey(content, pause)].join('-');
  const cache = cacheDir();
  return {
    recipe: recipes[content],
    kubernetesVersion,
    architecture,
    cache,
    programsDir: join(cache, 'programs'),
    dir: join(cache, 'bundles', id),
    storeDir: join(cache, 'stores', id),
  };
}

const recipes: Readonly<Record<BundleContent, Recipe>> = { etcd: etcdRecipe, cluster: clusterRecipe };

/** The parts of a bundle's name that say what is in it. The base file system counts where images take programs from it. */
function bundleKey(content: BundleContent, pause: string): string[] {
  const { goModules, goPrograms, debianPrograms, images } = recipes[content];
  const recipe = { format, goModules, goPrograms, debianPrograms, images, systemEntries, pause };
  if (content === 'etcd') {
    return [shortDigest(recipe)];
  }
  return [content, shortDigest({ ...recipe, base: basename(baseDirectory()) })];
}

function ownArchitecture(): Architecture {
  if (process.platform !== 'linux') {
    throw new Error(`a bundle can be built on Linux alone; this is ${process.platform}`);
  }
  const names: Readonly<Record<string, Architecture>> = { x64: 'amd64', arm64: 'arm64' };
  const name = names[process.arch];
  if (name === undefined) {
    throw new Error(`a bundle can be built on amd64 and arm64 alone; this is ${process.arch}`);
  }
  return name;
}

async function finished(places: Places): Promise<ReadyBundle | undefined> {
  const manifest = await readFinished(places.dir);
  return manifest === undefined ? undefined : { dir: places.dir, manifest };
}

async function build(places: Places, progress: (line: string) => void): Promise<ReadyBundle> {
  const started = performance.now();
  progress(`building the bundle for Kubernetes ${places.kubernetesVersion}; the first build takes some minutes`);
  const manifest = await buildBundle({ ...places, base: () => ensureBase(progress), progress });
  progress(`bundle: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return { dir: places.dir, manifest };
}

async function locked<T>(
  places: Places,
  request: BundleRequest,
  body: (progress: (line: string) => void) => Promise<T>,
): Promise<T> {
  const progress = request.progress ?? (() => undefined);
  await mkdir(places.cache, { recursive: true });
  const onWait = () => progress('another process is building; waiting for it');
  return withLock(join(places.cache, 'bundle.lock'), onWait, async () => {
    for (const dir of [places.programsDir, join(places.cache, 'bundles'), join(places.cache, 'stores')]) {
      await removeUnfinished(dir);
    }
    return body(progress);
  });
}

/** What a killed build left. The lock is held, so nobody works on it. */
async function removeUnfinished(dir: string): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  for (const name of names) {
    if (name.startsWith(unfinished)) {
      await rm(join(dir, name), { recursive: true, force: true });
    }
  }
}
