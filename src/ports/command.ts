import type { Secret } from '../model/secret.ts';

/** Every command keelson can run on a machine, by name. `SimCluster` has one handler for each, held to the real thing. */
export type BuilderName =
  // reading
  | 'machine'
  | 'inspect-files'
  | 'read-files'
  | 'inspect-artefacts'
  | 'list-directories'
  | 'public-keys'
  | 'units'
  | 'versions'
  | 'runtime'
  | 'images'
  | 'etcd-manifest'
  | 'etcd-process'
  | 'lock-state'
  | 'listening-ports'
  | 'disk-space'
  | 'fsync-latency'
  | 'reach-peers'
  | 'reach-ports'
  | 'node-fitness'
  | 'other-containers'
  | 'node-state'
  | 'service-reach'
  | 'load-balancer-state'
  | 'probe-endpoint'
  | 'certificates-in'
  // writing
  | 'make-directory'
  | 'own-by-root'
  | 'remove-paths'
  | 'found-member'
  | 'swap-manifest'
  | 'systemctl'
  | 'import-image'
  | 'apt'
  | 'kubeadm'
  | 'apply-sysctls'
  | 'check-load-balancer'
  | 'end-static-pod'
  | 'clear-data'
  | 'remove-pod'
  | 'end-pods'
  | 'remove-pod-network'
  | 'remove-state'
  | 'remove-artefacts'
  | 'sweep-folders'
  | 'forget-machine'
  // the lock itself: these carry their own fencing number and are not wrapped
  | 'lock-take'
  | 'lock-release'
  | 'fence-raise'
  | 'units-stop';

export interface CommandOptions {
  stdin?: string | Secret;
  /** Milliseconds after which the command is ended on the machine itself. */
  timeoutMs?: number;
  /** Bytes of standard output, and of standard error, that are kept; more ends the command. */
  outputLimit?: number;
}

abstract class Cmd {
  readonly builder: BuilderName;
  /** Data, never a shell line: an adapter passes each element as one argument. Never a secret. */
  readonly argv: readonly [string, ...string[]];
  readonly stdin: string | Secret | undefined;
  readonly timeoutMs: number;
  readonly outputLimit: number;

  constructor(builder: BuilderName, argv: readonly [string, ...string[]], options: CommandOptions) {
    this.builder = builder;
    this.argv = argv;
    this.stdin = options.stdin;
    this.timeoutMs = options.timeoutMs ?? 20_000;
    this.outputLimit = options.outputLimit ?? 1024 * 1024;
  }
}

/** Changes nothing on the machine. The private member keeps the two kinds apart for the compiler. */
class Read extends Cmd {
  readonly #read = true;
  get reads(): boolean {
    return this.#read;
  }
}

/** Changes something: goes through the fencing wrapper. `mayBeLong` runs it as a transient systemd unit (over 2 s). */
class Write extends Cmd {
  readonly #write = true;
  readonly mayBeLong: boolean;

  constructor(
    builder: BuilderName,
    argv: readonly [string, ...string[]],
    options: CommandOptions & { mayBeLong?: boolean },
  ) {
    super(builder, argv, options);
    this.mayBeLong = options.mayBeLong ?? false;
  }
  get writes(): boolean {
    return this.#write;
  }
}

// Exported as types only: nothing but the builders in ./commands makes one (the import law fences the two functions).
export type ReadCommand = Read;
export type WriteCommand = Write;

export function readCommand(
  builder: BuilderName,
  argv: readonly [string, ...string[]],
  options: CommandOptions = {},
): ReadCommand {
  return new Read(builder, argv, options);
}

export function writeCommand(
  builder: BuilderName,
  argv: readonly [string, ...string[]],
  options: CommandOptions & { mayBeLong?: boolean } = {},
): WriteCommand {
  return new Write(builder, argv, options);
}

/** `sh -c SCRIPT sh ARGS...`: a constant script of ours with its arguments as data. */
export function script(text: string, args: readonly string[]): readonly [string, ...string[]] {
  return ['sh', '-c', text, 'sh', ...args];
}
