import type { Desired } from '../../desired/types.ts';
import { asKeelsonError } from '../../model/errors.ts';
import type { HostId } from '../../model/ids.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ReadCommand } from '../../ports/command.ts';
import type { CommandResult, ReadHost } from '../../ports/host.ts';
import type { Probe, RoundTrip } from '../probe.ts';
import type { Fact, View } from '../types.ts';
import { clockProbe } from './clock.ts';
import { disksProbe, fsyncProbe } from './disks.ts';
import { fitnessProbe } from './fitness.ts';
import { hostKeysProbe, nodeFilesProbe } from './identity.ts';
import { listenersProbe } from './listeners.ts';
import { peersProbe } from './peers.ts';
import type { ForwardingFact, PreflightFacts } from './types.ts';
import { waysProbe } from './ways.ts';

export interface PreflightSources {
  hosts: ReadonlyMap<HostId, ReadHost>;
  clock: Clock;
  /** Tries a real forward through the machine's sshd. */
  forwarding: (host: HostId, signal: AbortSignal) => Promise<Fact<ForwardingFact>>;
  /** Without the disk's speed, which takes longest and never refuses anything. */
  quick: boolean;
}

/** Asks all machines at the same time. One that could not be reached for the view is not asked again, and disturbs no other. */
export async function gatherPreflight(
  view: View,
  sources: PreflightSources,
  signal: AbortSignal,
): Promise<ReadonlyMap<HostId, PreflightFacts>> {
  const reached = new Set(
    view.desired.machines.map((m) => m.id).filter((id) => view.facts.hosts.get(id)?.machine.is === 'known'),
  );
  const asked = view.desired.machines.map(async ({ id: host }): Promise<[HostId, PreflightFacts]> => {
    const machine = view.facts.hosts.get(host)?.machine;
    const connection = sources.hosts.get(host);
    if (connection === undefined || machine?.is !== 'known') {
      const because = machine?.is === 'unknown' ? machine.because : 'nobody asked';
      const code = machine?.is === 'unknown' ? machine.code : undefined;
      return [host, allUnknown({ is: 'unknown', because, ...(code === undefined ? {} : { code }) })];
    }
    return [host, await askHost(view, connection, reached, sources, signal)];
  });
  return new Map(await Promise.all(asked));
}

async function askHost(
  view: View,
  host: ReadHost,
  reached: ReadonlySet<HostId>,
  sources: PreflightSources,
  signal: AbortSignal,
): Promise<PreflightFacts> {
  const { desired } = view;
  try {
    const clock = reader(desired, host.id, sources.clock);
    const readClock = clock.add(clockProbe);
    await clock.send(host, signal);
    const rest = reader(desired, host.id, sources.clock);
    const isMember = desired.hosts.has(host.id);
    const isNode = desired.nodes.some((node) => node.host === host.id);
    const notAsked = (): typeof NOT_ASKED => NOT_ASKED;
    // What is over at once goes first. The search for the others must run everywhere at about the same time.
    const read = {
      listeners: rest.add(listenersProbe),
      disks: rest.add(disksProbe),
      hostKeys: rest.add(hostKeysProbe),
      nodeFiles: rest.add(nodeFilesProbe),
      fitness: isNode ? rest.add(fitnessProbe) : notAsked,
      // Of a stacked member the search between nodes finds the same, and more.
      peers: isMember && !isNode ? rest.add(peersProbe(view, reached)) : notAsked,
      ways: isNode ? rest.add(waysProbe(view, reached)) : notAsked,
    };
    const readFsync = sources.quick || !isMember ? notAsked : rest.add(fsyncProbe);
    const [forwarding] = await Promise.all([sources.forwarding(host.id, signal), rest.send(host, signal)]);
    return {
      clock: readClock(),
      listeners: read.listeners(),
      disks: read.disks(),
      hostKeys: read.hostKeys(),
      nodeFiles: read.nodeFiles(),
      peers: read.peers(),
      ways: read.ways(),
      fitness: read.fitness(),
      fsync: readFsync(),
      forwarding,
    };
  } catch (error) {
    signal.throwIfAborted();
    const { message, code } = asKeelsonError(error);
    return allUnknown({ is: 'unknown', because: message, code });
  }
}

type Unknown = Extract<Fact<never>, { is: 'unknown' }>;

/** For a fact that this kind of check does without. */
export const NOT_ASKED: Unknown = { is: 'unknown', because: 'not asked' };

function allUnknown(why: Unknown): PreflightFacts {
  return {
    clock: why,
    listeners: why,
    disks: why,
    fsync: why,
    hostKeys: why,
    nodeFiles: why,
    peers: why,
    forwarding: why,
    ways: why,
    fitness: why,
  };
}

/** Collects the commands of several probes for one round trip; each gets its own results back. */
function reader(desired: Desired, on: HostId, clock: Clock) {
  const commands: ReadCommand[] = [];
  let results: readonly CommandResult[] = [];
  let trip: RoundTrip = { sentAt: 0, receivedAt: 0 };
  return {
    add: <T>(probe: Probe<T>): (() => Fact<T>) => {
      const own = probe.commands(desired, on);
      const from = commands.push(...own) - own.length;
      return () => {
        try {
          const value = probe.parse(results.slice(from, from + own.length), desired, on, trip);
          return { is: 'known', value, at: new Date(trip.receivedAt).toISOString() };
        } catch (error) {
          return { is: 'unknown', because: error instanceof Error ? error.message : String(error) };
        }
      };
    },
    send: async (host: ReadHost, signal: AbortSignal): Promise<void> => {
      const sentAt = clock.now().getTime();
      results = await host.runAll(commands, signal);
      trip = { sentAt, receivedAt: clock.now().getTime() };
    },
  };
}
