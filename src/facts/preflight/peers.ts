import { paths } from '../../desired/paths.ts';
import type { HostId } from '../../model/ids.ts';
import { reachPeers } from '../../ports/commands/preflight.ts';
import { lines, only, type Probe, UnreadableFact } from '../probe.ts';
import type { View } from '../types.ts';
import type { PeersFact, Reach } from './types.ts';

/** Only machines that can be looked at take part: nobody would listen on the others, and their silence would prove nothing. */
export function peersProbe(view: View, takingPart: ReadonlySet<HostId>): Probe<PeersFact> {
  return {
    commands: (desired, on) => {
      const own = desired.hosts.get(on)?.member;
      if (own === undefined) return [];
      const others = desired.members.filter((m) => m.host !== on && takingPart.has(m.host)).map((m) => m.address);
      const listen = !belongsToEtcd(view, on);
      return [reachPeers({ address: own.address, listen }, desired.config.spec.etcd.ports.peer, others)];
    },
    parse: (results, desired, on) => {
      const result = only(results);
      const found = new Map<string, Reach>();
      for (const line of lines(result.stdout)) {
        const [kind, address = '', state, why = ''] = line.split('|');
        if (kind !== 'peer') continue;
        found.set(address, state === 'ok' ? { is: 'reached' } : { is: 'failed', why: why || 'no answer' });
      }
      const own = desired.hosts.get(on)?.member.address ?? '';
      const self = found.get(own);
      if (self === undefined)
        throw new UnreadableFact(result.stderr.trim().split('\n').at(-1) || 'the machine did not try');
      found.delete(own);
      return { self, others: found };
    },
  };
}

/** Where etcd is to run the port stays free for it, even while it is down: it may be starting at this moment. */
export function belongsToEtcd(view: View, on: HostId): boolean {
  const files = view.facts.hosts.get(on)?.files;
  const manifest = files?.is === 'known' ? files.value.at.get(paths.manifest) : undefined;
  return manifest !== undefined && manifest.is !== 'absent';
}
