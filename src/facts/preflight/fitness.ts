import type { Desired } from '../../desired/types.ts';
import type { HostId } from '../../model/ids.ts';
import { nodeFitness } from '../../ports/commands/preflight.ts';
import { keyValues, only, type Probe, UnreadableFact } from '../probe.ts';
import type { View } from '../types.ts';
import type { FitnessFact } from './types.ts';

export function fitnessProbe(view: View): Probe<FitnessFact> {
  return {
    commands: (desired, on) => (desired.nodes.some(({ host }) => host === on) ? [nodeFitness(toBeFree(view, on))] : []),
    parse: (results) => {
      const found = keyValues(only(results).stdout);
      const number = (key: string): number => Number(found.get(key)?.[0] || Number.NaN);
      const [cpus, memoryKiB] = [number('cpus'), number('memoryKiB')];
      if (Number.isNaN(cpus + memoryKiB))
        throw new UnreadableFact('the machine does not tell its processors and memory');
      const pairs = (key: string): [string, string][] =>
        (found.get(key) ?? []).map((line) => [line.slice(0, line.indexOf('|')), line.slice(line.indexOf('|') + 1)]);
      return {
        cpus,
        memoryKiB,
        lacks: found.get('lacks') ?? [],
        addresses: pairs('address').map(([name, cidr]) => ({ interface: name, cidr })),
        routes: pairs('route').map(([destination, name]) => ({ destination, interface: name })),
        taken: new Map(pairs('taken')),
      };
    },
  };
}

/** Until there is a cluster nobody has the virtual IP. Asked of the control planes, which are in its subnet. */
function toBeFree({ desired }: View, on: HostId): readonly string[] {
  const virtual = virtualIpOf(desired);
  const asks = desired.nodes.find(({ host }) => host === on)?.role === 'control-plane';
  return virtual === undefined || !asks || desired.cluster.phase !== 'new' ? [] : [virtual];
}

export function virtualIpOf({ config }: Pick<Desired, 'config'>): string | undefined {
  const balancer = config.spec.controlPlane?.loadBalancer;
  return balancer === undefined || balancer.kind === 'external' ? undefined : balancer.virtualIP;
}
