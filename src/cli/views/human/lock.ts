import type { HostLock, LockReport, StealReport } from '../../../operations/lock.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';
import { duration, harmless, moment } from './text.ts';

export function lockLines(report: LockReport, now: Date, style: Style): string[] {
  const { holder } = report;
  const held = report.hosts.flatMap((h) => (h.is === 'known' && h.state.holder !== null ? [h.state.holder] : []));
  const head =
    holder !== null
      ? [
          `${style.yellow('Locked')} by ${harmless(`${holder.user}@${holder.operator}`)}: ${holder.command}, run ${holder.run}`,
          `  since ${moment(holder.since)} (${duration(now.getTime() - Date.parse(holder.since))} ago), process ${holder.pid}, fencing number ${holder.fence}`,
          `  next: wait for it to end; if its operator is gone for good: keelson unlock ${holder.run}`,
        ]
      : held.length > 0
        ? [
            `${style.yellow('No majority')} holds the lock, and it is not free on every machine.`,
            `  next: wait for a run that is starting; a run of the same operator takes over what a dead one has left; else keelson unlock ${held[0]?.run ?? 'ID'}`,
          ]
        : [`${style.green('Free')}: nobody holds the lock.`];
  return [
    ...head,
    '',
    ...table<HostLock>(
      [
        { head: 'HOST', cell: (h) => h.host },
        { head: 'LOCK', cell: (h) => lockText(h, style) },
        { head: 'NUMBER', cell: (h) => (h.is === 'known' ? String(h.state.fence) : '-'), align: 'right' },
        { head: 'LAST WRITE', cell: lastText },
        { head: 'STILL RUNS', cell: (h) => runsText(h, style) },
      ],
      report.hosts,
      style,
    ),
  ];
}

function lockText(host: HostLock, style: Style): string {
  if (host.is === 'unreachable') return style.red(`unreachable: ${harmless(host.because)}`);
  return host.state.holder === null ? 'free' : style.yellow(host.state.holder.run);
}

function lastText(host: HostLock): string {
  if (host.is === 'unreachable' || host.state.last === null) return '-';
  const { run, step, exitCode } = host.state.last;
  return `${run} ${step}, ${exitCode === undefined ? 'no end seen' : `exit ${exitCode}`}`;
}

function runsText(host: HostLock, style: Style): string {
  if (host.is === 'unreachable') return '-';
  const running = host.state.units.filter((u) => u.state === 'running').map((u) => u.name);
  return running.length === 0 ? 'nothing' : style.yellow(running.join(', '));
}

export function unlockLines(report: StealReport, style: Style): string[] {
  return [
    `The lock of run ${report.from.run} (${harmless(`${report.from.user}@${report.from.operator}`)}, ${report.from.command}) was released${report.complete ? '' : style.red(', but not everywhere')}.`,
    ...report.hosts.map((h) => {
      if (h.is === 'raised') return `  ${h.host}: fencing number raised to ${h.fence}; its commands were ended`;
      if (h.is === 'held-by-another') return `  ${h.host}: left alone, held by run ${h.holder.run}`;
      return style.yellow(`  ${h.host}: not reached (${harmless(h.because)}); the next run raises its number first`);
    }),
  ];
}
