import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Everything that the lab builds and runs lives here, outside of any checkout. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env.KEELSON_CACHE;
  return chosen === undefined || chosen === '' ? join(homedir(), '.cache', 'keelson') : resolve(chosen);
}

export interface MachinePaths {
  readonly directory: string;
  /** The machine's file system as it sees it, without what it mounts itself (/run, /tmp, /proc). */
  readonly root: string;
  /** What the machine writes to its overlay. */
  readonly upper: string;
  readonly work: string;
  /** The machine's /var/lib, on the computer's plain file system. */
  readonly varLib: string;
  readonly containerd: string;
  readonly diskImage: string;
  readonly diskMount: string;
  readonly console: string;
}

export interface LabPaths {
  readonly directory: string;
  readonly stateFile: string;
  readonly lockFile: string;
  readonly identityFile: string;
  readonly knownHosts: string;
  readonly services: string;
  readonly machines: string;
  readonly machine: (name: string) => MachinePaths;
}

export function labsDirectory(cache = cacheDirectory()): string {
  return join(cache, 'labs');
}

export function labPaths(lab: string, cache = cacheDirectory()): LabPaths {
  const directory = join(labsDirectory(cache), lab);
  return {
    directory,
    stateFile: join(directory, 'lab.json'),
    // Beside the folder, not in it: who removes the folder still holds the lock.
    lockFile: join(labsDirectory(cache), `.${lab}.lock`),
    identityFile: join(directory, 'id_ed25519'),
    knownHosts: join(directory, 'known_hosts'),
    services: join(directory, 'services'),
    machines: join(directory, 'machines'),
    machine: (name) => machinePaths(join(directory, 'machines', name)),
  };
}

function machinePaths(directory: string): MachinePaths {
  return {
    directory,
    root: join(directory, 'root'),
    upper: join(directory, 'upper'),
    work: join(directory, 'work'),
    varLib: join(directory, 'var-lib'),
    containerd: join(directory, 'containerd'),
    diskImage: join(directory, 'disk.img'),
    diskMount: join(directory, 'disk'),
    console: join(directory, 'console.log'),
  };
}

/** Names of kernel objects. All of them derive from the lab's name, so that another process finds what a killed one left. */
export interface KernelNames {
  readonly bridge: string;
  readonly filterTable: string;
  readonly namespacePrefix: string;
  readonly namespace: (machine: string) => string;
  readonly veth: (machine: string) => string;
  /** nspawn's name of the machine, unique on this computer. */
  readonly container: (machine: string) => string;
}

export function kernelNames(lab: string): KernelNames {
  return {
    bridge: interfaceName('kl-', lab),
    filterTable: `keelson_${lab.replaceAll('-', '_')}`,
    // A dot occurs in no name of a lab or machine, so lab "a" never takes "a-b" for its own.
    namespacePrefix: `keelson.${lab}.`,
    namespace: (machine) => `keelson.${lab}.${machine}`,
    veth: (machine) => interfaceName('kv-', `${lab}.${machine}`),
    container: (machine) => `keelson.${lab}.${machine}`,
  };
}

/** A hardware address that stays the same when the interface is made again, so that neighbours' caches stay right. */
export function hardwareAddress(lab: string, machine: string): string {
  const digest = createHash('sha256').update(`${lab}.${machine}`).digest();
  const octets = [0x02, ...digest.subarray(0, 5)];
  return octets.map((octet) => octet.toString(16).padStart(2, '0')).join(':');
}

/** An interface name has at most 15 characters; a longer one keeps its beginning and ends with a digest of all of it. */
function interfaceName(prefix: string, name: string): string {
  const whole = prefix + name;
  if (whole.length <= 15) return whole;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 6);
  return `${whole.slice(0, 9)}${digest}`;
}
