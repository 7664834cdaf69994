import { machine } from '../ports/commands/machine.ts';
import { keyValues, only, type Probe, UnreadableFact } from './probe.ts';
import type { MachineFacts } from './types.ts';

// capabilities(7): CAP_SYS_RESOURCE is bit 24.
const CAP_SYS_RESOURCE = 1n << 24n;

export const machineProbe: Probe<MachineFacts> = {
  commands: () => [machine()],
  parse: (results, _desired, _on, trip) => {
    const values = keyValues(only(results).stdout);
    const first = (key: string): string => values.get(key)?.[0]?.trim() ?? '';
    if (first('machineId') === '' || first('clock') === '')
      throw new UnreadableFact('the machine did not say who it is');
    const half = (trip.receivedAt - trip.sentAt) / 2;
    const capabilities = first('capabilities');
    return {
      machineId: first('machineId'),
      bootId: first('bootId'),
      hostname: first('hostname'),
      architecture: first('architecture'),
      kernel: first('kernel'),
      os: { id: unquote(first('osId')), version: unquote(first('osVersion')), name: unquote(first('osName')) },
      systemd: first('systemd'),
      cgroup: first('cgroup') === 'cgroup2fs' ? 2 : 1,
      swapKiB: Number(first('swapKiB')) || 0,
      missingTools: values.get('missing') ?? [],
      clockSkewMs: Math.round(Number(first('clock')) * 1000 - (trip.sentAt + half)),
      mayLowerOomScore: capabilities === '' || (BigInt(`0x${capabilities}`) & CAP_SYS_RESOURCE) !== 0n,
    };
  },
};

function unquote(text: string): string {
  return text.replace(/^(["'])(.*)\1$/, '$2');
}
