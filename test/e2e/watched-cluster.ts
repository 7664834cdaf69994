import { expect } from 'vitest';
import type { EtcdGateway } from './etcd-gateway.ts';
import { type Load, type LoadReport, startLoad, tooQuiet, violations } from './load.ts';
import { type QuorumReport, type QuorumWatch, watchQuorum } from './quorum-watch.ts';

/** A client that writes, and somebody who asks every member how it is, both all the time. */
export interface Watched {
  readonly load: Load;
  readonly stop: () => Promise<{ readonly load: LoadReport; readonly quorum: QuorumReport }>;
}

export function watchCluster(members: readonly EtcdGateway[], name: string): Watched {
  const load = startLoad(members, { name });
  const watch: QuorumWatch = watchQuorum(members);
  return {
    load,
    stop: async () => {
      const report = await load.stop();
      return { load: report, quorum: await watch.stop() };
    },
  };
}

/** No acknowledged write is lost, by what each of these members has itself, and the load was no mere whisper. */
export async function expectNothingLost(members: readonly EtcdGateway[], load: LoadReport): Promise<void> {
  expect(tooQuiet(load, { perSecond: 10, count: 100 })).toEqual([]);
  const [first] = members;
  if (first === undefined) throw new Error('no member to ask');
  const prefix = load.counter.key.slice(0, load.counter.key.indexOf('/') + 1);
  // By quorum first: what a member has itself may lag behind for a moment.
  expect(violations(load, await first.list(prefix))).toEqual([]);
  for (const member of members) {
    await expect
      .poll(async () => violations(load, await member.list(prefix, true)), { timeout: 10_000, message: member.name })
      .toEqual([]);
  }
}

/** All members hold the same, to the byte. */
export async function expectSameContents(members: readonly EtcdGateway[]): Promise<void> {
  const [first] = members;
  const revision = (await first?.revision()) ?? '0';
  const hashes = async () => new Set(await Promise.all(members.map((m) => m.hash(revision))));
  await expect.poll(async () => (await hashes()).size, { timeout: 10_000 }).toBe(1);
}
