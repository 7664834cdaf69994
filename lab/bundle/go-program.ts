import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';
import type { GoModule } from './recipe.ts';

/** A Go module at a known version. */
export interface PinnedModule extends Pick<GoModule, 'path' | 'staging' | 'versionVariables' | 'cgo'> {
  readonly version: string;
}

/** All that decides what a Go build makes, apart from the Go release; its digest is the key of the cache. */
export interface GoBuild {
  readonly module: PinnedModule;
  readonly package: string;
  readonly architecture: string;
}

const oldestGo = { major: 1, minor: 26 };

/** `-s -w`: without symbol tables, a third smaller. */
const smallBinary = '-s -w';

/** Fails, with what to install, unless the Go tools are there and new enough for the pinned modules. */
export async function requireGo(): Promise<void> {
  const wanted = `Go ${oldestGo.major}.${oldestGo.minor} or newer is needed to build the bundle`;
  let version: string;
  try {
    version = (await run(['go', 'env', 'GOVERSION'])).trim();
  } catch (error) {
    throw new Error(`${wanted}, and \`go\` does not run: ${(error as Error).message}`);
  }
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(major) < oldestGo.major || (Number(major) === oldestGo.major && Number(minor) < oldestGo.minor)) {
    throw new Error(`${wanted}, and \`go\` is ${version}`);
  }
}

/** Fails, with what to install, unless programs that are partly C can be linked statically. */
export async function requireCCompiler(): Promise<void> {
  try {
    await run(['gcc', '--version']);
  } catch (error) {
    const wanted = 'gcc and libc6-dev are needed to build the bundle for a whole cluster (flannel is partly C)';
    throw new Error(`${wanted}: ${(error as Error).message}`);
  }
}

/** Builds one program of a published module, statically linked, to `output`, in an empty work folder. */
export async function buildGoProgram(build: GoBuild, workDir: string, output: string): Promise<void> {
  const info = await moduleInfo(build.module, workDir);
  const goMod = renderGoMod(build.module, await readFile(info.goMod, 'utf8'));
  await writeFile(join(workDir, 'go.mod'), goMod);
  const flags = linkerFlags(build.module, info.time);
  const cgo = build.module.cgo === true;
  await goBuild({ workDir, output, architecture: build.architecture, target: build.package, flags, cgo });
}

/** Builds a single source file that needs the standard library alone. */
export async function buildGoFile(
  source: string,
  variables: Readonly<Record<string, string>>,
  architecture: string,
  workDir: string,
  output: string,
): Promise<void> {
  await writeFile(join(workDir, 'go.mod'), `module bundle\n\ngo ${oldestGo.major}.${oldestGo.minor}\n`);
  await writeFile(join(workDir, 'main.go'), await readFile(source));
  await goBuild({ workDir, output, architecture, target: '.', flags: setVariables(variables), cgo: false });
}

/**
 * A module whose only requirement is the wanted one, so that the build list is exactly what that release was made with.
 * `theirs` is the go.mod of the wanted module: its `go` line, and for Kubernetes its list of staging modules.
 */
export function renderGoMod(module: PinnedModule, theirs: string): string {
  const goLine = /^go \S+$/m.exec(theirs)?.[0] ?? `go ${oldestGo.major}.${oldestGo.minor}`;
  const lines = ['module bundle', '', goLine, '', `require ${module.path} ${module.version}`];
  if (module.staging) {
    const stagingVersion = module.version.replace(/^v1\./, 'v0.');
    const staged = [...theirs.matchAll(/^(?:replace)?\s*(\S+) => \.\/staging\/src\/\S+$/gm)].map((match) => match[1]);
    if (staged.length === 0) {
      throw new Error(`the go.mod of ${module.path} ${module.version} names no staging module`);
    }
    lines.push('', ...staged.map((path) => `replace ${path} => ${path} ${stagingVersion}`));
  }
  return `${lines.join('\n')}\n`;
}

/** What the linker is told. Without its version kubeadm says v0.0.0 and refuses its own version checks. */
export function linkerFlags(module: PinnedModule, releaseTime: string): string {
  const variables: Record<string, string> = {};
  for (const name of module.versionVariables) {
    variables[name] = module.version;
  }
  if (module.staging) {
    const [major = '', minor = ''] = module.version.slice(1).split('.');
    const stamp = {
      gitVersion: module.version,
      gitMajor: major,
      gitMinor: minor,
      gitTreeState: 'clean',
      gitCommit: 'go-module',
      buildDate: releaseTime,
    };
    for (const holder of ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']) {
      for (const [name, value] of Object.entries(stamp)) {
        variables[`${holder}.${name}`] = value;
      }
    }
  }
  return setVariables(variables);
}

function setVariables(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `-X ${name}=${value}`)
    .join(' ');
}

async function moduleInfo(module: PinnedModule, workDir: string): Promise<{ goMod: string; time: string }> {
  const text = await run(['go', 'mod', 'download', '-json', `${module.path}@${module.version}`], {
    cwd: workDir,
    env: goEnvironment,
  });
  const { GoMod, Info } = JSON.parse(text) as { GoMod: string; Info: string };
  const { Time } = JSON.parse(await readFile(Info, 'utf8')) as { Time: string };
  return { goMod: GoMod, time: Time };
}

interface BuildCall {
  readonly workDir: string;
  readonly output: string;
  readonly architecture: string;
  readonly target: string;
  readonly flags: string;
  readonly cgo: boolean;
}

/** Without the C library's look-ups of names and users, which a static program cannot load. */
const staticTags = 'netgo,osusergo';
const staticLink = '-linkmode external -extldflags -static';

async function goBuild(call: BuildCall): Promise<void> {
  const ldflags = [smallBinary, ...(call.cgo ? [staticLink] : []), call.flags].join(' ').trim();
  const tags = call.cgo ? ['-tags', staticTags] : [];
  await run(['nice', '-n', '5', 'go', 'build', ...tags, '-ldflags', ldflags, '-o', call.output, call.target], {
    cwd: call.workDir,
    env: { ...goEnvironment, GOARCH: call.architecture, CGO_ENABLED: call.cgo ? '1' : '0' },
  });
}

/** The user's own Go settings must not change what is built; where modules come from stays the user's choice. */
const goEnvironment = {
  GOOS: 'linux',
  GO111MODULE: 'on',
  GOWORK: 'off',
  GOEXPERIMENT: '',
  GOFLAGS: '-mod=mod -trimpath -buildvcs=false',
};
