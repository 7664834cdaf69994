import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

// Looks again and again, as fast as it can without taking a processor for itself: at the arguments and environments of all processes
// of this computer, its lab machines' included, and at files that others than their owner may read.

export interface SecretWatchData {
  readonly folders: readonly string[];
}

export interface Observations {
  /** Arguments and environments. */
  readonly processes: readonly string[];
  /** `path mode`, and what such a file held. */
  readonly files: readonly { readonly path: string; readonly mode: string; readonly content: string }[];
  readonly looks: number;
  readonly longestPauseMs: number;
}

const PAUSE_MS = 4;
/** A program may replace itself by another one: young processes are read again. */
const YOUNG_MS = 1_000;
const LARGEST = 256 * 1024;

const { folders } = workerData as SecretWatchData;
const processes = new Set<string>();
const files = new Map<string, Observations['files'][number]>();
const born = new Map<string, number>();
const known = new Map<string, string>();
let looks = 0;
let longestPauseMs = 0;
let last = performance.now();

function text(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function lookAtProcesses(now: number): void {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const first = born.get(pid) ?? now;
    born.set(pid, first);
    if (now - first > YOUNG_MS) continue;
    for (const name of ['cmdline', 'environ']) {
      const content = text(`/proc/${pid}/${name}`);
      if (content !== '') processes.add(content);
    }
  }
}

function lookAtFiles(folder: string, depth: number): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return;
  }
  for (const name of names) {
    const path = join(folder, name);
    try {
      const stat = lstatSync(path, { bigint: true });
      if (stat.isDirectory() && depth > 0) lookAtFiles(path, depth - 1);
      if (!stat.isFile() || (stat.mode & 0o044n) === 0n) continue;
      const state = `${stat.ino} ${stat.mtimeNs} ${stat.ctimeNs}`;
      if (known.get(path) === state || stat.size > LARGEST) continue;
      known.set(path, state);
      const content = text(path);
      if (content !== '') files.set(`${path} ${state}`, { path, mode: (stat.mode & 0o777n).toString(8), content });
    } catch {
      // Gone meanwhile.
    }
  }
}

function look(): void {
  const now = performance.now();
  if (looks > 0) longestPauseMs = Math.max(longestPauseMs, now - last);
  last = now;
  looks += 1;
  lookAtProcesses(now);
  for (const folder of folders) lookAtFiles(folder, 2);
}

const timer = setInterval(look, PAUSE_MS);
parentPort?.on('message', () => {
  clearInterval(timer);
  const seen: Observations = { processes: [...processes], files: [...files.values()], looks, longestPauseMs };
  parentPort?.postMessage(seen);
  parentPort?.close();
});
look();
parentPort?.postMessage('ready');
