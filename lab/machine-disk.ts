import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, runBound } from './command.ts';
import { isMounted } from './mounts.ts';
import { labPaths, type MachinePaths } from './paths.ts';
import { makeHostKeys } from './ssh.ts';
import type { LabState, MachineRecord } from './state.ts';
import { gatewayOf, ipv6Twin } from './subnets.ts';

interface WritablePaths {
  readonly upper: string;
  readonly work: string;
  readonly varLib: string;
}

function writablePaths(paths: MachinePaths, record: MachineRecord): WritablePaths {
  if (record.disk?.holds !== 'root') return paths;
  const at = (name: string): string => join(paths.diskMount, name);
  return { upper: at('upper'), work: at('work'), varLib: at('var-lib') };
}

/** Mounts what is not mounted yet; a computer that was restarted has none of it. */
export async function mountMachine(state: LabState, record: MachineRecord): Promise<void> {
  const paths = labPaths(state.name).machine(record.name);
  if (record.disk !== undefined && !isMounted(paths.diskMount)) {
    await run(['mount', '-o', 'loop', paths.diskImage, paths.diskMount]);
  }
  const { upper, work, varLib } = writablePaths(paths, record);
  for (const directory of [upper, work, varLib, paths.root]) mkdirSync(directory, { recursive: true });
  if (!isMounted(paths.root)) {
    const lower = state.layer === undefined ? state.base : `${state.layer}:${state.base}`;
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    await run(['mount', '-t', 'overlay', 'overlay', '-o', options, paths.root]);
  }
  // Not an overlay: one cannot be the upper layer of another, and containerd makes its own below /var/lib.
  await bind(varLib, join(paths.root, 'var/lib'));
  if (record.disk !== undefined && record.disk.holds !== 'root') {
    await bind(join(paths.diskMount, 'etcd'), join(paths.root, 'var/lib/etcd'));
  }
  if (state.containerdStore !== undefined && record.disk?.holds === 'root') {
    await bind(paths.containerd, join(paths.root, 'var/lib/containerd'));
  }
}

async function bind(source: string, target: string): Promise<void> {
  mkdirSync(source, { recursive: true });
  mkdirSync(target, { recursive: true });
  if (!isMounted(target)) await run(['mount', '--bind', source, target]);
}

/** Makes the machine's file system: a new machine, whatever was there before. */
export async function prepareMachine(state: LabState, record: MachineRecord, publicKey: string): Promise<void> {
  const paths = labPaths(state.name).machine(record.name);
  mkdirSync(paths.directory, { recursive: true });
  if (record.disk !== undefined) await makeDisk(paths, record.disk.sizeMiB);
  const { varLib } = writablePaths(paths, record);
  await runBound(['cp', '-a', '--', join(state.base, 'var/lib'), varLib]);
  if (state.containerdStore !== undefined) {
    const target = record.disk?.holds === 'root' ? paths.containerd : join(varLib, 'containerd');
    await cloneContainerdStore(state.containerdStore, target);
  }
  await mountMachine(state, record);
  await writeIdentity(state, record, paths.root, publicKey);
}

async function makeDisk(paths: MachinePaths, sizeMiB: number): Promise<void> {
  mkdirSync(paths.diskMount, { recursive: true });
  rmSync(paths.diskImage, { force: true });
  await run(['truncate', '--size', `${sizeMiB}M`, paths.diskImage]);
  // Complete at once: the kernel would go on initialising it later, in the middle of a measurement. No reserve for root,
  // since everything on it runs as root and "full" has to mean full.
  const settings = 'lazy_itable_init=0,lazy_journal_init=0';
  await runBound(['mkfs.ext4', '-q', '-F', '-m', '0', '-E', settings, paths.diskImage]);
  await run(['mount', '-o', 'loop', paths.diskImage, paths.diskMount]);
}

/** Hard links to the shared store, which take neither time nor space; databases, which are written in place, are copies. */
async function cloneContainerdStore(store: string, target: string): Promise<void> {
  await runBound(['cp', '-al', '--', store, target]);
  const replace = 'for db; do cp -a -- "$db" "$db.copy" && mv -- "$db.copy" "$db" || exit 1; done';
  await runBound(['find', target, '-name', '*.db', '-exec', 'sh', '-c', replace, 'copy', '{}', '+']);
}

async function writeIdentity(state: LabState, record: MachineRecord, root: string, publicKey: string): Promise<void> {
  const { name, address, address6 } = record;
  const gateway = gatewayOf(state.subnet);
  const write = (path: string, text: string, mode = 0o644): void => {
    rmSync(join(root, path), { force: true });
    writeFileSync(join(root, path), text, { mode });
  };
  write('etc/machine-id', `${randomUUID().replaceAll('-', '')}\n`);
  write('etc/hostname', `${name}\n`);
  const hosts = [
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost ip6-loopback',
    `${address} ${name}`,
    ...(address6 === undefined ? [] : [`${address6} ${name}`]),
  ];
  write('etc/hosts', `${hosts.join('\n')}\n`);
  // Nothing listens there, so look-ups fail at once. A loopback address would make CoreDNS see a loop, and this
  // computer's own resolver would make tests depend on it.
  write('etc/resolv.conf', `nameserver ${gateway}\n${state.ipv6 ? `nameserver ${ipv6Twin(gateway)}\n` : ''}`);
  mkdirSync(join(root, 'root/.ssh'), { recursive: true, mode: 0o700 });
  write('root/.ssh/authorized_keys', `${publicKey.trim()}\n`, 0o600);
  if (record.disk !== undefined) {
    mkdirSync(join(root, 'etc/keelson-lab'), { recursive: true });
    write('etc/keelson-lab/own-disk', '');
  }
  await makeHostKeys(root, name);
}
