import { managedPaths, ownFolders } from '../desired/managed.ts';
import { paths } from '../desired/paths.ts';
import type { FileFact } from '../model/file.ts';
import { parseHostRecord } from '../model/host-record.ts';
import { remembered } from '../model/remembered.ts';
import { inspectArtefacts, inspectFiles, listDirectories, publicKeys, readFiles } from '../ports/commands/files.ts';
import { lines, only, type Probe, UnreadableFact } from './probe.ts';
import type { DataDirectoryFact, DirectoryEntry, FilesFact, RecordFact } from './types.ts';

export const filesProbe: Probe<FilesFact> = {
  commands: (desired, on) => {
    const { text, keys, folders } = managedPaths(desired, on);
    return [
      inspectFiles([...text, ...keys, ...folders]),
      readFiles(text),
      listDirectories(ownFolders),
      publicKeys(keys),
    ];
  },
  parse: ([stat, text, list, keys]) => {
    if (stat === undefined || text === undefined || list === undefined || keys === undefined)
      throw new UnreadableFact('a result is missing');
    return {
      at: parseInspected(stat.stdout),
      text: parseTexts(text.stdout),
      entries: parseEntries(list.stdout),
      publicKeys: new Map(lines(keys.stdout).map((line) => pair(line))),
    };
  },
};

export const recordProbe: Probe<RecordFact> = {
  commands: () => [readFiles([paths.record])],
  parse: (results) => {
    const text = parseTexts(only(results).stdout).get(paths.record);
    if (text === undefined) return { is: 'absent' };
    const record = parseHostRecord(text);
    return record === null
      ? { is: 'unreadable', why: 'it is no host record of this version' }
      : { is: 'record', record };
  },
};

export const artefactsProbe: Probe<ReadonlyMap<string, string>> = {
  commands: (desired) => [
    inspectArtefacts(
      paths.artefactStamps,
      desired.software.source === 'bundle'
        ? desired.software.bundle.manifest.files.map((f) => f.install)
        : ['/nonexistent'],
    ),
  ],
  parse: (results) => {
    const now = new Map<string, string>();
    const stamped: [path: string, sha256: string, numbers: string][] = [];
    for (const line of lines(only(results).stdout)) {
      const [kind, path = '', ...rest] = line.split('|');
      if (kind === 'now') now.set(path, rest.join('|'));
      if (kind === 'stamp') stamped.push([path, rest[0] ?? '', rest.slice(1).join('|')]);
    }
    return new Map(
      stamped.filter(([path, , numbers]) => now.get(path) === numbers).map(([path, sha256]) => [path, sha256]),
    );
  },
};

/** An etcd data directory holds `member` and nothing that is not etcd's; lost+found is a file system's own. */
export const etcdDataProbe: Probe<DataDirectoryFact> = {
  commands: (desired) => [
    inspectFiles([desired.config.spec.etcd.dataDir]),
    listDirectories([desired.config.spec.etcd.dataDir]),
  ],
  parse: ([stat, list], desired) => {
    if (stat === undefined || list === undefined) throw new UnreadableFact('a result is missing');
    const directory = desired.config.spec.etcd.dataDir;
    const fact = parseInspected(stat.stdout).get(directory);
    if (fact === undefined || fact.is === 'absent') return { is: 'absent' };
    if (fact.is !== 'directory') return { is: 'foreign', entries: [directory] };
    const names = parseEntries(list.stdout)
      .map((entry) => entry.path.slice(directory.length + 1))
      .filter((name) => name !== 'lost+found');
    const top = names.filter((name) => !name.includes('/'));
    const strange = top.filter((name) => name !== 'member' && !name.startsWith('.etcd'));
    if (strange.length > 0) return { is: 'foreign', entries: strange };
    const state = { mode: fact.mode, owner: `${fact.owner}:${fact.group}` };
    if (names.includes('member/wal')) return { is: 'data', ...state };
    return top.includes('member') ? { is: 'remains', ...state } : { is: 'empty', ...state };
  },
};

const TYPES: Readonly<Record<string, 'file' | 'directory' | 'symlink'>> = {
  'regular file': 'file',
  'regular empty file': 'file',
  directory: 'directory',
  'symbolic link': 'symlink',
  f: 'file',
  d: 'directory',
  l: 'symlink',
};

export function parseInspected(output: string): Map<string, FileFact> {
  const found = new Map<string, FileFact>();
  for (const line of lines(output)) {
    const sum = line[64] === ' ' ? /^([0-9a-f]{64}) [ *](.+)$/.exec(line) : null;
    if (sum !== null) {
      const fact = found.get(sum[2] ?? '');
      if (fact !== undefined && fact.is === 'file') found.set(sum[2] ?? '', { ...fact, sha256: sum[1] ?? '' });
      continue;
    }
    const [type = '', mode = '', owner = '', group = '', size, inode, mtime, ...path] = line.split('|');
    found.set(path.join('|'), {
      is: TYPES[type] ?? 'other',
      mode,
      owner,
      group,
      size: Number(size),
      inode: Number(inode),
      mtime: Number(mtime),
    });
  }
  return found;
}

export function parseTexts(output: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of lines(output)) {
    const [path, base64] = pair(line);
    found.set(path, decoded(base64));
  }
  return found;
}

const decoded = remembered((base64) => {
  const bytes = atob(base64);
  const out = new Uint8Array(bytes.length);
  for (let n = 0; n < bytes.length; n += 1) out[n] = bytes.charCodeAt(n);
  return new TextDecoder().decode(out);
}, 200);

function parseEntries(output: string): DirectoryEntry[] {
  return lines(output).map((line) => {
    const [type = '', mode = '', owner = '', ...path] = line.split('|');
    return { type: TYPES[type] ?? 'other', mode, owner, path: path.join('|') };
  });
}

function pair(line: string): [string, string] {
  const at = line.lastIndexOf('|');
  return [line.slice(0, at), line.slice(at + 1)];
}
