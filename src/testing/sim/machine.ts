import { createHash } from 'node:crypto';
import type { FileFact } from '../../model/file.ts';
import type { HostId } from '../../model/ids.ts';
import type { LockHolder, LockState } from '../../ports/host.ts';

export interface SimFile {
  type: 'file' | 'directory' | 'symlink';
  mode: string;
  owner: string;
  content: string;
  /** Of a large artefact, whose content is not kept. */
  sha256: string;
  size: number;
  inode: number;
  mtime: number;
}

export interface SimUnit {
  active: boolean;
  enabled: boolean;
  pid: number;
  /** Seconds since 1970. */
  startedAt: number;
  /** The configuration files had these contents when the process started. */
  readAtStart: ReadonlyMap<string, string>;
}

/** A transient unit of keelson's own: a long command. */
export interface SimTransient {
  name: string;
  state: 'running' | 'ended';
  exitCode: number;
  /** Simulated milliseconds at which it ends by itself. */
  endsAt: number;
  /** What it does when it ends. */
  effect: () => void;
}

/** The state of one simulated machine: what survives a reboot, and what does not. */
export class SimMachine {
  readonly id: HostId;
  readonly address: string;
  machineId: string;
  bootId: string;
  boots = 0;
  up = true;
  files = new Map<string, SimFile>();
  units = new Map<string, SimUnit>();
  images = new Set<string>();
  /** Programs on the PATH, by name. */
  programs = new Map<string, { path: string; version: string }>();
  stamps = new Map<string, string>();
  fence = 0;
  holder: LockHolder | null = null;
  last: LockState['last'] = null;
  transients: SimTransient[] = [];
  clockSkewMs = 0;
  #inode = 1000;
  #pid = 100;

  constructor(id: HostId, address: string, machineId: string) {
    this.id = id;
    this.address = address;
    this.machineId = machineId;
    this.bootId = `${machineId}-boot-0`;
    for (const path of ['/', '/etc', '/usr', '/var', '/var/lib', '/run', '/tmp']) this.makeDirectory(path, '755', 0);
  }

  nextPid(): number {
    this.#pid += 1;
    return this.#pid;
  }

  makeDirectory(path: string, mode: string, now: number): void {
    this.#parents(path, now);
    const old = this.files.get(path);
    if (old !== undefined) {
      this.files.set(path, { ...old, mode, owner: 'root' });
      return;
    }
    this.files.set(path, {
      type: 'directory',
      mode,
      owner: 'root',
      content: '',
      sha256: '',
      size: 4096,
      inode: this.#nextInode(),
      mtime: now,
    });
  }

  putFile(path: string, content: string, mode: string, now: number, artefact?: { sha256: string; size: number }): void {
    this.#parents(path, now);
    this.files.set(path, {
      type: 'file',
      mode,
      owner: 'root',
      content,
      sha256: artefact?.sha256 ?? createHash('sha256').update(content).digest('hex'),
      size: artefact?.size ?? Buffer.byteLength(content),
      inode: this.#nextInode(),
      mtime: now,
    });
  }

  placeArtefact(artefact: { path: string; mode: string; sha256: string; sizeBytes: number }, now: number): void {
    const image = artefact.path.endsWith('.tar');
    this.putFile(artefact.path, image ? `image ${artefact.sha256}` : '', artefact.mode, now, {
      sha256: artefact.sha256,
      size: artefact.sizeBytes,
    });
    const placed = this.files.get(artefact.path);
    if (placed !== undefined)
      this.stamps.set(
        artefact.path,
        `${placed.sha256}|${placed.size}|${placed.inode}|${Math.floor(now)}|${Math.floor(now)}`,
      );
    const name = artefact.path.slice(artefact.path.lastIndexOf('/') + 1);
    if (artefact.path.startsWith('/usr/local/')) this.programs.set(name, { path: artefact.path, version: '1.36.3' });
  }

  settleTransients(nowMs: number): void {
    for (const transient of this.transients) {
      if (transient.state === 'ended' || transient.endsAt > nowMs) continue;
      transient.state = 'ended';
      transient.effect();
    }
  }

  remove(path: string): void {
    for (const key of [...this.files.keys()]) if (key === path || key.startsWith(`${path}/`)) this.files.delete(key);
  }

  children(path: string): string[] {
    return [...this.files.keys()].filter((key) => key.startsWith(`${path}/`)).sort();
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

  /** What a reboot, or a power cut after everything was synced, leaves. */
  reboot(): void {
    this.boots += 1;
    this.bootId = `${this.machineId}-boot-${this.boots}`;
    this.transients = [];
    for (const [name, unit] of this.units) this.units.set(name, { ...unit, active: false, pid: 0 });
    this.up = true;
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
