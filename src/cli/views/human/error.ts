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
  const lines = [`${style.red(style.bold(`error[${code}]`))}: ${harmless(message)}`];
  // Problems of the configuration are lines of the message itself, each with its place, as editors read it.
  const listed = code.startsWith('config.') && findings.length > 0;
  if (where !== undefined && !listed) lines.push(`  at ${where}`);
  if (host !== undefined || step !== undefined) {
    lines.push(
      `  ${[host === undefined ? '' : `on ${host}`, step === undefined ? '' : `in “${step}”`].filter((t) => t !== '').join(', ')}`,
    );
  }
  // A single finding says what the error itself says.
  if (!listed && findings.length > 1) lines.push(...findings.flatMap((f) => findingLines(f, style, columns)));
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
