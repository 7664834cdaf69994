import { nodeFitness } from '../../ports/commands/preflight.ts';
import { keyValues, only, type Probe, UnreadableFact } from '../probe.ts';
import type { FitnessFact } from './types.ts';

export const fitnessProbe: Probe<FitnessFact> = {
  commands: (desired, on) => (desired.nodes.some(({ host }) => host === on) ? [nodeFitness()] : []),
  parse: (results) => {
    const found = keyValues(only(results).stdout);
    const number = (key: string): number => Number(found.get(key)?.[0] || Number.NaN);
    const [cpus, memoryKiB] = [number('cpus'), number('memoryKiB')];
    if (Number.isNaN(cpus + memoryKiB)) throw new UnreadableFact('the machine does not tell its processors and memory');
    const pairs = (key: string): [string, string][] =>
      (found.get(key) ?? []).map((line) => [line.slice(0, line.indexOf('|')), line.slice(line.indexOf('|') + 1)]);
    return {
      cpus,
      memoryKiB,
      lacks: found.get('lacks') ?? [],
      addresses: pairs('address').map(([name, cidr]) => ({ interface: name, cidr })),
      routes: pairs('route').map(([destination, name]) => ({ destination, interface: name })),
    };
  },
};
