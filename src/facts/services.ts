import { units } from '../ports/commands/services.ts';
import { keyValues, only, type Probe } from './probe.ts';
import type { UnitFacts } from './types.ts';

export const watchedUnits = ['kubelet.service', 'containerd.service'] as const;

export const unitsProbe: Probe<ReadonlyMap<string, UnitFacts>> = {
  commands: () => [units(watchedUnits)],
  parse: (results) => {
    const found = new Map<string, UnitFacts>();
    let bootedAt = 0;
    for (const block of only(results).stdout.split(/\n\s*\n/)) {
      const values = keyValues(block);
      const first = (key: string): string => values.get(key)?.[0] ?? '';
      if (first('clock') !== '') bootedAt = Number(first('clock')) - Number(first('uptime'));
      if (first('Id') === '') continue;
      const started = Number(first('ExecMainStartTimestampMonotonic')) / 1e6;
      found.set(first('Id'), {
        loaded: first('LoadState') === 'loaded',
        active: first('ActiveState'),
        sub: first('SubState'),
        enabled: first('UnitFileState') === 'enabled',
        needsReload: first('NeedDaemonReload') === 'yes',
        mainPid: Number(first('MainPID')) || 0,
        execStart: first('ExecStart'),
        startedAt: Number(first('MainPID')) > 0 ? bootedAt + started : 0,
      });
    }
    return found;
  },
};
