import type { ErrorJson } from '../../../model/errors.ts';
import { findingLines } from './finding.ts';
import type { Style } from './style.ts';
import { harmless, wrap } from './text.ts';

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
  if (several)
    return [
      `${head}: refused for ${findings.length} reasons`,
      ...findings.flatMap((f) => findingLines(f, style, columns)),
    ];

  const lines = [`${head}: ${harmless(message)}`];
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
