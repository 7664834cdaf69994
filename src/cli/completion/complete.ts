import type { Argument, Command, Option } from 'commander';
import { type ValueKind, valueKindOf } from '../define.ts';

export interface Candidate {
  value: string;
  description: string;
}

export interface Completion {
  candidates: readonly Candidate[];
  /** The shell adds names of its own. */
  also: 'files' | 'folders' | 'nothing';
}

/** What only the user's files know. */
export interface Values {
  hosts: (file: string) => Promise<readonly Candidate[]>;
  runs: (file: string, vault: string | undefined) => Promise<readonly Candidate[]>;
}

/** What can stand in place of the last word, given the words before it (without the program's own name). */
export async function complete(program: Command, words: readonly string[], values: Values): Promise<Completion> {
  const line = joinAssignments(words);
  const last = line.at(-1) ?? '';
  const place = walk(program, line.slice(0, -1));

  if (place.valueOf !== null) return filter(await valuesOf(place.valueOf, place, values), last);
  const assigned = /^(--[^=]+)=(.*)$/s.exec(last);
  if (!place.afterDashes && assigned !== null) {
    const option = findOption(place.command, assigned[1] ?? '');
    if (option === undefined) return filter(nothing, '');
    const found = filter(await valuesOf(option, place, values), assigned[2] ?? '');
    return { ...found, candidates: found.candidates.map((c) => ({ ...c, value: `${assigned[1]}=${c.value}` })) };
  }
  if (!place.afterDashes && last.startsWith('-')) return filter(flagsOf(place.command), last);
  const argument = argumentAt(place.command, place.operands);
  const subcommands = place.operands === 0 && !place.afterDashes ? subcommandsOf(place.command) : [];
  const own = argument === undefined ? nothing : await valuesOf(argument, place, values);
  return filter({ ...own, candidates: [...subcommands, ...own.candidates] }, last);
}

const nothing: Completion = { candidates: [], also: 'nothing' };

interface Place {
  command: Command;
  /** Operands of the command so far. */
  operands: number;
  afterDashes: boolean;
  /** The option whose value comes next. */
  valueOf: Option | null;
  file: string;
  vault: string | undefined;
}

function walk(program: Command, words: readonly string[]): Place {
  const place: Place = {
    command: program,
    operands: 0,
    afterDashes: false,
    valueOf: null,
    file: './cluster.yaml',
    vault: undefined,
  };
  for (const word of words) {
    if (place.valueOf !== null) {
      remember(place, place.valueOf, word);
      place.valueOf = null;
    } else if (place.afterDashes || word === '-' || !word.startsWith('-')) {
      const child =
        place.operands === 0 && !place.afterDashes ? place.command.commands.find((c) => c.name() === word) : undefined;
      if (child === undefined) place.operands += 1;
      else place.command = child;
    } else if (word === '--') {
      place.afterDashes = true;
    } else {
      const [name = '', value] = word.split(/=(.*)/s);
      const option = findOption(place.command, name);
      if (option !== undefined && takesValue(option)) {
        if (value === undefined) place.valueOf = option;
        else remember(place, option, value);
      }
    }
  }
  return place;
}

function remember(place: Place, option: Option, value: string): void {
  if (option.long === '--file') place.file = value;
  if (option.long === '--vault') place.vault = value;
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function withParents(command: Command): Command[] {
  return command.parent === null ? [command] : [command, ...withParents(command.parent)];
}

function findOption(command: Command, name: string): Option | undefined {
  return withParents(command)
    .flatMap((c) => c.options)
    .find((o) => o.long === name || o.short === name);
}

function flagsOf(command: Command): Completion {
  const options = withParents(command)
    .flatMap((c) => c.options)
    .filter((o) => !o.hidden && (o.long !== '--version' || command.parent === null));
  const candidates = options.map((o) => ({ value: o.long ?? o.short ?? '', description: o.description }));
  return { candidates: [...candidates, { value: '--help', description: 'show help' }], also: 'nothing' };
}

function subcommandsOf(command: Command): Candidate[] {
  const own = command.commands.map((c) => ({ value: c.name(), description: c.summary() }));
  return command.parent === null ? [...own, { value: 'help', description: 'Show help for a command' }] : own;
}

function argumentAt(command: Command, operands: number): Argument | undefined {
  const all = command.registeredArguments;
  const last = all.at(-1);
  return all[operands] ?? (last?.variadic === true ? last : undefined);
}

async function valuesOf(of: Option | Argument, place: Place, values: Values): Promise<Completion> {
  const choices = of.argChoices;
  if (choices !== undefined)
    return { candidates: choices.map((value) => ({ value, description: '' })), also: 'nothing' };
  const kind: ValueKind = valueKindOf(of);
  if (kind === 'files' || kind === 'folders') return { candidates: [], also: kind };
  if (kind === 'hosts') return { candidates: await values.hosts(place.file), also: 'nothing' };
  if (kind === 'runs') return { candidates: await values.runs(place.file, place.vault), also: 'nothing' };
  return nothing;
}

function filter(completion: Completion, start: string): Completion {
  return { ...completion, candidates: completion.candidates.filter((c) => c.value.startsWith(start)) };
}

/** bash breaks `--output=js` into three words at the sign. */
function joinAssignments(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const [n, word] of words.entries()) {
    const before = joined.at(-1);
    const sign = word === '=' && before !== undefined && /^--[a-z-]+$/.test(before);
    const value = words[n - 1] === '=' && before !== undefined && /^--[a-z-]+=$/.test(before);
    if (sign || value) joined[joined.length - 1] = before + word;
    else joined.push(word);
  }
  return joined;
}

/** One line for each candidate, value and description with a tab between; the last line says what the shell adds. */
export function completionText({ candidates, also }: Completion): string {
  const lines = candidates.map(({ value, description }) => `${value}\t${description.split('\n')[0] ?? ''}`);
  return [...lines, `:${also}`].map((line) => `${line}\n`).join('');
}

/** The hidden command `__complete SHELL WORDS...`, which the scripts call. */
export async function completions(program: Command, words: readonly string[]): Promise<string> {
  const { fileValues } = await import('./values.ts');
  return completionText(await complete(program, words, fileValues));
}
