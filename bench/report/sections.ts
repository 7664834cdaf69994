import { failedRuns, pairsOf, type RunRecord, valuesOf } from '../lib/records.ts';
import { type Estimate, estimate, ratio } from '../lib/statistics.ts';
import { shown, table, type Unit, units } from './format.ts';
import { atMost, comparison } from './verdict.ts';

/** The records that count, by benchmark. */
export type Counting = Readonly<Record<string, readonly RunRecord[]>>;

interface Column {
  readonly head: string;
  readonly metric: string;
  readonly unit: Unit;
}

const traffic: readonly Column[] = [
  { head: 'SSH connects', metric: 'connects', unit: units.count },
  { head: 'remote executions', metric: 'executions', unit: units.count },
  { head: 'sent', metric: 'sentKiB', unit: units.kibibytes },
  { head: 'received', metric: 'receivedKiB', unit: units.kibibytes },
];
const cost: readonly Column[] = [
  { head: 'own CPU', metric: 'cpuSeconds', unit: units.seconds },
  { head: "machines' CPU", metric: 'machinesCpuSeconds', unit: units.seconds },
  { head: 'peak memory', metric: 'peakMiB', unit: units.mebibytes },
];
const wall: Column = { head: 'time', metric: 'ms', unit: units.milliseconds };

export function installSection(records: readonly RunRecord[]): string {
  const times = [
    { head: 'all healthy, from the start', metric: 'healthyMs', unit: units.milliseconds },
    { head: 'from the first connect', metric: 'healthyFromConnectMs', unit: units.milliseconds },
    { head: 'end', metric: 'endMs', unit: units.milliseconds },
  ];
  const compared = [...times, ...cost].map((column) => ({
    ...column,
    head: column.head.replace(', from the start', ''),
  }));
  const others = casesOf(records).filter((name) => name !== 'keelson');
  const rows = others.flatMap((other) =>
    compared.flatMap(({ head, metric }) => {
      const pairs = pairsOf(records, metric, 'keelson', other);
      if (pairs.length === 0) return [];
      const found = ratio(pairs);
      return [[`${head} / ${other}`, shown(found, units.times), comparison(found)]];
    }),
  );
  return [
    '### Three machines become an etcd\n',
    caseTable(records, times),
    caseTable(records, [...traffic, ...cost]),
    "keelson's values divided by the other's; below 1 keelson is better:\n",
    table(['ratio', 'median [95 %]', 'keelson has'], rows),
  ].join('\n');
}

export function noOpSection(records: readonly RunRecord[]): string {
  return [
    '### Nothing to do, from a cold start\n',
    caseTable(records, [wall, ...traffic]),
    caseTable(records, cost),
    perHost(records, ['connectsPerHost', 'roundTripsPerHost', 'commandsPerHost'], 'keelson-library'),
  ].join('\n');
}

export function fanOutSection(records: readonly RunRecord[]): string {
  return [
    '### 100 addresses of one sshd\n',
    caseTable(records, [wall, ...traffic, { head: 'refused by sshd', metric: 'refused', unit: units.count }]),
    caseTable(records, cost),
    perHost(records, ['failedHosts', 'connectsPerHost', 'roundTripsPerHost'], 'keelson-facts-100'),
  ].join('\n');
}

export function startSection(records: readonly RunRecord[]): string {
  const columns = [{ head: 'time', metric: 'ms', unit: units.shortTime }, ...cost];
  return ['### Start\n', caseTable(records, columns)].join('\n');
}

/** The targets, fixed before the first run. */
export function targetsSection(all: Counting): string {
  const of = (benchmark: string): readonly RunRecord[] => all[benchmark] ?? [];
  const compared = (metric: string, to: string): Estimate | undefined => {
    const pairs = pairsOf(of('install'), metric, 'keelson', to);
    return pairs.length === 0 ? undefined : ratio(pairs);
  };
  const value = (benchmark: string, name: string, metric: string): Estimate | undefined => {
    const values = valuesOf(of(benchmark), metric, name);
    return values.length === 0 ? undefined : estimate(values);
  };
  const { times, milliseconds, shortTime, mean, count } = units;
  const targets: readonly (readonly [string, Estimate | undefined, number, Unit])[] = [
    [
      'all members healthy, at most 1.0 times the parallel shell',
      compared('healthyFromConnectMs', 'shell-parallel'),
      1,
      times,
    ],
    ['end of `apply`, at most 1.0 times the serial shell', compared('endMs', 'shell-serial'), 1, times],
    ['no-op `plan` on three hosts, under 1 s', value('no-op', 'keelson-plan', 'ms'), 1000, milliseconds],
    ['connects per host, at most 1', value('no-op', 'keelson-library', 'connectsPerHost'), 1, mean],
    ['round trips of facts per host, at most 2', value('no-op', 'keelson-library', 'roundTripsPerHost'), 2, mean],
    ['100 addresses: connects per host, at most 1', value('fan-out', 'keelson-facts-100', 'connectsPerHost'), 1, mean],
    [
      '100 addresses: round trips per host, at most 2',
      value('fan-out', 'keelson-facts-100', 'roundTripsPerHost'),
      2,
      mean,
    ],
    ['100 addresses: hosts that failed, 0', value('fan-out', 'keelson-facts-100', 'failedHosts'), 0, count],
    ['`keelson version`, at most 0.2 s', value('start', 'keelson-version', 'ms'), 200, shortTime],
    ['`keelson --help`, at most 0.2 s', value('start', 'keelson-help', 'ms'), 200, shortTime],
  ];
  const rows = targets.map(([what, found, limit, unit]) =>
    found === undefined ? [what, 'not measured', ''] : [what, shown(found, unit), atMost(found, limit)],
  );
  return `### Targets\n\n${table(['target', 'measured', 'verdict'], rows)}`;
}

export function failuresSection(records: readonly RunRecord[]): string {
  const failed = records.filter(({ outcome }) => outcome === 'failed');
  if (failed.length === 0) return '';
  const stands = new Set(failedRuns(records));
  const entries = failed.map(
    (one) =>
      `${one.benchmark}, round ${one.round}, ${one.case}${stands.has(one) ? '' : ' (run again later, or a warm-up)'}:\n\n\`\`\`\n${(one.said ?? '').slice(-1500)}\n\`\`\`\n`,
  );
  return `### Failed runs\n\n${entries.join('\n')}`;
}

function caseTable(records: readonly RunRecord[], columns: readonly Column[]): string {
  const rows = casesOf(records).map((name) => [
    name,
    ...columns.map(({ metric, unit }) => {
      const values = valuesOf(records, metric, name);
      return values.length === 0 ? '-' : shown(estimate(values), unit);
    }),
    `${records.filter((one) => one.case === name && one.outcome === 'ok').length}`,
  ]);
  return table(['', ...columns.map(({ head }) => head), 'runs'], rows);
}

function perHost(records: readonly RunRecord[], metrics: readonly string[], name: string): string {
  const words = metrics.flatMap((metric) => {
    const values = valuesOf(records, metric, name);
    const label = metric.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    return values.length === 0 ? [] : [`${label}: ${shown(estimate(values), units.mean)}`];
  });
  return words.length === 0 ? '' : `${name}: ${words.join('; ')}.\n`;
}

function casesOf(records: readonly RunRecord[]): string[] {
  return [...new Set(records.map((one) => one.case))].sort();
}
