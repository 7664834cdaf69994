import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import type { BundleContent } from './bundle/index.ts';
import { parseCgroupMounts } from './cgroups.ts';
import { attempt, run } from './command.ts';
import { LabError } from './errors.ts';
import { cacheDirectory } from './paths.ts';

/** Something the lab needs and this computer lacks. */
export interface MissingPrerequisite {
  readonly code:
    | 'lab-not-linux'
    | 'lab-bad-architecture'
    | 'lab-not-root'
    | 'lab-no-namespaces'
    | 'lab-no-cgroups'
    | 'lab-no-overlay'
    | 'lab-no-devices'
    | 'lab-no-loop-devices'
    | 'lab-no-bridges'
    | 'lab-no-packet-filter'
    | 'lab-missing-packages';
  readonly what: string;
  readonly fix: string;
}

/** Programs that the lab calls, and the Debian packages that hold them. */
const programs: readonly (readonly [program: string, debianPackage: string])[] = [
  ['debootstrap', 'debootstrap'],
  ['systemd-nspawn', 'systemd-container'],
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  ['sysctl', 'procps'],
  ['ssh', 'openssh-client'],
  ['ssh-keygen', 'openssh-client'],
  ['mkfs.ext4', 'e2fsprogs'],
  ['mount', 'mount'],
  ['losetup', 'mount'],
  ['flock', 'util-linux'],
  ['fallocate', 'util-linux'],
  ['nsenter', 'util-linux'],
  ['unshare', 'util-linux'],
  ['setpriv', 'util-linux'],
  ['find', 'findutils'],
  ['dpkg-deb', 'dpkg'],
  ['gpg', 'gnupg'],
];

/** What building a bundle for whole clusters needs besides. `gencat` comes with libc6-dev, which has no program itself. */
const compilers: typeof programs = [
  ['gcc', 'gcc'],
  ['gencat', 'libc6-dev'],
];

const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Debian packages that hold the programs which are not there. */
export function missingPackages(
  isThere: (program: string) => boolean = isProgram,
  content: BundleContent = 'etcd',
): string[] {
  const needed = content === 'cluster' ? [...programs, ...compilers] : programs;
  const missing = needed.filter(([program]) => !isThere(program)).map(([, debianPackage]) => debianPackage);
  return [...new Set(missing)].sort();
}

/** All that is missing. An empty list means that the lab can run; nothing is changed. */
export async function missingPrerequisites(content?: BundleContent): Promise<MissingPrerequisite[]> {
  const basic = basicPrerequisites();
  if (basic.length > 0) return basic;
  const packages = missingPackages(isProgram, content);
  const missing: MissingPrerequisite[] = [];
  if (packages.length > 0) {
    missing.push({
      code: 'lab-missing-packages',
      what: `These Debian packages are missing: ${packages.join(', ')}.`,
      fix: `apt-get install ${packages.join(' ')}`,
    });
  }
  return [...missing, ...(await kernelPrerequisites())];
}

/** Installs missing Debian packages and answers what is missing after that. */
export async function installPrerequisites(
  progress: (line: string) => void,
  content?: BundleContent,
): Promise<MissingPrerequisite[]> {
  if (basicPrerequisites().length > 0) return basicPrerequisites();
  const packages = missingPackages(isProgram, content);
  if (packages.length > 0 && isProgram('apt-get')) await installPackages(packages, progress);
  return await missingPrerequisites(content);
}

async function installPackages(packages: readonly string[], progress: (line: string) => void): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  progress(`installing Debian packages: ${packages.join(', ')}`);
  const install: [string, ...string[]] = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
  // The package lists of a fresh machine are often old or empty; fetching them takes a while and is seldom needed.
  if ((await attempt(install, { env })).code === 0) return;
  progress('fetching the package lists');
  await run(['apt-get', 'update'], { env });
  await run(install, { env });
}

/** Without these nothing further can be tried. */
function basicPrerequisites(): MissingPrerequisite[] {
  if (process.platform !== 'linux') {
    const what = `The lab runs Linux machines on this computer's own kernel; this is ${process.platform}.`;
    return [{ code: 'lab-not-linux', what, fix: 'Use a Linux computer, or a virtual machine with Debian 12.' }];
  }
  if (arch() !== 'x64' && arch() !== 'arm64') {
    const what = `The lab runs on amd64 and arm64; this is ${arch()}.`;
    return [{ code: 'lab-bad-architecture', what, fix: 'Use another computer.' }];
  }
  return process.getuid?.() === 0 ? [] : [notRoot];
}

const notRoot = {
  code: 'lab-not-root',
  what: 'The lab makes and removes namespaces, mounts and bridges, for which it has to be root.',
  fix: 'Run the same command with sudo, or as root.',
} as const;

/** Before anything is removed: another user's attempts would fail one by one, half of them in silence. */
export function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new LabError(notRoot.code, notRoot.what, notRoot.fix);
}

/** Each is tried, in namespaces that end with the trial: what a kernel offers cannot be read from its version. */
async function kernelPrerequisites(): Promise<MissingPrerequisite[]> {
  const missing: MissingPrerequisite[] = [];
  const container = 'Use a computer or virtual machine of its own rather than a container without privileges.';
  if (parseCgroupMounts(readFileSync('/proc/mounts', 'utf8')) === undefined || !isWritable('/sys/fs/cgroup')) {
    const what = 'No usable cgroups: neither version 2 at /sys/fs/cgroup nor version 1 with freezer and name=systemd.';
    missing.push({ code: 'lab-no-cgroups', what, fix: `Mount them, or: ${container}` });
  }
  if (!(await works('--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--fork', 'true'))) {
    const what = 'This process may not make namespaces (mount, UTS, IPC, network, PID, cgroup).';
    return [...missing, { code: 'lab-no-namespaces', what, fix: container }];
  }
  if (!(await inTrialFolder('mknod null c 1 3 && : >null'))) {
    const what = `No device files can be made in ${cacheDirectory()}; root here is not the computer's root.`;
    missing.push({ code: 'lab-no-devices', what, fix: container });
  }
  if (!(await inTrialFolder(overlayTrial))) {
    const what = `An overlay file system cannot be mounted in ${cacheDirectory()}.`;
    const fix = 'Set KEELSON_CACHE to a folder on a plain file system such as ext4 or xfs.';
    missing.push({ code: 'lab-no-overlay', what, fix });
  }
  if (!existsSync('/dev/loop-control')) {
    const what = 'There are no loop devices (/dev/loop-control).';
    missing.push({ code: 'lab-no-loop-devices', what, fix: 'Load the kernel module: modprobe loop' });
  }
  const links = 'ip link add b0 type bridge && ip link add v0 type veth peer name v1 && ip link set v0 master b0';
  if (isProgram('ip') && !(await works('--net', 'sh', '-c', links))) {
    const what = 'The kernel makes no bridges or veth pairs.';
    missing.push({ code: 'lab-no-bridges', what, fix: 'Load the kernel modules: modprobe -a bridge veth' });
  }
  const filter =
    'nft "add table inet t; add table bridge t; add chain bridge t c { type filter hook forward priority 0; }"';
  if (isProgram('nft') && !(await works('--net', 'sh', '-c', filter))) {
    const what = 'The kernel filters no packets with nftables (families inet and bridge).';
    missing.push({
      code: 'lab-no-packet-filter',
      what,
      fix: 'Load the kernel modules: modprobe -a nf_tables nft_meta_bridge',
    });
  }
  return missing;
}

const overlayTrial =
  'mkdir lower upper work root && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root && : >root/file';

async function inTrialFolder(commands: string): Promise<boolean> {
  mkdirSync(cacheDirectory(), { recursive: true });
  const trial = mkdtempSync(join(cacheDirectory(), '.trial-'));
  try {
    return await works('--mount', 'sh', '-c', `cd "$0" && ${commands}`, trial);
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}

async function works(...argv: string[]): Promise<boolean> {
  try {
    return (await attempt(['unshare', ...argv])).code === 0;
  } catch {
    return false; // no unshare; named among the packages
  }
}

function isProgram(name: string): boolean {
  return folders.some((folder) => existsSync(join(folder, name)));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
