import { asKeelsonError } from '../../model/errors.ts';
import type { HostId } from '../../model/ids.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ReadHost } from '../../ports/host.ts';
import type { Fact, View } from '../types.ts';
import { disksProbe } from './disks.ts';
import type { DiskFact, PreflightFacts } from './types.ts';

type Disks = Pick<PreflightFacts, 'disks'>;

/** Of the preflight only the room on the disks, of machines that could be reached: a cluster that runs can run out of it. */
export async function gatherRoom(
  view: View,
  hosts: ReadonlyMap<HostId, ReadHost>,
  clock: Clock,
  signal: AbortSignal,
): Promise<ReadonlyMap<HostId, Disks>> {
  const asked = view.desired.members.flatMap(({ host }) => {
    const connection = hosts.get(host);
    if (connection === undefined || view.facts.hosts.get(host)?.machine.is !== 'known') return [];
    return [read(view, connection, clock, signal).then((disks): [HostId, Disks] => [host, { disks }])];
  });
  return new Map(await Promise.all(asked));
}

async function read(
  { desired }: View,
  host: ReadHost,
  clock: Clock,
  signal: AbortSignal,
): Promise<Fact<ReadonlyMap<string, DiskFact>>> {
  const sentAt = clock.now().getTime();
  try {
    const results = await host.runAll(disksProbe.commands(desired, host.id), signal);
    const at = clock.now();
    const value = disksProbe.parse(results, desired, host.id, { sentAt, receivedAt: at.getTime() });
    return { is: 'known', value, at: at.toISOString() };
  } catch (error) {
    signal.throwIfAborted();
    return { is: 'unknown', because: asKeelsonError(error).message };
  }
}
