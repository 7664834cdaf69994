import type { CheckedHost, CheckReport } from '../../../operations/report-types.ts';
import { findingLines } from './finding.ts';
import { fold } from './fold.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';
import { count } from './text.ts';

/** All findings of all machines at once, the errors first. */
export function checkLines(report: CheckReport, style: Style, columns: number): string[] {
  const of = (host: string, severity: string): number =>
    report.findings.filter((f) => f.host === host && f.severity === severity).length;
  const errors = report.findings.filter((f) => f.severity === 'error');
  const warnings = report.findings.filter((f) => f.severity === 'warning');
  const infos = report.findings.filter((f) => f.severity === 'info');
  const verdict = report.ready ? style.green('ready') : style.red('not ready');
  return [
    `${style.bold(`Check of cluster ${report.cluster}`)}: ${verdict}`,
    '',
    ...table<CheckedHost>(
      [
        { head: 'HOST', cell: (h) => h.host },
        { head: 'ADDRESS', cell: (h) => h.address },
        { head: 'REACHED', cell: (h) => (h.reachable ? 'yes' : style.red('no')) },
        { head: 'ERRORS', cell: (h) => number(of(h.host, 'error'), style.red), align: 'right' },
        { head: 'WARNINGS', cell: (h) => number(of(h.host, 'warning'), style.yellow), align: 'right' },
        { head: 'MACHINE', cell: (h) => h.about ?? '-' },
      ],
      report.hosts,
      style,
      columns - 2,
    ).map((line) => `  ${line}`),
    '',
    ...fold([...errors, ...warnings, ...infos]).flatMap((f) => [...findingLines(f, style, columns), '']),
    `${count(errors.length, 'error')}, ${count(warnings.length, 'warning')}.`,
  ];
}

function number(n: number, paint: (text: string) => string): string {
  return n === 0 ? '0' : paint(String(n));
}
