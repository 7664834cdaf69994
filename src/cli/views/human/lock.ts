import type { HostLock, LockReport, StealReport } from '../../../operations/lock.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';
import { duration, harmless, moment, wrap, wrapped } from './text.ts';

export function lockLines(report: LockReport, now: Date, style: Style, columns: number): string[] {
  return [
    ...headLines(report, now, style).flatMap((line) => wrapped(line, columns)),
    '',
    ...table<HostLock>(
      [
        { head: 'HOST', cell: (h) => h.host },
        { head: 'LOCK', cell: (h) => lockText(h, report, style) },
        { head: 'NUMBER', cell: (h) => (h.is === 'known' ? String(h.state.fence) : '-'), align: 'right' },
        { head: 'LAST WRITE', cell: lastText },
        { head: 'STILL RUNS', cell: (h) => runsText(h, style) },
      ],
      report.hosts,
      style,
      columns,
    ),
    // Beneath the table: what ssh says is longer than any column.
    ...report.hosts.flatMap((h) => (h.is === 'unreachable' ? reasonLines(h.host, h.because, style, columns) : [])),
  ];
}

function headLines({ holder, hosts, dead }: LockReport, now: Date, style: Style): string[] {
  if (holder !== null) {
    const ago = duration(now.getTime() - Date.parse(holder.since));
    return [
      `${style.yellow('Locked')} by ${harmless(`${holder.user}@${holder.operator}`)}: ${holder.command}, run ${holder.run}`,
      `  since ${moment(holder.since)} (${ago} ago), process ${holder.pid}, fencing number ${holder.fence}`,
      ...(dead.includes(holder.run)
        ? [
            style.red('  that process was on this computer, and has ended'),
            '  next: keelson apply takes the lock over at once',
          ]
        : [`  next: wait for it to end; if its operator is gone for good: keelson unlock ${holder.run}`]),
    ];
  }
  const held = hosts.flatMap((h) => (h.is === 'known' && h.state.holder !== null ? [h.state.holder] : []));
  const [first] = held;
  if (first === undefined) return freeLines(hosts, style);
  const head = `${style.yellow('No majority')} holds the lock, and it is not free on every machine.`;
  if (held.every((h) => dead.includes(h.run)))
    return [
      head,
      style.red(`  left by run ${first.run}, whose process ${first.pid} was on this computer, and has ended`),
      '  next: keelson apply takes over what it left at once',
    ];
  return [
    head,
    `  next: wait for a run that is starting; a run of the same operator takes over what a dead one has left; else keelson unlock ${first.run}`,
  ];
}

/** A lock needs a majority: what too few machines say is not the whole truth. */
function freeLines(hosts: readonly HostLock[], style: Style): string[] {
  const reached = hosts.filter((h) => h.is === 'known').length;
  if (reached > hosts.length / 2) return [`${style.green('Free')}: nobody holds the lock.`];
  return [style.yellow(`Not known: only ${reached} of ${hosts.length} machines could be asked.`)];
}

function reasonLines(host: string, because: string, style: Style, columns: number): string[] {
  const said = harmless(because).replaceAll('\n', ' ');
  const [first = '', ...rest] = wrap(said.startsWith(host) ? said : `${host}: ${said}`, columns - 4);
  return [`  ${style.red('✖')} ${first}`, ...rest.map((line) => `    ${line}`)];
}

function lockText(host: HostLock, { dead }: LockReport, style: Style): string {
  if (host.is === 'unreachable') return style.red('not reached');
  const { holder } = host.state;
  if (holder === null) return 'free';
  return dead.includes(holder.run) ? style.red(`${holder.run} (dead)`) : style.yellow(holder.run);
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
