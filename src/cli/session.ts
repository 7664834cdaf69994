import { KeelsonError } from '../model/errors.ts';
import type { Secret } from '../model/secret.ts';
import type { Interruption } from './interruption.ts';
import type { Io } from './io.ts';
import type { Prompter } from './prompter.ts';
import { makeStyle, type Style, wantsColour } from './views/human/style.ts';
import { type Document, serialise } from './views/json/document.ts';

/** The flags that every command takes. */
export interface GlobalOptions {
  /** `-` is standard input. */
  file: string;
  vault?: string;
  identity?: string;
  output: OutputFormat;
  verbose: boolean;
  color: boolean;
  yes: boolean;
  timeout?: { ms: number; text: string };
}

export type OutputFormat = 'human' | 'json' | 'yaml';

/** One command's way to the outside: data on standard output, everything else on standard error. */
export interface Session {
  io: Io;
  options: GlobalOptions;
  interruption: Interruption;
  /** Colours of standard output, and of standard error. */
  out: Style;
  err: Style;
  columns: number;
  /** The command's result, for people or as a document. */
  print: (value: Document, lines: () => readonly string[]) => Promise<void>;
  /** A remark for people; programs do not get it. */
  tell: (text: string) => void;
  /** Asks yes or no; `--yes` answers. Off a terminal, names that flag instead of asking. */
  confirm: (question: string) => Promise<boolean>;
  /** A prompter, or an error that says which flags make the question needless. */
  ask: (flags: string) => Prompter;
  /** For what no flag may hold, in every format: questions go to standard error, and standard output stays a document. */
  askSecret: (question: string, instead: string) => Promise<Secret>;
}

function notAsked(why: string, instead: string): KeelsonError {
  return new KeelsonError('usage', `${why}, and this needs an answer`, { action: `Give ${instead}.` });
}

export function makeSession(io: Io, options: GlobalOptions, interruption: Interruption, prompter: Prompter): Session {
  const out = makeStyle(wantsColour(io.stdout.isTTY, io.env, options.color ? undefined : false));
  const err = makeStyle(wantsColour(io.stderr.isTTY, io.env, options.color ? undefined : false));
  const human = options.output === 'human';

  function ask(flags: string): Prompter {
    if (io.interactive && human) return prompter;
    const why = io.interactive ? `with -o ${options.output} nothing is asked` : 'nothing can be asked off a terminal';
    throw notAsked(why, flags);
  }

  return {
    io,
    options,
    interruption,
    out,
    err,
    // Off a terminal nothing is wrapped: a command in a log can be copied, and a line searched.
    columns:
      io.stdout.isTTY || io.stderr.isTTY
        ? Math.max(60, Math.min(io.stdout.size().columns, 140))
        : Number.POSITIVE_INFINITY,
    print: async (value, lines) => {
      if (options.output !== 'human') {
        io.stdout.write(await serialise(value, options.output));
        return;
      }
      io.stdout.write(
        lines()
          .map((line) => `${line}\n`)
          .join(''),
      );
    },
    tell: (text) => {
      if (human) io.stderr.write(`${text}\n`);
    },
    confirm: async (question) => options.yes || (await ask('--yes').confirm(question)),
    ask,
    askSecret: async (question, instead) => {
      if (io.interactive) return prompter.password(question);
      throw notAsked('nothing can be asked off a terminal', instead);
    },
  };
}
