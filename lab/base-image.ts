import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { debianMirror } from './apt-sources.ts';
import { runBound } from './command.ts';
import { LabError } from './errors.ts';
import { withLock } from './locks.ts';
import { cacheDirectory } from './paths.ts';

/** What is installed below every machine: Debian with what a Kubernetes host needs of it. */
const packages = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'openssh-server',
  'sudo',
  'iproute2',
  'iptables',
  'nftables',
  'conntrack',
  'ethtool',
  'socat',
  'ebtables',
  'ipset',
  'curl',
  'ca-certificates',
  'kmod',
  'procps',
  'iputils-ping',
  'openssl',
  'e2fsprogs',
  'util-linux-extra',
  'runc',
  'haproxy',
  'keepalived',
  'busybox-static',
];

/** Units that do not work, or only cost time, without hardware. */
const masked = [
  'console-getty.service',
  'getty@tty1.service',
  'systemd-modules-load.service',
  'systemd-networkd.service',
  'systemd-resolved.service',
  'systemd-timesyncd.service',
  'systemd-udevd.service',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
];

/** Installed, and started by nobody but who configures them. */
const disabled = ['haproxy.service', 'keepalived.service', 'nftables.service', 'e2scrub_reap.service'];
const disabledTimers = ['apt-daily.timer', 'apt-daily-upgrade.timer', 'e2scrub_all.timer', 'dpkg-db-backup.timer'];

// Cgroup version 1 arrives read-only and systemd delegates it to nobody. A machine whose own disk can be slowed must not
// see the blkio controller: in version 1 a limit does not reach from a group to its children, so all its processes have
// to stay in the one group that has the limit.
const labUnit = `[Unit]
Description=Test machine: writable cgroups, shared mounts, kernel settings of its own
DefaultDependencies=no
Before=sysinit.target systemd-journald.service systemd-sysctl.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /usr/lib/keelson-lab/early

[Install]
WantedBy=sysinit.target
`;

//
// Of /proc/sys only the network's part belongs to the machine; the rest is the whole computer's. What the kubelet insists
// on writing there is a file of the machine's own.
const earlyScript = `mount --make-rshared /
mount --rbind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,rw,bind /proc/sys/net
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \\
  kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  copy=/run/keelson-lab/sys/$setting
  mkdir -p "\${copy%/*}"
  cat "/proc/sys/$setting" >"$copy" && mount --bind "$copy" "/proc/sys/$setting"
done
[ -d /sys/fs/cgroup/systemd ] || exit 0
if [ -e /etc/keelson-lab/own-disk ]; then
  mount -o remount,rw /sys/fs/cgroup
  umount /sys/fs/cgroup/blkio && rmdir /sys/fs/cgroup/blkio
  mount -o remount,ro /sys/fs/cgroup
fi
for tree in /sys/fs/cgroup/*/; do
  mount -o remount,rw,bind "$tree" 2>/dev/null || true
done
`;

const suite = 'bookworm';
const recipe = { revision: 2, suite, packages, masked, disabled, disabledTimers, labUnit, earlyScript };

/** Where the base file system is, or will be. */
export function baseDirectory(): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([recipe, arch()]))
    .digest('hex')
    .slice(0, 16);
  return join(cacheDirectory(), 'base', digest);
}

/** The base file system, built where it is not there yet (about a minute). */
export async function ensureBase(progress: (line: string) => void): Promise<string> {
  const directory = baseDirectory();
  if (existsSync(directory)) return directory;
  const parent = join(cacheDirectory(), 'base');
  await withLock(join(parent, '.lock'), async () => {
    if (existsSync(directory)) return;
    removeAbandoned(parent);
    const building = join(parent, `.building-${process.pid}`);
    await build(building, progress);
    renameSync(building, directory);
  });
  return directory;
}

/** Who holds the lock knows that nobody else builds. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (name.startsWith('.building-')) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

async function build(root: string, progress: (line: string) => void): Promise<void> {
  const mirror = await debianMirror(suite);
  progress(`building the Debian 12 base file system from ${mirror.host} (about a minute, once)`);
  mkdirSync(root, { recursive: true });
  const counter = progressCounter(progress);
  try {
    await runBound(['debootstrap', '--variant=minbase', `--include=${packages.join(',')}`, suite, root, mirror.uri], {
      env: mirror.environment,
      onLine: counter,
    });
  } catch (error) {
    throw new LabError(
      'lab-base-failed',
      `debootstrap could not build the base file system: ${(error as Error).message}`,
      'Check that apt-get update works on this computer; the same mirror is used. Then try again.',
      { cause: error },
    );
  }
  finish(root);
  progress('the base file system is ready');
}

function finish(root: string): void {
  const at = (path: string): string => join(root, path);
  const remove = (path: string): void => rmSync(at(path), { recursive: true, force: true });
  for (const unit of masked) link('/dev/null', at(`etc/systemd/system/${unit}`));
  for (const unit of [...disabled, ...disabledTimers]) {
    for (const target of ['multi-user.target', 'sysinit.target', 'timers.target']) {
      remove(`etc/systemd/system/${target}.wants/${unit}`);
    }
  }
  write(at('etc/systemd/system/keelson-lab.service'), labUnit);
  mkdirSync(at('etc/systemd/system/sysinit.target.wants'), { recursive: true });
  link('../keelson-lab.service', at('etc/systemd/system/sysinit.target.wants/keelson-lab.service'));
  mkdirSync(at('usr/lib/keelson-lab'), { recursive: true });
  write(at('usr/lib/keelson-lab/early'), earlyScript);
  // No mirror: what a machine installs comes from where its test says.
  write(at('etc/apt/sources.list'), '');
  write(at('etc/default/locale'), 'LANG=C.UTF-8\n');
  for (const path of ['var/lib/apt/lists', 'var/cache/apt/archives', 'var/cache/apt']) {
    for (const entry of readdirSync(at(path), { withFileTypes: true })) {
      if (!entry.isDirectory()) remove(`${path}/${entry.name}`);
    }
  }
  // Each machine gets its own.
  for (const name of readdirSync(at('etc/ssh'))) {
    if (name.startsWith('ssh_host_')) remove(`etc/ssh/${name}`);
  }
  for (const path of ['etc/machine-id', 'var/lib/dbus/machine-id', 'etc/hostname', 'etc/resolv.conf']) remove(path);
}

/** One line for a new phase, and then one every few seconds. */
function progressCounter(progress: (line: string) => void): (line: string) => void {
  let phase = '';
  let shownAt = 0;
  return (line) => {
    const [, verb, name] =
      /^I: (Retrieving|Extracting|Unpacking|Configuring) (\S+?)(?:\.\.\.)?(?: |$)/.exec(line) ?? [];
    if (verb === undefined || name === undefined) return;
    if (verb === phase && Date.now() - shownAt < 5_000) return;
    phase = verb;
    shownAt = Date.now();
    progress(`debootstrap: ${verb.toLowerCase()} ${name}`);
  };
}

function write(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o644 });
}

function link(target: string, path: string): void {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}
