import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type CgroupTrees,
  cgroupTrees,
  endProcesses,
  firstProcess,
  groupsToJoin,
  isFrozen,
  limitWriteOperations,
  makeGroups,
  processesIn,
  setFrozen,
  waitUntilEmpty,
} from './cgroups.ts';
import { attempt, type CommandOutput, commandEnvironment } from './command.ts';
import { LabError } from './errors.ts';
import { mountMachine } from './machine-disk.ts';
import { type ExecOptions, execute, writeFileScript } from './machine-exec.ts';
import { loopDevicesBelow } from './mounts.ts';
import { cutOff, ensureBridge, heal, isCutFromOperator, type Partition } from './network.ts';
import { fillDisk, fillerOn, ownDisk } from './own-disk.ts';
import { hardwareAddress, kernelNames, labPaths } from './paths.ts';
import { waitFor } from './poll.ts';
import { fingerprint, makeHostKeys, readHostKeys, sshdAnswers } from './ssh.ts';
import { type LabState, type MachineRecord, readState } from './state.ts';
import { gatewayOf, ipv6Twin } from './subnets.ts';

export interface NewUser {
  readonly name: string;
  readonly sudo: 'none' | 'nopasswd' | 'password';
  readonly password?: string;
  /** A line for ~/.ssh/authorized_keys. */
  readonly authorizedKey?: string;
}

export type MachineCondition = 'running' | 'frozen' | 'off';

/** One test machine. Every function acts at once and is done when it resolves. */
export interface Machine {
  readonly name: string;
  readonly address: string;
  /** Only in a lab with IPv6. */
  readonly address6: string | undefined;
  /** Its file system as seen from this computer; also while it is off. Without /run, /tmp, /proc and /sys. */
  readonly rootDir: string;
  readonly condition: () => MachineCondition;
  /** Starts it and waits until sshd answers; the same machine as before, with its disk. */
  readonly boot: () => Promise<void>;
  /** Power cut: SIGKILL to its first process, without a warning. */
  readonly powerOff: () => Promise<void>;
  /** An orderly reboot, through to sshd's answer. */
  readonly reboot: () => Promise<void>;
  /** Stops every process of it for a while; its kernel still completes TCP handshakes. */
  readonly freeze: () => Promise<void>;
  readonly thaw: () => Promise<void>;
  readonly partition: (partition?: Partition) => Promise<void>;
  readonly heal: () => Promise<void>;
  /** Fills its own disk (see DiskSpec) to the last block. */
  readonly fillDisk: (options?: { readonly leaveKiB?: number }) => Promise<void>;
  readonly freeDisk: () => Promise<void>;
  /** Limits write operations on its own disk. */
  readonly limitWrites: (operationsPerSecond: number) => Promise<void>;
  readonly unlimitWrites: () => Promise<void>;
  /** New SSH host keys; answers the new fingerprint. */
  readonly changeHostKey: () => Promise<string>;
  /** Of the ed25519 key, as OpenSSH prints it. */
  readonly hostKeyFingerprint: () => string;
  /** "type base64" of each host key. */
  readonly hostKeys: () => string[];
  /** Runs a command in the machine as root, not over SSH. While it is off, with its disk as root directory. */
  readonly exec: (argv: readonly [string, ...string[]], options?: ExecOptions) => Promise<CommandOutput>;
  readonly readFile: (path: string) => Promise<string>;
  /** Writes a file, and the folders above it. */
  readonly writeFile: (path: string, content: string | Uint8Array, mode?: number) => Promise<void>;
  readonly addUser: (user: NewUser) => Promise<void>;
}

const bootTimeoutMs = 90_000;
/** Containers and services get systemd's 90 s to end. */
const rebootTimeoutMs = 180_000;
const script = join(import.meta.dirname, 'run-machine.sh');

export function createMachine(state: LabState, record: MachineRecord): Machine {
  const trees = cgroupTrees();
  const paths = labPaths(state.name).machine(record.name);
  const lab = state.name;
  const { name, address } = record;
  const exec = (argv: readonly [string, ...string[]], options: ExecOptions = {}): Promise<CommandOutput> =>
    execute(trees, state, record, argv, options);
  const machine: Machine = {
    name,
    address,
    address6: record.address6,
    rootDir: paths.root,
    condition: () => {
      if (firstProcess(trees, lab, name) === undefined) return 'off';
      return isFrozen(trees, lab, name) ? 'frozen' : 'running';
    },
    boot: () => boot(trees, state, record),
    powerOff: () => powerOff(trees, lab, name),
    reboot: () => reboot(trees, state, record, exec),
    freeze: async () => {
      setFrozen(trees, lab, name, true);
      await waitFor(`${name} to freeze`, 10_000, () => (isFrozen(trees, lab, name) ? true : undefined));
    },
    thaw: async () => setFrozen(trees, lab, name, false),
    partition: async (partition = {}) => {
      checkPeers(lab, name, partition.from ?? []);
      await cutOff(lab, name, partition);
    },
    heal: () => heal(lab, name),
    fillDisk: async (options = {}) =>
      fillDisk(ownDisk(state.name, record, paths.diskMount), (options.leaveKiB ?? 0) * 1024),
    freeDisk: async () => rmSync(fillerOn(ownDisk(state.name, record, paths.diskMount)), { force: true }),
    limitWrites: async (perSecond) => {
      ownDisk(state.name, record, paths.diskMount);
      makeGroups(trees, lab, name);
      for (const loop of loopDevicesBelow(paths.directory)) {
        limitWriteOperations(trees, lab, name, loop.number, perSecond);
      }
    },
    unlimitWrites: () => machine.limitWrites(0),
    changeHostKey: async () => {
      await makeHostKeys(paths.root, name);
      if (machine.condition() === 'running') await exec(['systemctl', 'restart', 'ssh']);
      return machine.hostKeyFingerprint();
    },
    hostKeyFingerprint: () => fingerprint(readHostKeys(paths.root)[0] ?? ''),
    hostKeys: () => readHostKeys(paths.root),
    exec,
    readFile: async (path) => (await exec(['cat', '--', path])).stdout,
    writeFile: async (path, content, mode = 0o644) => {
      await exec(['sh', '-c', writeFileScript, 'write', path, mode.toString(8), dirname(path)], { stdin: content });
    },
    addUser: (user) => addUser(machine, user),
  };
  return machine;
}

async function boot(trees: CgroupTrees, state: LabState, record: MachineRecord): Promise<void> {
  const { name } = record;
  if (firstProcess(trees, state.name, name) === undefined) {
    await endProcesses(trees, state.name, name);
    await ensureBridge(state.name, state.subnet, state.ipv6);
    await mountMachine(state, record);
    makeGroups(trees, state.name, name);
    start(trees, state, record);
  }
  await waitForSshd(trees, state, record, bootTimeoutMs);
}

function start(trees: CgroupTrees, state: LabState, record: MachineRecord): void {
  const { name } = record;
  const names = kernelNames(state.name);
  const paths = labPaths(state.name).machine(name);
  const gateway = gatewayOf(state.subnet);
  const settings = {
    SUPERVISOR_GROUPS: groupsToJoin(trees, state.name, name, 'supervisor').join(' '),
    MACHINE_GROUPS: groupsToJoin(trees, state.name, name, 'machine').join(' '),
    NETWORK_NAMESPACE: names.namespace(name),
    VETH: names.veth(name),
    BRIDGE: names.bridge,
    HARDWARE_ADDRESS: hardwareAddress(state.name, name),
    ADDRESS: record.address,
    ADDRESS6: record.address6 ?? '',
    GATEWAY: gateway,
    GATEWAY6: record.address6 === undefined ? '' : ipv6Twin(gateway),
    ROOT: paths.root,
    CONTAINER: names.container(name),
    HOST_NAME: name,
    // Writable /proc/sys, which kubelet and kube-proxy need.
    SYSTEMD_NSPAWN_API_VFS_WRITABLE: 'yes',
  };
  mkdirSync(paths.directory, { recursive: true });
  const console = openSync(paths.console, 'w');
  try {
    const child = spawn('/bin/sh', [script], {
      env: commandEnvironment(settings),
      detached: true, // outlives this process and its terminal
      stdio: ['ignore', console, console],
      cwd: '/',
    });
    child.unref();
  } finally {
    closeSync(console);
  }
}

/** A machine that is cut off from this computer counts as started with its own word for it. */
async function waitForSshd(
  trees: CgroupTrees,
  state: LabState,
  record: MachineRecord,
  timeoutMs: number,
): Promise<void> {
  const started = Date.now();
  const cut = await isCutFromOperator(state.name, record.name);
  await waitFor(`sshd of ${record.name}`, timeoutMs, async () => {
    if (Date.now() - started > 2_000 && processesIn(trees, state.name, record.name).length === 0) {
      throw new LabError(
        'lab-boot-failed',
        `${record.name} did not start: ${consoleTail(state.name, record.name)}`,
        'Its console is in the file console.log of its folder in the cache.',
      );
    }
    if (!cut) return (await sshdAnswers(record.address)) ? true : undefined;
    const active = await execute(trees, state, record, ['systemctl', 'is-active', 'ssh'], { allowFailure: true });
    return active.stdout.trim() === 'active' ? true : undefined;
  });
}

function consoleTail(lab: string, machine: string): string {
  try {
    return readFileSync(labPaths(lab).machine(machine).console, 'utf8').trim().split('\n').slice(-5).join('\n');
  } catch {
    return 'no console output';
  }
}

async function powerOff(trees: CgroupTrees, lab: string, machine: string): Promise<void> {
  const first = firstProcess(trees, lab, machine);
  if (first !== undefined) process.kill(first, 'SIGKILL');
  // Only now: a frozen machine takes the signal when it thaws, before it runs on.
  if (isFrozen(trees, lab, machine)) setFrozen(trees, lab, machine, false);
  if (first === undefined || !(await waitUntilEmpty(trees, lab, machine, 10_000))) {
    await endProcesses(trees, lab, machine);
  }
  // The supervisor removes them; one that had to be ended could not.
  const names = kernelNames(lab);
  if (existsSync(`/run/netns/${names.namespace(machine)}`)) {
    await attempt(['ip', 'link', 'delete', names.veth(machine)]);
    await attempt(['ip', 'netns', 'delete', names.namespace(machine)]);
  }
}

async function reboot(
  trees: CgroupTrees,
  state: LabState,
  record: MachineRecord,
  exec: Machine['exec'],
): Promise<void> {
  const before = firstProcess(trees, state.name, record.name);
  if (before === undefined) {
    throw new LabError('lab-machine-off', `${record.name} is off.`, 'Boot it first.');
  }
  await exec(['systemctl', 'reboot'], { allowFailure: true });
  await waitFor(`${record.name} to go down`, rebootTimeoutMs, () => {
    const now = firstProcess(trees, state.name, record.name);
    return now !== undefined && now !== before ? true : undefined;
  });
  await waitForSshd(trees, state, record, bootTimeoutMs);
}

function checkPeers(lab: string, machine: string, peers: readonly string[]): void {
  // Read now: machines may have been added since.
  const known = (readState(lab)?.machines ?? []).map(({ name }) => name);
  const wrong = peers.find((peer) => peer === machine || !known.includes(peer));
  if (wrong === undefined) return;
  throw new LabError(
    'lab-unknown-machine',
    `${machine} cannot be cut off from "${wrong}".`,
    `Other machines of this lab: ${known.filter((name) => name !== machine).join(', ')}.`,
  );
}

async function addUser(machine: Machine, user: NewUser): Promise<void> {
  const { name, sudo, password, authorizedKey } = user;
  await machine.exec(['useradd', '--create-home', '--shell', '/bin/bash', '--', name]);
  if (password !== undefined) await machine.exec(['chpasswd'], { stdin: `${name}:${password}\n` });
  if (sudo !== 'none') {
    const tag = sudo === 'nopasswd' ? 'NOPASSWD: ' : '';
    await machine.writeFile(`/etc/sudoers.d/${name}`, `${name} ALL=(ALL:ALL) ${tag}ALL\n`, 0o440);
  }
  if (authorizedKey === undefined) return;
  const home = `/home/${name}`;
  await machine.writeFile(`${home}/.ssh/authorized_keys`, `${authorizedKey.trim()}\n`, 0o600);
  await machine.exec(['chown', '-R', `${name}:${name}`, `${home}/.ssh`]);
  await machine.exec(['chmod', '700', `${home}/.ssh`]);
}
