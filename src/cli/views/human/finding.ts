import type { Finding } from '../../../model/finding.ts';
import { type Folded, fold } from './fold.ts';
import type { Style } from './style.ts';
import { harmless, list, wrap } from './text.ts';

const MARK = { error: '✖', warning: '!', info: '·' } as const;

/** A finding in two or three lines: what, where and by which code; then what to do. */
export function findingLines({ finding, others }: Folded, style: Style, columns: number): string[] {
  const { severity, code, host, message, action } = finding;
  const paint = severity === 'error' ? style.red : severity === 'warning' ? style.yellow : style.dim;
  const where = host === undefined || message.includes(host) ? '' : `${host}: `;
  const [first = '', ...rest] = wrap(`${where}${harmless(message)}`, columns - 4);
  return [
    `  ${paint(MARK[severity])} ${first}`,
    ...rest.map((line) => `    ${line}`),
    ...(others.length === 0 ? [] : wrap(`the same on ${list(others)}`, columns - 2, '    ')),
    ...wrap(`next: ${harmless(action)}`, columns - 2, '    ').map((line) => style.dim(line)),
    style.dim(`    [${code}]`),
  ];
}

export function findingsBlock(title: string, findings: readonly Finding[], style: Style, columns: number): string[] {
  if (findings.length === 0) return [];
  return [style.bold(title), ...fold(findings).flatMap((f) => findingLines(f, style, columns)), ''];
}
