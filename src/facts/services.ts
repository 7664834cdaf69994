import { units } from '../ports/commands/services.ts';
import { keyValues, only, type Probe } from './probe.ts';
import type { UnitFacts } from './types.ts';

export const watchedUnits = ['kubelet.service', 'containerd.service'] as const;
/** Where keelson's load balancer runs. */
const balancerUnits = ['haproxy.service', 'keepalived.service'] as const;

export const unitsProbe: Probe<ReadonlyMap<string, UnitFacts>> = {
  commands: ({ loadBalancer }, on) => {
    const balances = loadBalancer?.kind === 'haproxy-keepalived' && loadBalancer.hosts.some(({ host }) => host === on);
    return [units([...watchedUnits, ...(balances ? balancerUnits : [])])];
  },
  parse: (results) => {
    const found = new Map<string, UnitFacts>();
    const dropIns: [unit: string, rest: string][] = [];
    const argvOf = new Map<string, string[]>();
    let bootedAt = 0;
    for (const block of only(results).stdout.split(/\n\s*\n/)) {
      const values = keyValues(block);
      const first = (key: string): string => values.get(key)?.[0] ?? '';
      if (first('clock') !== '') bootedAt = Number(first('clock')) - Number(first('uptime'));
      dropIns.push(...(values.get('dropIn') ?? []).map(divided));
      for (const line of values.get('argv') ?? []) {
        const [pid, base64] = divided(line);
        argvOf.set(pid, decoded(base64));
      }
      if (first('Id') === '') continue;
      const started = Number(first('ExecMainStartTimestampMonotonic')) / 1e6;
      const changed = Number(first('StateChangeTimestampMonotonic')) / 1e6;
      const runs = Number(first('MainPID')) > 0;
      found.set(first('Id'), {
        loaded: first('LoadState') === 'loaded',
        active: first('ActiveState'),
        sub: first('SubState'),
        enabled: first('UnitFileState') === 'enabled',
        needsReload: first('NeedDaemonReload') === 'yes',
        mainPid: Number(first('MainPID')) || 0,
        execStart: first('ExecStart'),
        execStartFrom: settersOf(dropIns.filter(([unit]) => unit === first('Id')).map(([, rest]) => divided(rest))),
        argv: argvOf.get(first('MainPID')) ?? [],
        startedAt: runs ? bootedAt + started : 0,
        settledAt: runs && first('ActiveState') === 'active' && changed > 0 ? bootedAt + changed : 0,
      });
    }
    return found;
  },
};

function divided(line: string): [string, string] {
  const at = line.indexOf('|');
  return [line.slice(0, at), line.slice(at + 1)];
}

function decoded(base64: string): string[] {
  return atob(base64)
    .split('\0')
    .filter((arg) => arg !== '');
}

/**
 * systemd sorts drop-ins by file name, wherever they lie; of one name only that of the strongest folder counts, so that a link to
 * /dev/null hides another. They come from the weakest folder to the strongest.
 */
function settersOf(files: readonly (readonly [sets: string, path: string])[]): string[] {
  const byName = new Map(files.map((file) => [file[1].slice(file[1].lastIndexOf('/') + 1), file]));
  return [...byName]
    .filter(([, [sets]]) => sets === '1')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, [, path]]) => path);
}
