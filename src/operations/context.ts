import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { configDigest } from '../config/digest.ts';
import { goDurationSeconds } from '../config/duration.ts';
import { parseConfig } from '../config/parse.ts';
import { configInvalid } from '../config/problem.ts';
import type { ClusterConfig } from '../config/schema.ts';
import type { Ports } from '../engine/types.ts';
import { type Machines, openMachines } from '../host/machines.ts';
import type { SshTarget } from '../host/ssh-target.ts';
import { KeelsonError } from '../model/errors.ts';
import { cannotRead } from '../model/file-error.ts';
import { type HostId, hostId } from '../model/ids.ts';
import type { Secret } from '../model/secret.ts';
import { identityPath } from '../vault/identity-path.ts';
import { deadOwner, systemClock, thisOperator } from './local.ts';
import { resolvePath } from './paths.ts';
import type { FormerHost } from './reset.ts';
import type { Operator, Subject } from './run.ts';
import { softwareOf } from './software.ts';

export interface OpenOptions {
  /** `-` for standard input, whose content is then in `text`. */
  file: string;
  text?: string;
  /** The vault's folder; by default `.keelson/<cluster>` beside the file. */
  vault?: string;
  /** The age identity's file. */
  identity?: string;
  /** For a reset: also the machines of the last inventory that the configuration no longer lists, and those named here (`NAME=ADDRESS`). */
  former?: readonly string[];
  /** Asked at most once for each password that sudo needs; without it a needed password is an error. */
  askPassword?: (prompt: string) => Promise<Secret>;
  /** Begins to log in to all machines, so that it goes on while the vault is opened. What fails is said to whoever asks the machine. */
  connect?: boolean;
  /**
   * Whether the software's source (bundle, repository's key) has to be readable. `required` by default; with `if-readable` everything
   * else can be had without it, as on a monitoring computer, and what would plan is refused; with `unread` it is not even looked at.
   */
  software?: 'required' | 'if-readable' | 'unread';
}

export interface Located {
  config: ClusterConfig;
  /** The folder that relative paths of the configuration start from. */
  folder: string;
  vaultFolder: string;
  identityFile: string;
  knownHostsFile: string;
}

/** Everything that an operation on a cluster needs, with the real adapters behind it. */
export interface Context extends Located, AsyncDisposable {
  subject: Subject;
  ports: Ports;
  machines: Machines;
  operator: (command: string) => Promise<Operator>;
}

/** Reads and checks the configuration. Rejects with `config.*`, all problems listed. */
export async function readConfig(
  options: Pick<OpenOptions, 'file' | 'text'>,
): Promise<{ config: ClusterConfig; folder: string }> {
  const { file } = options;
  const text = options.text ?? (await readText(file));
  const parsed = parseConfig(text, file === '-' ? 'standard input' : file);
  if (!parsed.ok) throw configInvalid(file, parsed.problems);
  return { config: parsed.config, folder: file === '-' ? process.cwd() : dirname(resolve(file)) };
}

/** Where the cluster's own files are, without opening anything. */
export async function locate(options: OpenOptions): Promise<Located> {
  const { config, folder } = await readConfig(options);
  const vaultFolder =
    options.vault === undefined ? join(folder, '.keelson', config.metadata.name) : resolve(options.vault);
  const identityFile = identityPath({
    ...(options.identity === undefined ? {} : { option: options.identity }),
    env: process.env,
    home: homedir(),
  });
  return { config, folder, vaultFolder, identityFile, knownHostsFile: join(vaultFolder, 'known_hosts') };
}

/** How each machine is reached. Relative identity files start from the configuration's folder. */
export function hostTargets({ config, folder }: Located): SshTarget[] {
  return config.spec.hosts.map(({ name, address, ssh }) => targetOf(hostId(name), address, ssh, folder));
}

function targetOf(id: HostId, address: string, ssh: HostLogin, folder: string): SshTarget {
  return {
    id,
    address,
    user: ssh.user,
    port: ssh.port,
    ...(ssh.identityFile === undefined ? {} : { identityFile: resolvePath(ssh.identityFile, folder) }),
    ...(ssh.proxyJump === undefined ? {} : { proxyJump: ssh.proxyJump }),
    ...(ssh.hostKey === undefined ? {} : { hostKey: ssh.hostKey }),
    ...(ssh.become === undefined ? {} : { become: ssh.become }),
  };
}
interface HostLogin {
  user: string;
  port: number;
  identityFile?: string | undefined;
  proxyJump?: string | undefined;
  hostKey?: string | undefined;
  become?: 'sudo' | undefined;
}

export async function openContext(options: OpenOptions): Promise<Context> {
  const located = await locate(options);
  const { config, folder, knownHostsFile } = located;
  const { software, softwareUnread } = await softwareOf(options.software, config, folder);
  // How a machine that is listed no longer was reached is not recorded: as the others are.
  const former = options.former === undefined ? [] : await formerOf(located, options.former);
  const ids = [...config.spec.hosts.map((h) => hostId(h.name)), ...former.map((h) => h.id)];
  const machines = await openMachines({
    hosts: [
      ...hostTargets(located),
      ...former.map(({ id, address }) => targetOf(id, address, config.spec.ssh, folder)),
    ],
    knownHostsFile,
    concurrency: { connects: config.spec.concurrency.connects },
    timeouts: { connectMs: goDurationSeconds(config.spec.timeouts.connect) * 1000 },
    clock: systemClock,
    ...(options.askPassword === undefined ? {} : { askPassword: options.askPassword }),
  });
  if (options.connect === true) for (const id of ids) machines.connect(id, never).catch(() => undefined);
  try {
    // What opens the vault and asks etcd takes as long to load as a machine to answer the first packets.
    const { openPorts } = await import('./ports.ts');
    const configuredCa = await readConfiguredCa(located);
    const { ports, close } = await openPorts(located, software, ids, machines);
    return {
      ...located,
      subject: {
        config,
        configDigest: configDigest(config),
        software,
        configuredCa,
        ...(softwareUnread === undefined ? {} : { softwareUnread }),
      },
      ports,
      machines,
      operator: async (command) => ({ owner: await thisOperator(command), isDead: await deadOwner() }),
      [Symbol.asyncDispose]: async () => {
        close();
        await machines.close();
      },
    };
  } catch (error) {
    await machines.close();
    throw error;
  }
}

/** Closing the machines ends what still connects. */
const never = new AbortController().signal;

async function formerOf(located: Located, named: readonly string[]): Promise<FormerHost[]> {
  const [{ openVault }, { formerHosts }] = await Promise.all([import('./ports.ts'), import('./reset.ts')]);
  return formerHosts(located.config, await openVault(located).read(), named);
}

async function readConfiguredCa({ config, folder }: Located): Promise<string | null> {
  const { ca } = config.spec.pki;
  return ca === undefined ? null : readText(resolvePath(ca.certificate, folder));
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new KeelsonError('config.unreadable', cannotRead(file, error), { where: file, cause: error });
  }
}
