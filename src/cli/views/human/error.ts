import type { ErrorJson } from '../../../model/errors.ts';
import { findingLines } from './finding.ts';
import { fold } from './fold.ts';
import type { Style } from './style.ts';
import { count, harmless, wrap } from './text.ts';

export interface ErrorViewOptions {
  style: Style;
  columns: number;
  verbose: boolean;
}

/** What happened, where, and what to do next, by a stable code. The full output of what failed comes with -v. */
export function errorLines(error: ErrorJson, { style, columns, verbose }: ErrorViewOptions): string[] {
  const { code, message, action, where, host, step, output, findings = [] } = error;
  const head = style.red(style.bold(`error[${code}]`));
  // Several findings stand for themselves; the error's own words are those of the first.
  const several = findings.length > 1 && !code.startsWith('config.');
  const folded = fold(findings);
  if (several)
    return [
      `${head}: refused for ${count(folded.length, 'reason')}`,
      ...folded.flatMap((f) => findingLines(f, style, columns)),
    ];

  const told = `${head}: ${harmless(message)}`;
  // A path or a place in the configuration is to be copied whole.
  const lines = code.startsWith('config.') ? [told] : told.split('\n').flatMap((line) => wrap(line, columns));
  // Problems of the configuration are lines of the message itself, each with its place, as editors read it.
  if (where !== undefined && !(code.startsWith('config.') && findings.length > 0)) lines.push(`  at ${where}`);
  const place = [host === undefined ? '' : `on ${host}`, step === undefined ? '' : `in “${step}”`].filter(
    (t) => t !== '',
  );
  if (place.length > 0) lines.push(`  ${place.join(', ')}`);
  lines.push(...wrap(`next: ${harmless(action)}`, columns - 2, '  '));
  if (output !== undefined && output.trim() !== '') {
    if (verbose)
      lines.push(
        '  output:',
        ...harmless(output)
          .trimEnd()
          .split('\n')
          .map((line) => style.dim(`    ${line}`)),
      );
    else lines.push(style.dim('  -v shows the output.'));
  }
  return lines;
}
