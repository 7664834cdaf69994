/** What the modules of one area may use. An area that is not listed may not be there. */
export interface Area {
  /** Folders, or single files. An area may always import itself. */
  readonly imports: readonly string[];
  /** npm packages, by name. */
  readonly packages: readonly string[] | 'any';
  /** Names per Node module. */
  readonly builtins: Readonly<Record<string, readonly string[]>> | 'any';
  /** Without clock, randomness, process and network, which come through ports; the names listed are free all the same. */
  readonly pure: boolean | readonly string[];
}

/** A module, or some names of it, that not everybody who may import its folder may import. */
export interface Fence {
  readonly file: string;
  /** Absent: all of them. */
  readonly names?: readonly string[];
  readonly only: readonly string[];
}

export interface Law {
  /** By folder or file; the longest one that holds a module is the module's area. */
  readonly areas: Readonly<Record<string, Area>>;
  readonly fences: readonly Fence[];
  /** May call `Secret.valueOf`, of which `reveal` is the fenced form. */
  readonly revealers: readonly string[];
  /** For `*.test.ts` below `src`, wherever they stand. */
  readonly tests: Area;
}

/**
 * The pipeline: each folder imports those before it. What must be true (`desired`) follows from the configuration and from
 * what the vault, a port, knows; part of it is rendered text.
 */
const core = ['model', 'config', 'render', 'ports', 'desired', 'facts', 'steps', 'plan', 'engine'].map(
  (name) => `src/${name}`,
);
const adapters = ['host', 'pki', 'etcd', 'kube', 'vault'].map((name) => `src/${name}`);

const purePackages: Readonly<Record<string, readonly string[]>> = {
  'src/config': ['yaml', 'zod'],
  'src/desired': ['zod'],
  'src/render': ['yaml'],
  'src/facts': ['yaml', 'zod'],
  'src/steps': ['yaml', 'zod'],
  'src/engine': ['p-limit'],
};

// Functions of their arguments alone.
const pureBuiltins = {
  'node:crypto': ['createDecipheriv', 'createHash', 'createPublicKey', 'X509Certificate'],
  'node:net': ['isIP', 'isIPv4', 'isIPv6'],
  'node:path': ['posix'],
  'node:util': ['isDeepStrictEqual', 'stripVTControlCharacters'],
};

function pureArea(imports: readonly string[], packages: readonly string[]): Area {
  return { imports, packages, builtins: pureBuiltins, pure: true };
}

function edge(imports: readonly string[], packages: readonly string[] | 'any' = []): Area {
  return { imports, packages, builtins: 'any', pure: false };
}

export const law: Law = {
  areas: {
    ...Object.fromEntries(
      core.map((folder, index) => [folder, pureArea(core.slice(0, index), purePackages[folder] ?? [])]),
    ),
    'src/host': edge(['src/model', 'src/ports'], ['p-limit']),
    'src/pki': edge(['src/model', 'src/ports', 'src/desired/certificates.ts']),
    'src/etcd': edge(['src/model', 'src/ports'], ['@bufbuild/protobuf']),
    // A deadline is the same for both kinds of server.
    'src/kube': edge(['src/model', 'src/ports', 'src/etcd/deadline.ts'], ['yaml']),
    'src/vault': edge(['src/model', 'src/ports', 'src/desired/certificates.ts'], ['age-encryption', 'zod']),
    // What is wrong with machines and members, for people: judged from facts, and by nobody that plans or runs.
    'src/checks': pureArea(core.slice(0, core.indexOf('src/engine')), []),
    'src/operations': edge([...core, 'src/checks', ...adapters], ['p-limit', 'yaml', 'zod']),
    // Of the plan and of a run: what they are.
    'src/cli': edge(
      ['src/model', 'src/operations', 'src/plan/types.ts', 'package.json'],
      ['@clack/prompts', 'commander', 'yaml'],
    ),
    // The manual clock lets the event loop turn, to see whether all is idle.
    'src/testing': { ...pureArea(core, ['yaml']), pure: ['setImmediate'] },
    'src/bin.ts': edge(['src/cli', 'src/model']),
    // Its version alone.
    'package.json': edge([]),
    'src/index.ts': edge([...core, 'src/operations']),
    lab: edge(['src'], 'any'),
    test: edge(['src', 'lab', 'tools'], 'any'),
    bench: edge(['src', 'lab', 'test', 'tools'], 'any'),
    tools: edge(['src', 'lab', 'test'], 'any'),
    'vitest.config.ts': edge([], 'any'),
  },
  fences: [
    // A secret is made readable where it leaves the program, and in the fakes of those places.
    { file: 'src/model/reveal.ts', only: [...adapters, 'src/testing'] },
    // No command exists but those that the builders make, each with its handler in the simulation.
    { file: 'src/ports/command.ts', names: ['readCommand', 'writeCommand', 'script'], only: ['src/ports/commands'] },
    { file: 'src/ports/commands', only: [...core.slice(core.indexOf('src/ports')), 'src/host', 'src/operations'] },
  ],
  revealers: ['src/model/reveal.ts', 'src/testing'],
  // A test may look at anything but the command line, which has its own, and an end-to-end test needs machines.
  tests: edge(['src', 'lab', 'test'], 'any'),
};
