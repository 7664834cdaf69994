import type { Fact, FilesFact, HostFactName, HostFacts } from '../facts/types.ts';
import type { FileSpec } from '../model/file.ts';
import type { HostId } from '../model/ids.ts';
import { Secret } from '../model/secret.ts';
import { isFounded } from '../ports/vault.ts';
import { diffLines } from './diff.ts';
import type { Change, Check, Risk, View } from './types.ts';

/** The value of a fact that `reads` has named: the planner and the engine block a step whose facts are unknown before they ask it. */
export function factOf<N extends HostFactName>(view: View, on: HostId, name: N): KnownValue<N> {
  const fact = view.facts.hosts.get(on)?.[name] as Fact<KnownValue<N>> | undefined;
  if (fact === undefined || fact.is === 'unknown') throw new Error(`the fact ${name} of ${on} is not known`);
  return fact.value;
}
type KnownValue<N extends HostFactName> = HostFacts[N] extends Fact<infer T> ? T : never;

export function needed(changes: readonly Change[], risk?: Risk): Check {
  if (changes.length === 0) return { is: 'satisfied' };
  return { is: 'needed', changes, ...(risk === undefined ? {} : { risk }) };
}

/**
 * What it means to start or restart a service that a member of etcd stands on: before the founding nobody can be disturbed, and on a machine
 * without a member nobody's vote is at stake.
 */
export function restartRisk({ desired }: View, on: HostId): Risk {
  return isFounded(desired.cluster.phase) && desired.hosts.has(on) ? 'disruptive' : 'safe';
}

/** What must change for a text file to be as it must be. */
export function fileChanges(files: FilesFact, spec: FileSpec): Change[] {
  const fact = files.at.get(spec.path);
  const text = spec.content instanceof Secret ? undefined : spec.content;
  if (fact === undefined || fact.is === 'absent') {
    return [
      { summary: `create ${spec.path} (${spec.mode})`, ...(text === undefined ? {} : { diff: diffLines('', text) }) },
    ];
  }
  if (fact.is !== 'file') return [{ summary: `${spec.path} is a ${fact.is} and must be a file` }];
  const changes: Change[] = [];
  if (text !== undefined && files.text.get(spec.path) !== text) {
    changes.push({ summary: `change ${spec.path}`, diff: diffLines(files.text.get(spec.path) ?? '', text) });
  }
  return [...changes, ...attributeChanges(files, spec.path, spec.mode)];
}

/** Mode and owner alone. */
export function attributeChanges(files: FilesFact, path: string, mode: string): Change[] {
  const fact = files.at.get(path);
  if (fact === undefined || fact.is === 'absent') return [];
  const changes: Change[] = [];
  if (fact.mode !== mode) changes.push({ summary: `mode of ${path} ${fact.mode} -> ${mode}` });
  if (fact.owner !== 'root' || fact.group !== 'root')
    changes.push({ summary: `owner of ${path} ${fact.owner}:${fact.group} -> root:root` });
  return changes;
}

/** A folder's existence, mode and owner. */
export function folderChanges(files: FilesFact, path: string, mode: string): Change[] {
  const fact = files.at.get(path);
  if (fact === undefined || fact.is === 'absent') return [{ summary: `create folder ${path} (${mode})` }];
  return attributeChanges(files, path, mode);
}

/** The clock of a machine and that of a file system are the same; uptime is told in hundredths of a second. */
const CLOCK_GRAIN_SECONDS = 0.02;

/** The file was written after the process had started: what runs does not know it. */
export function newerThan(files: FilesFact, path: string, startedAt: number): boolean {
  const fact = files.at.get(path);
  return fact !== undefined && fact.is === 'file' && startedAt > 0 && fact.mtime > startedAt - CLOCK_GRAIN_SECONDS;
}
