import { paths } from '../../desired/paths.ts';
import { CONFIG_DIRECTORY, folderOf, KUBELET_DIRECTORY, RUNTIME_DIRECTORY } from '../../facts/preflight/disks.ts';
import { etcdQuota } from '../quota.ts';
import { list, said, size } from '../text.ts';
import { ofEachHost, ofEachKubelet, type Subject } from './types.ts';

const MiB = 2 ** 20;

interface Room {
  path: string;
  /** Less is an error. */
  need: number;
  /** Less is a warning. */
  want: number;
  what: string;
}

/** What the installation, and the life after it, put where. */
export function rooms({ id, view, member, node, facts }: Subject): Room[] {
  const { dataDir } = view.desired.config.spec.etcd;
  const { software } = view.desired;
  const endpoint = view.facts.etcd.is === 'known' ? view.facts.etcd.value.endpoints.get(id) : undefined;
  const database = endpoint?.status.is === 'ok' ? endpoint.status.value.dbSizeBytes : 0;
  const growth = Math.max(etcdQuota(view, id) - database, 0);
  const found: Room[] = [
    // etcd keeps five write-ahead logs of 64 MiB, and snapshots beside them.
    ...(member === null
      ? []
      : [
          {
            path: dataDir,
            need: (facts.etcdData?.is === 'data' ? 128 : 512) * MiB,
            want: growth + 1024 * MiB,
            what: 'etcd’s data',
          },
        ]),
    { path: CONFIG_DIRECTORY, need: 10 * MiB, want: 10 * MiB, what: 'configuration' },
    { path: '/run', need: 10 * MiB, want: 10 * MiB, what: 'running commands' },
  ];
  if (software.source !== 'bundle') {
    // All images of a control plane have about 1 GiB unpacked.
    const all = node?.role === 'control-plane' ? 1500 * MiB : 300 * MiB;
    const need = facts.images === undefined || (facts.images ?? []).length > 0 ? 50 * MiB : all;
    return [...found, { path: RUNTIME_DIRECTORY, need, want: need, what: 'images' }];
  }
  const placed = facts.artefacts ?? new Map<string, string>();
  const folders = Map.groupBy(
    software.bundle.manifest.files.filter((f) => placed.get(f.install) !== f.sha256),
    (f) => folderOf(f.install),
  );
  for (const [path, files] of folders) {
    const bytes = sum(files.map((f) => f.sizeBytes));
    found.push({ path, need: bytes + 50 * MiB, want: bytes + 50 * MiB, what: 'programs' });
  }
  const images = sum(
    software.bundle.manifest.images.filter((i) => !facts.images?.includes(i.name)).map((i) => i.sizeBytes),
  );
  // An image is there as an archive, as content and unpacked while it is imported.
  found.push({ path: paths.stateDirectory, need: images + 10 * MiB, want: images + 10 * MiB, what: 'image archives' });
  found.push({ path: RUNTIME_DIRECTORY, need: 2 * images + 50 * MiB, want: 2 * images + 50 * MiB, what: 'images' });
  return found;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

/** What the kubelet does when a file system is fuller: it removes images, and then ends pods. Parts of the whole that must be free. */
const THRESHOLDS = [
  { path: KUBELET_DIRECTORY, free: 0.1, effect: 'the kubelet reports disk pressure' },
  { path: RUNTIME_DIRECTORY, free: 0.15, effect: 'the kubelet removes images that no pod uses at the moment' },
] as const;
const INODES_FREE = 0.05;

export const diskSpace = ofEachKubelet('check.disk-space', (subject, say) => {
  const { id, preflight } = subject;
  const { disks } = preflight;
  if (disks === undefined) return [];
  const byMount = Map.groupBy(rooms(subject), (room) => disks.get(room.path)?.mount);
  const tight = [...byMount].map(([mount, here]) => {
    const disk = disks.get(here[0]?.path ?? '');
    if (mount === undefined || disk === undefined) return null;
    const need = sum(here.map((r) => r.need));
    const want = sum(here.map((r) => r.want));
    const free = `${mount} on ${id} has ${size(disk.availableBytes)} free`;
    if (disk.availableBytes < need) return say('error', `${free}; ${size(need)} are needed${parts(here, 'need')}`);
    if (disk.availableBytes < want)
      return say('warning', `${free}; ${size(want)} may be needed in time${parts(here, 'want')}`);
    return null;
  });
  const full = THRESHOLDS.map(({ path, free, effect }) => {
    const disk = disks.get(path);
    if (disk === undefined || disk.sizeBytes === 0 || disk.availableBytes >= free * disk.sizeBytes) return null;
    const percent = Math.floor((100 * disk.availableBytes) / disk.sizeBytes);
    return say('warning', `${disk.mount} on ${id} is ${percent} % free; below ${free * 100} % ${effect}`);
  });
  const mounts = new Map([...disks.values()].map((disk) => [disk.mount, disk]));
  const inodes = [...mounts.values()].map((disk) => {
    if (disk.inodes === 0 || disk.freeInodes >= INODES_FREE * disk.inodes) return null;
    return say(
      disk.freeInodes < 1000 ? 'error' : 'warning',
      `${disk.mount} on ${id} has ${disk.freeInodes} of ${disk.inodes} inodes free`,
    );
  });
  return [...tight, ...full, ...inodes];
});

/** What the sum is made of; trifles are left out. */
function parts(here: readonly Room[], which: 'need' | 'want'): string {
  const byWhat = [...Map.groupBy(here, (room) => room.what)].map(([what, same]) => ({
    what,
    bytes: sum(same.map((room) => room[which])),
  }));
  const [first, ...more] = byWhat.filter(({ bytes }) => bytes > 10 * MiB);
  if (first === undefined) return '';
  // Of a single part the sum has told the size.
  if (more.length === 0) return ` for ${first.what}`;
  return `: ${list([first, ...more].map(({ what, bytes }) => `${size(bytes)} for ${what}`))}`;
}

const GONE_AT_REBOOT = ['tmpfs', 'ramfs'];
const NETWORK = ['nfs', 'cifs', 'smb2', 'ceph', 'fuseblk', 'fuse', '9p', 'v9fs', 'glusterfs', 'lustre'];

export const fileSystem = ofEachHost('check.file-system', ({ id, view, member, preflight }, say) => {
  const { disks } = preflight;
  if (disks === undefined) return [];
  const { dataDir } = view.desired.config.spec.etcd;
  const readOnly = [...disks].filter(([, disk]) => !disk.writable);
  const data = member === null ? undefined : disks.get(dataDir);
  return [
    ...[...Map.groupBy(readOnly, ([, disk]) => disk.mount)].map(([mount, at]) =>
      say('error', `${mount} on ${id}, which holds ${list(at.map(([path]) => path))}, is read-only`),
    ),
    data !== undefined && GONE_AT_REBOOT.includes(data.type)
      ? say(
          'error',
          `${dataDir} on ${id} is in memory (${data.type}): a restart of the machine would lose the member’s data`,
        )
      : null,
    data !== undefined && NETWORK.includes(data.type)
      ? say('warning', `${dataDir} on ${id} is on ${said(data.type)}: etcd needs a disk of the machine’s own`)
      : null,
  ];
});

const SLOW_MS = 10;

export const fsync = ofEachHost('check.fsync', ({ id, view, preflight }, say) => {
  if (preflight.fsync === undefined) return [];
  const p99 = percentile(preflight.fsync, 99);
  if (p99 <= SLOW_MS) return [];
  const typical = percentile(preflight.fsync, 50);
  const { dataDir } = view.desired.config.spec.etcd;
  return [
    say(
      'warning',
      `1 of 100 synchronous writes to ${dataDir} on ${id} takes ${ms(p99)} or more (half of them ${ms(typical)}); etcd wants less than ${SLOW_MS} ms`,
    ),
  ];
});

/** By nearest rank. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil((percent / 100) * sorted.length) - 1, 0)] ?? 0;
}

function ms(value: number): string {
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ms`;
}
