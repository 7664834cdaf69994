import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { GatewayStatus } from './etcd-gateway.ts';
import { watchQuorum } from './quorum-watch.ts';

const here: GatewayStatus = { clusterId: '1', memberId: '1', leader: '1', version: '3.6.8' };

/** Members of which some are away, as the test says. */
function members(away: ReadonlySet<string>) {
  return ['a', 'b', 'c'].map((name) => ({
    name,
    status: async () => {
      await Promise.resolve();
      if (away.has(name)) throw new Error('away');
      return here;
    },
  }));
}

it('members that are away one after the other leave a quorum', async () => {
  const away = new Set<string>();
  const watch = watchQuorum(members(away), 1);
  for (const name of ['a', 'b', 'c']) {
    away.add(name);
    await sleep(30);
    away.delete(name);
    await sleep(30);
  }
  const { outages, overlaps, questions } = await watch.stop();
  expect(outages.map((o) => o.member)).toEqual(['a', 'b', 'c']);
  expect(overlaps).toEqual([]);
  expect(questions).toBeGreaterThan(10);
});

it('two members that are away at once do not, however short it is', async () => {
  const away = new Set<string>();
  const watch = watchQuorum(members(away), 1);
  await sleep(20);
  away.add('a');
  await sleep(40);
  away.add('c');
  await sleep(25);
  away.clear();
  await sleep(20);
  const { overlaps } = await watch.stop();
  expect(overlaps).toHaveLength(1);
  expect(overlaps[0]).toMatch(/^a and c for \d+ ms$/);
});

it('a member that never comes back is away until the end', async () => {
  const watch = watchQuorum(members(new Set(['b'])), 1);
  await sleep(30);
  const { outages } = await watch.stop();
  expect(outages).toHaveLength(1);
  expect((outages[0]?.to ?? 0) - (outages[0]?.from ?? 0)).toBeGreaterThan(10);
});
