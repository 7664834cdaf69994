import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LimitFunction } from 'p-limit';
import pLimit from 'p-limit';
import { run } from './command.ts';
import { takeFromDebian } from './debian-program.ts';
import type { PinnedModule } from './go-program.ts';
import { buildGoFile, buildGoProgram } from './go-program.ts';
import type { Architecture } from './manifest.ts';
import type { CachedProgram, Make } from './program-cache.ts';
import { cachedProgram } from './program-cache.ts';
import type { GoModule, GoProgram, ImageReferences, Recipe } from './recipe.ts';
import { imageReference, moduleVersionOfReference, parseImageList, versionOfReference } from './recipe.ts';

/** The source of the pause program, which is this project's own. */
export const pauseSource = join(import.meta.dirname, 'pause', 'main.go');

export interface BuildsRequest {
  readonly recipe: Recipe;
  readonly kubernetesVersion: string;
  readonly architecture: Architecture;
  /** Where single programs are kept between builds. */
  readonly programsDir: string;
  readonly progress: (line: string) => void;
}

export interface Builds {
  /** The names of images as this Kubernetes' kubeadm gives them. */
  readonly references: Promise<ImageReferences>;
  readonly program: (name: string) => Promise<CachedProgram>;
  /** Starts nothing more and waits for what runs. */
  readonly stop: () => Promise<void>;
}

/** A Go build uses all processors while it compiles and one while it links: two at a time leave none idle. */
const buildsAtATime = 2;

/** Starts every build. The etcd programs wait for kubeadm, which alone knows which etcd belongs to it. */
export function startBuilds(request: BuildsRequest): Builds {
  const { architecture, recipe } = request;
  const started = new Map<string, Promise<CachedProgram>>();
  const queues = buildQueues();

  async function make(name: string, queue: string, key: unknown, how: Make): Promise<CachedProgram> {
    const made = await queues.run(queue, () => cachedProgram(request.programsDir, name, key, how));
    request.progress(`${name} ${made.version}: ${made.reused ? 'in the cache' : `${made.seconds.toFixed(1)} s`}`);
    return made;
  }

  async function makeGo(row: GoProgram): Promise<CachedProgram> {
    const module = await pin(moduleOf(recipe, row), request.kubernetesVersion, references);
    const build = { module, package: row.package, architecture };
    return make(row.name, repositoryOf(module), build, async (workDir, output) => {
      request.progress(`${row.name} ${module.version}: building`);
      await buildGoProgram(build, workDir, output);
      return module.version;
    });
  }

  async function makePause(): Promise<CachedProgram> {
    const version = versionOfReference(imageReference(await references, 'pause'));
    const key = { source: await readFile(pauseSource, 'utf8'), version, architecture };
    return make('pause', 'pause', key, async (workDir, output) => {
      await buildGoFile(pauseSource, { 'main.version': version }, architecture, workDir, output);
      return version;
    });
  }

  async function askKubeadm(): Promise<ImageReferences> {
    const { path } = await program('kubeadm');
    const argv = [path, 'config', 'images', 'list', '--kubernetes-version', request.kubernetesVersion] as const;
    return parseImageList(await run(argv));
  }

  async function program(name: string): Promise<CachedProgram> {
    const build = started.get(name);
    if (build === undefined) {
      throw new Error(`no row of the bundle's recipe makes a program "${name}"`);
    }
    return build;
  }

  // Not before all builds are in the table: the first of them is asked here.
  const references = Promise.resolve().then(askKubeadm);
  for (const row of recipe.goPrograms) {
    started.set(row.name, makeGo(row));
  }
  for (const { name, package: debianPackage, file } of recipe.debianPrograms) {
    const key = { debianPackage, file, architecture };
    started.set(
      name,
      make(name, 'debian', key, (work, output) => takeFromDebian(debianPackage, file, work, output)),
    );
  }
  started.set('pause', makePause());
  for (const promise of [references, ...started.values()]) {
    // Whoever waits for it reports it; without this the first failure would end the process while others still build.
    promise.catch(() => undefined);
  }
  async function stop(): Promise<void> {
    queues.clear();
    await Promise.allSettled(started.values());
  }
  return { references, program, stop };
}

/** One build at a time for each repository: two of the same would compile the same packages twice at the same moment. */
function buildQueues() {
  const options = { rejectOnClear: true } as const;
  const all = pLimit({ concurrency: buildsAtATime, ...options });
  const each = new Map<string, LimitFunction>();
  function run<T>(name: string, body: () => Promise<T>): Promise<T> {
    const queue = each.get(name) ?? pLimit({ concurrency: 1, ...options });
    each.set(name, queue);
    return queue(() => all(body));
  }
  function clear(): void {
    for (const queue of [...each.values(), all]) {
      queue.clearQueue();
    }
  }
  return { run, clear };
}

function moduleOf(recipe: Recipe, row: GoProgram): GoModule {
  const module = recipe.goModules[row.module];
  if (module === undefined) {
    throw new Error(`no row of the bundle's recipe is the module "${row.module}" of ${row.name}`);
  }
  return module;
}

async function pin(module: GoModule, kubernetesVersion: string, references: Promise<ImageReferences>) {
  const { path, version, staging, versionVariables, cgo } = module;
  // Only what is there: this is the key of the program in the cache.
  const rest = {
    path,
    versionVariables,
    ...(staging === undefined ? {} : { staging }),
    ...(cgo === undefined ? {} : { cgo }),
  };
  if (version === 'kubernetes') {
    return { ...rest, version: kubernetesVersion };
  }
  if (typeof version === 'string') {
    return { ...rest, version };
  }
  return { ...rest, version: moduleVersionOfReference(imageReference(await references, version.imageTag)) };
}

function repositoryOf(module: PinnedModule): string {
  return module.path.split('/').slice(0, 2).join('/');
}
