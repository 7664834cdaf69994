import { Argument, type Command, Option } from 'commander';
import type { Session } from './session.ts';

/** What a shell may offer for a value. */
export type ValueKind = 'files' | 'folders' | 'hosts' | 'runs' | 'none';

export interface OptionSpec {
  /** As commander takes them: `--out <FILE>`. */
  flags: string;
  description: string;
  values?: ValueKind;
  choices?: readonly string[];
  parse?: (text: string, previous: unknown) => unknown;
  fallback?: unknown;
  /** The fallback as help shows it. */
  fallbackText?: string;
}

export interface ArgumentSpec {
  /** `[PLANFILE]`, `<ID>`, `[HOST...]`. */
  name: string;
  description: string;
  values?: ValueKind;
  choices?: readonly string[];
}

export interface Example {
  says: string;
  line: string;
}

/** Gives the process's exit code. Refusals and faults are thrown. */
export type Handler = (
  session: Session,
  args: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
) => Promise<number>;

export interface CommandSpec {
  name: string;
  summary: string;
  /** What a person has to know besides the summary. */
  details?: string;
  arguments?: readonly ArgumentSpec[];
  options?: readonly OptionSpec[];
  examples: readonly Example[];
  /** Loads the code of the command: only the one that runs is ever loaded. */
  load?: () => Promise<Handler>;
  commands?: readonly CommandSpec[];
}

/** Gets each command's handler with what was given on the line; the process's edge makes the session. */
export type Dispatch = (load: () => Promise<Handler>, args: readonly unknown[], command: Command) => Promise<void>;

const kinds = new WeakMap<Option | Argument, ValueKind>();
const examples = new WeakMap<Command, readonly Example[]>();

export function valueKindOf(of: Option | Argument): ValueKind {
  return kinds.get(of) ?? 'none';
}

export function examplesOf(command: Command): readonly Example[] {
  return examples.get(command) ?? [];
}

export function addOption(command: Command, spec: OptionSpec): void {
  const option = new Option(spec.flags, spec.description);
  if (spec.choices !== undefined) option.choices(spec.choices);
  if (spec.parse !== undefined) option.argParser(spec.parse);
  if (spec.fallback !== undefined) option.default(spec.fallback, spec.fallbackText);
  if (spec.values !== undefined) kinds.set(option, spec.values);
  command.addOption(option);
}

export function addCommand(parent: Command, spec: CommandSpec, dispatch: Dispatch): void {
  const command = parent.command(spec.name).summary(spec.summary);
  command.description(spec.details === undefined ? `${spec.summary}.` : `${spec.summary}.\n\n${spec.details}`);
  for (const { name, description, values, choices } of spec.arguments ?? []) {
    const argument = new Argument(name, description);
    if (choices !== undefined) argument.choices(choices);
    if (values !== undefined) kinds.set(argument, values);
    command.addArgument(argument);
  }
  for (const option of spec.options ?? []) addOption(command, option);
  examples.set(command, spec.examples);
  if (spec.examples.length > 0) command.addHelpText('after', () => `\n${exampleText(spec.examples)}`);
  const { load } = spec;
  if (load !== undefined) {
    // Commander calls with the declared arguments, then the options, then the command itself.
    command.action((...all: unknown[]) => dispatch(load, all.slice(0, -2), command));
  }
  for (const child of spec.commands ?? []) addCommand(command, child, dispatch);
}

export function exampleText(all: readonly Example[]): string {
  return `Examples:\n${all.map(({ says, line }) => `  # ${says}\n  ${line}`).join('\n\n')}`;
}
