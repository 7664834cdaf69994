import type { Desired } from '../desired/types.ts';
import type { HostId } from '../model/ids.ts';
import type { ReadCommand } from '../ports/command.ts';
import type { CommandResult } from '../ports/host.ts';
import type { Remembered } from './memory.ts';

/** The operator's clock (ms since 1970) around the round trip that brought the results. */
export interface RoundTrip {
  sentAt: number;
  receivedAt: number;
}

/** How one fact about a machine is read: read commands and a pure parser, tested on recorded output. */
export interface Probe<T> {
  /** What is remembered of the machine and has not changed need not be worked out again. */
  commands: (desired: Desired, on: HostId, known?: Remembered) => readonly ReadCommand[];
  parse: (results: readonly CommandResult[], desired: Desired, on: HostId, trip: RoundTrip, known?: Remembered) => T;
}

/** Thrown by a parser that cannot make sense of its output: the fact is then unknown, never absent. */
export class UnreadableFact extends Error {}

export function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** `KEY=VALUE` lines; a key may occur several times. */
export function keyValues(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of lines(text)) {
    const at = line.indexOf('=');
    if (at < 0) continue;
    const key = line.slice(0, at);
    found.set(key, [...(found.get(key) ?? []), line.slice(at + 1)]);
  }
  return found;
}

export function only(results: readonly CommandResult[]): CommandResult {
  const [first] = results;
  if (first === undefined) throw new UnreadableFact('no result');
  return first;
}
