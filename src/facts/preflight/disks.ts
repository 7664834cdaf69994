import { paths } from '../../desired/paths.ts';
import type { Desired } from '../../desired/types.ts';
import { diskSpace, fsyncLatency } from '../../ports/commands/preflight.ts';
import { lines, only, type Probe, UnreadableFact } from '../probe.ts';
import type { DiskFact } from './types.ts';

export const RUNTIME_DIRECTORY = '/var/lib/containerd';
export const KUBELET_DIRECTORY = '/var/lib/kubelet';
/** Where keelson's own files go. */
export const CONFIG_DIRECTORY = '/etc/kubernetes';

/** Every folder that something is written to. */
export function writtenFolders(desired: Desired): string[] {
  const installs =
    desired.software.source === 'bundle' ? desired.software.bundle.manifest.files.map((f) => folderOf(f.install)) : [];
  const folders = [
    desired.config.spec.etcd.dataDir,
    RUNTIME_DIRECTORY,
    KUBELET_DIRECTORY,
    CONFIG_DIRECTORY,
    paths.stateDirectory,
    '/run',
  ];
  return [...new Set([...folders, ...installs])];
}

export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

export const disksProbe: Probe<ReadonlyMap<string, DiskFact>> = {
  commands: (desired) => [diskSpace(writtenFolders(desired))],
  parse: (results) => {
    const found = new Map<string, DiskFact>();
    for (const line of lines(only(results).stdout)) {
      const fields = line.split('|');
      const [inodes, freeInodes, blockSize, blocks, available] = [7, 8, 4, 5, 6].map((n) =>
        Number(fields[n] || Number.NaN),
      );
      const [path = '', mount = '', writable, type = ''] = fields;
      const disk = {
        mount,
        writable: writable === 'rw',
        type,
        sizeBytes: (blocks ?? 0) * (blockSize ?? 0),
        availableBytes: (available ?? 0) * (blockSize ?? 0),
        inodes: inodes ?? 0,
        freeInodes: freeInodes ?? 0,
      };
      if (Number.isNaN(disk.sizeBytes + disk.availableBytes + disk.inodes + disk.freeInodes)) {
        throw new UnreadableFact(`the file system of ${path} cannot be read: ${JSON.stringify(line.slice(0, 200))}`);
      }
      found.set(path, disk);
    }
    return found;
  },
};

/** Fewer tell nothing about the slow ones. */
const ENOUGH_SAMPLES = 20;

export const fsyncProbe: Probe<readonly number[]> = {
  commands: (desired) => [fsyncLatency(desired.config.spec.etcd.dataDir)],
  parse: (results) => {
    const result = only(results);
    const samples = lines(result.stdout).map((line) => Number(line) * 1000);
    if (samples.some(Number.isNaN)) throw new UnreadableFact('the disk test printed something else than times');
    if (samples.length < ENOUGH_SAMPLES) {
      throw new UnreadableFact(
        `only ${samples.length} test writes succeeded: ${result.stderr.trim().split('\n').at(-1) || 'the disk is full, or very slow'}`,
      );
    }
    return samples;
  },
};
