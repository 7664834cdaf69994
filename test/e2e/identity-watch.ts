import { setTimeout as sleep } from 'node:timers/promises';
import type { EtcdGateway } from './etcd-gateway.ts';

/** One answer of one machine's etcd. */
export interface Sighting {
  readonly host: string;
  readonly at: number;
  readonly clusterId: string;
  readonly memberId: string;
}

export interface IdentityWatch {
  /** Every cluster that any etcd has ever said it is of. */
  readonly clusters: () => ReadonlySet<string>;
  /** Machines whose etcd has answered since then (a value of performance.now()). */
  readonly answeredSince: (at: number) => readonly string[];
  readonly stop: () => Promise<void>;
}

/** Asks every machine's etcd, all the time, who it is: a second cluster would be seen, and so would a member that came back. */
export function watchIdentities(
  members: readonly Pick<EtcdGateway, 'name' | 'status'>[],
  everyMs = 100,
): IdentityWatch {
  const seen: Sighting[] = [];
  let going = true;
  const watch = async ({ name, status }: Pick<EtcdGateway, 'name' | 'status'>): Promise<void> => {
    while (going) {
      const at = performance.now();
      const answer = await status().catch(() => null);
      // Counted from the question: an answer that was on its way is none of afterwards.
      if (answer !== null) seen.push({ host: name, at, clusterId: answer.clusterId, memberId: answer.memberId });
      await sleep(everyMs);
    }
  };
  const running = Promise.all(members.map(watch));
  return {
    clusters: () => new Set(seen.map((s) => s.clusterId)),
    answeredSince: (at) => [...new Set(seen.filter((s) => s.at > at).map((s) => s.host))].sort(),
    stop: async () => {
      going = false;
      await running;
    },
  };
}
