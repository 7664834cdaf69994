import { type Command, CommanderError } from 'commander';
import { asKeelsonError, KeelsonError } from '../model/errors.ts';
import type { Handler } from './define.ts';
import type { Interruption } from './interruption.ts';
import type { Io } from './io.ts';
import { buildProgram } from './program.ts';
import type { Prompter } from './prompter.ts';
import { type GlobalOptions, makeSession, type OutputFormat, type Session } from './session.ts';
import { errorLines } from './views/human/error.ts';
import { makeStyle, wantsColour } from './views/human/style.ts';
import { document, serialise } from './views/json/document.ts';

/** The command line without its process: gives the exit code, throws nothing. */
export async function main(
  argv: readonly string[],
  io: Io,
  interruption: Interruption,
  prompter: Prompter,
): Promise<number> {
  let exitCode = 0;
  const dispatch = async (load: () => Promise<Handler>, args: readonly unknown[], command: Command): Promise<void> => {
    const options = command.optsWithGlobals() as GlobalOptions & Record<string, unknown>;
    const session = makeSession(
      io,
      { ...options, verbose: options.verbose === true, yes: options.yes === true },
      interruption,
      prompter,
    );
    exitCode = await withTimeout(session, async () => (await load())(session, args, options));
  };
  const program = buildProgram(dispatch, {
    out: io.stdout.write,
    err: io.stderr.write,
    columns: Math.min(io.stdout.size().columns, 120),
  });
  try {
    if (argv[0] === '__complete') {
      const { completions } = await import('./completion/complete.ts');
      io.stdout.write(await completions(program, argv.slice(2)));
      return 0;
    }
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && (error.exitCode === 0 || error.code === 'commander.help'))
      return error.exitCode;
    // A question that was cut short fails in many ways; what counts is that somebody asked to end.
    const reason = interruption.reason();
    const told = error instanceof CommanderError ? usageError(error) : asKeelsonError(error);
    const shown =
      reason !== null && (told.code === 'interrupted' || told.code === 'internal' || isAbort(error))
        ? because(reason, told)
        : told;
    await showError(shown, argv, io);
    return shown.exitCode;
  }
}

async function withTimeout(session: Session, run: () => Promise<number>): Promise<number> {
  const { timeout } = session.options;
  if (timeout === undefined) return run();
  const timer = setTimeout(() => session.interruption.timedOut(timeout.text), timeout.ms);
  try {
    return await run();
  } finally {
    clearTimeout(timer);
  }
}

function usageError(error: CommanderError): KeelsonError {
  const [first = '', ...hints] = error.message.replace(/^error: /, '').split('\n');
  const action = hints.map((hint) => hint.replace(/^\((.*)\)$/, '$1')).join(' ');
  return new KeelsonError('usage', first, action === '' ? {} : { action: `${action} See keelson --help.` });
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}

/** Keeps what the interrupted work said, under the reason that counts. */
function because(reason: KeelsonError, told: KeelsonError): KeelsonError {
  if (told.code === reason.code) return told;
  return new KeelsonError(reason.code, reason.message, { cause: told });
}

/** On standard error in every format, so that standard output holds a result or nothing. */
async function showError(error: KeelsonError, argv: readonly string[], io: Io): Promise<void> {
  const format = formatOf(argv);
  if (format !== 'human') {
    const value = document('Error', { error: error.toJSON(), exitCode: error.exitCode });
    // One line, as the events of a run before it.
    io.stderr.write(format === 'json' ? `${JSON.stringify(value)}\n` : await serialise(value, format));
    return;
  }
  const style = makeStyle(wantsColour(io.stderr.isTTY, io.env, argv.includes('--no-color') ? false : undefined));
  const verbose = argv.some((word) => word === '--verbose' || /^-[a-z]*v[a-z]*$/.test(word));
  // Off a terminal nothing is wrapped, as in the session.
  const columns = io.stderr.isTTY ? Math.max(60, Math.min(io.stderr.size().columns, 140)) : Number.POSITIVE_INFINITY;
  io.stderr.write(
    errorLines(error.toJSON(), { style, columns, verbose })
      .map((line) => `${line}\n`)
      .join(''),
  );
}

/** Read off the line itself, because the error may be that the line makes no sense. */
function formatOf(argv: readonly string[]): OutputFormat {
  for (const [n, word] of argv.entries()) {
    const value = word === '-o' || word === '--output' ? argv[n + 1] : /^(?:-o=?|--output=)(.*)$/.exec(word)?.[1];
    if (value === 'json' || value === 'yaml') return value;
  }
  return 'human';
}
