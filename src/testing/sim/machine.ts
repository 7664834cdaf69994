import { createHash } from 'node:crypto';
import type { FileFact } from '../../model/file.ts';
import type { HostId } from '../../model/ids.ts';
import type { BuilderName } from '../../ports/command.ts';
import type { CommandResult, LockHolder, LockState } from '../../ports/host.ts';
import type { SimUnit } from './systemd.ts';

export interface SimFile {
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: string;
  readonly owner: string;
  readonly content: string;
  /** Of a large artefact, whose content is not kept. */
  readonly sha256: string;
  readonly size: number;
  readonly inode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** What the file is as a program. */
  readonly program?: { readonly name: string; readonly version: string };
  /** What the file is as an archive of a container image. */
  readonly image?: string;
}

/** A transient unit of keelson's own: a long command. */
export interface SimTransient {
  readonly name: string;
  readonly builder: BuilderName;
  state: 'running' | 'ended';
  result: CommandResult;
}

/** What is known of a large file by its hash. */
export interface KnownArtefact {
  program?: { name: string; version: string };
  image?: string;
}

const ROOT_FOLDERS = [
  '/',
  '/etc',
  '/etc/modules-load.d',
  '/etc/sysctl.d',
  '/etc/systemd',
  '/etc/systemd/system',
  '/usr',
  '/usr/bin',
  '/usr/local',
  '/usr/local/bin',
  '/var',
  '/var/lib',
  '/run',
  '/tmp',
];
/** In the order in which a shell looks for programs. */
const SEARCH_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin'];

/** What a kernel has at its start; those of the bridge come with their module. */
const BOOT_SYSCTLS = [
  ['net.ipv4.ip_forward', '0'],
  ['net.ipv6.conf.all.forwarding', '0'],
] as const;
export const bridgeSysctls = [
  ['net.bridge.bridge-nf-call-iptables', '1'],
  ['net.bridge.bridge-nf-call-ip6tables', '1'],
] as const;

/** The state of one simulated machine: what survives a reboot, and what does not. */
export class SimMachine {
  readonly id: HostId;
  readonly address: string;
  machineId: string;
  boots = 0;
  up = true;
  files = new Map<string, SimFile>();
  units = new Map<string, SimUnit>();
  images = new Set<string>();
  /** Running containers that are none of the kubelet’s: `NAMESPACE/ID`. */
  otherContainers: readonly string[] = [];
  /** Whether images that are not there can be pulled. */
  registry = true;
  /** Lines of keelson's own list of large files, by path. */
  stamps = new Map<string, string>();
  fence = 0;
  holder: LockHolder | null = null;
  last: LockState['last'] = null;
  transients: SimTransient[] = [];
  /** Arguments of the etcd that runs in a container of its own, while its cluster is founded. */
  founding: readonly string[] | null = null;
  clockSkewMs = 0;
  /** The kernel's own settings. */
  sysctls = new Map<string, string>(BOOT_SYSCTLS);
  /** By SHA-256. */
  artefacts: ReadonlyMap<string, KnownArtefact> = new Map();
  #inode = 1000;
  #pid = 100;

  constructor(id: HostId, address: string, machineId: string) {
    this.id = id;
    this.address = address;
    this.machineId = machineId;
    for (const path of ROOT_FOLDERS) this.makeDirectory(path, '755', 0);
  }

  /** The same machine for another simulation. It must be at rest. */
  copy(): SimMachine {
    const twin = new SimMachine(this.id, this.address, this.machineId);
    twin.boots = this.boots;
    twin.files = new Map(this.files);
    twin.units = new Map(this.units);
    twin.images = new Set(this.images);
    twin.registry = this.registry;
    twin.stamps = new Map(this.stamps);
    twin.fence = this.fence;
    twin.holder = this.holder;
    twin.last = this.last;
    twin.founding = this.founding;
    twin.clockSkewMs = this.clockSkewMs;
    twin.sysctls = new Map(this.sysctls);
    twin.artefacts = this.artefacts;
    twin.#inode = this.#inode;
    twin.#pid = this.#pid;
    return twin;
  }

  get bootId(): string {
    return `${this.machineId}-boot-${this.boots}`;
  }

  /** What systemd does with the kernel's settings after a boot. */
  bootKernel(): void {
    this.sysctls = new Map(BOOT_SYSCTLS);
    const texts = (folder: string): string[] =>
      this.children(folder).map((path) => this.files.get(path)?.content ?? '');
    if (texts('/etc/modules-load.d').some((text) => text.includes('br_netfilter')))
      for (const [name, value] of bridgeSysctls) this.sysctls.set(name, value);
    for (const [, name = '', value = ''] of texts('/etc/sysctl.d')
      .join('\n')
      .matchAll(/^-?(\S+) *= *(\S+)$/gm))
      if (this.sysctls.has(name)) this.sysctls.set(name, value);
  }

  nextPid(): number {
    this.#pid += 1;
    return this.#pid;
  }

  makeDirectory(path: string, mode: string, now: number): void {
    this.#parents(path, now);
    const old = this.files.get(path);
    if (old !== undefined && old.mode === mode && old.owner === 'root') return;
    const base = old ?? {
      type: 'directory',
      content: '',
      sha256: '',
      size: 4096,
      inode: this.#nextInode(),
      mtime: now,
    };
    this.files.set(path, { ...base, mode, owner: 'root' });
  }

  putFile(path: string, content: string, mode: string, now: number, more: Partial<SimFile> = {}): void {
    this.#parents(path, now);
    this.files.set(path, {
      type: 'file',
      mode,
      owner: 'root',
      content,
      sha256: more.sha256 ?? sha256(content),
      size: Buffer.byteLength(content),
      inode: this.#nextInode(),
      mtime: now,
      ...more,
    });
  }

  /** Changes what a file is, as somebody on the machine would. */
  alter(path: string, change: Partial<SimFile>): void {
    const old = this.files.get(path);
    if (old === undefined) return;
    const content = change.content ?? old.content;
    this.files.set(path, {
      ...old,
      ...change,
      content,
      sha256: change.content === undefined ? old.sha256 : sha256(content),
      size: Buffer.byteLength(content),
    });
  }

  placeArtefact(artefact: { path: string; mode: string; sha256: string; sizeBytes: number }, now: number): void {
    this.putFile(artefact.path, '', artefact.mode, now, {
      sha256: artefact.sha256,
      size: artefact.sizeBytes,
      ...this.artefacts.get(artefact.sha256),
    });
    this.stamps.set(artefact.path, `${artefact.sha256}|${this.numbersOf(artefact.path)}`);
  }

  /** Size, inode and times, which tell whether a file was touched. */
  numbersOf(path: string): string {
    const file = this.files.get(path);
    return file === undefined ? '' : `${file.size}|${file.inode}|${Math.floor(file.mtime)}|${Math.floor(file.mtime)}`;
  }

  remove(path: string): void {
    const within = `${path}/`;
    for (const key of this.files.keys()) if (key === path || key.startsWith(within)) this.files.delete(key);
  }

  children(path: string): string[] {
    const within = `${path}/`;
    const found: string[] = [];
    for (const key of this.files.keys()) if (key.startsWith(within)) found.push(key);
    return found.sort();
  }

  /** Where a shell finds the program. */
  program(name: string): { path: string; version: string } | null {
    for (const folder of SEARCH_PATH) {
      const file = this.files.get(`${folder}/${name}`);
      if (file?.program !== undefined) return { path: `${folder}/${name}`, version: file.program.version };
    }
    return null;
  }

  fact(path: string): FileFact {
    const file = this.files.get(path);
    if (file === undefined) return { is: 'absent' };
    const { type, mode, owner, size, inode, mtime } = file;
    return {
      is: type,
      mode,
      owner,
      group: owner,
      size,
      inode,
      mtime,
      ...(type === 'file' ? { sha256: file.sha256 } : {}),
    };
  }

  #parents(path: string, now: number): void {
    if (path === '/') return;
    const parent = path.slice(0, path.lastIndexOf('/')) || '/';
    if (this.files.has(parent)) return;
    this.#parents(parent, now);
    this.files.set(parent, {
      type: 'directory',
      mode: '755',
      owner: 'root',
      content: '',
      sha256: '',
      size: 4096,
      inode: this.#nextInode(),
      mtime: now,
    });
  }

  #nextInode(): number {
    this.#inode += 1;
    return this.#inode;
  }
}

function sha256(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}
