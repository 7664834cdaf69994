import { API_SERVER_PORT } from '../../desired/kubeadm-cluster.ts';
import type { Node } from '../../desired/nodes.ts';
import type { Desired } from '../../desired/types.ts';
import type { HostId } from '../../model/ids.ts';
import { reachPorts, type Search } from '../../ports/commands/preflight.ts';
import { lines, only, type Probe, UnreadableFact } from '../probe.ts';
import type { View } from '../types.ts';
import { belongsToEtcd } from './peers.ts';
import type { PeersFact, Reach } from './types.ts';

export interface Way {
  port: number;
  /** For people: what is there. */
  what: string;
  /** Where something listens, or will. */
  to: readonly Node[];
  from: readonly Node[];
}

/** Who must reach whom: every node each API server, and control planes with an etcd each other's. */
export function waysOf({ nodes, config }: Desired): readonly Way[] {
  const controlPlanes = nodes.filter(({ role }) => role === 'control-plane');
  const port = config.spec.controlPlane?.apiServerPort ?? API_SERVER_PORT;
  const ways: Way[] = [{ port, what: 'the API server', to: controlPlanes, from: nodes }];
  if (config.spec.etcd.topology !== 'stacked') return ways;
  const { client, peer } = config.spec.etcd.ports;
  return [
    ...ways,
    { port: client, what: 'etcd’s clients', to: controlPlanes, from: controlPlanes },
    { port: peer, what: 'etcd’s members', to: controlPlanes, from: controlPlanes },
  ];
}

/** The same as the search between etcd's own machines, for all ports at once. Only machines that can be looked at take part. */
export function waysProbe(view: View, takingPart: ReadonlySet<HostId>): Probe<ReadonlyMap<number, PeersFact>> {
  return {
    commands: (desired, on) => {
      const own = desired.nodes.find(({ host }) => host === on);
      if (own === undefined) return [];
      const searches = waysOf(desired).flatMap(({ port, to, from }): Search[] => {
        const others = (nodes: readonly Node[]): readonly Node[] =>
          nodes.filter(({ host }) => host !== on && takingPart.has(host));
        const here = to.includes(own);
        if (!here && !from.includes(own)) return [];
        const listen = here && !isTaken(view, on);
        const targets = from.includes(own) ? others(to).map(({ address }) => address) : [];
        return [{ port, listen, self: here, callers: listen ? others(from).length : 0, others: targets }];
      });
      return [reachPorts(own.address, searches)];
    },
    parse: (results, desired, on) => {
      const result = only(results);
      const own = desired.nodes.find(({ host }) => host === on)?.address;
      const found = new Map<number, Map<string, Reach>>();
      for (const line of lines(result.stdout)) {
        const [port, kind, address = '', state, why = ''] = line.split('|');
        if (kind !== 'peer') continue;
        const reach: Reach = state === 'ok' ? { is: 'reached' } : { is: 'failed', why: why || 'no answer' };
        found.set(Number(port), (found.get(Number(port)) ?? new Map()).set(address, reach));
      }
      // A single control plane alone has at least itself to try, and a worker each control plane.
      if (found.size === 0)
        throw new UnreadableFact(result.stderr.trim().split('\n').at(-1) || 'the machine did not try');
      return new Map(
        [...found].map(([port, reaches]): [number, PeersFact] => {
          const self = reaches.get(own ?? '') ?? null;
          reaches.delete(own ?? '');
          return [port, { self, others: reaches }];
        }),
      );
    },
  };
}

/** Where a control plane stands, or is being made, its ports stay free for it, even while it is down. */
function isTaken(view: View, on: HostId): boolean {
  const node = view.facts.hosts.get(on)?.node;
  const manifests = node?.is === 'known' ? (node.value?.manifests.size ?? 0) : 0;
  return manifests > 0 || belongsToEtcd(view, on);
}
