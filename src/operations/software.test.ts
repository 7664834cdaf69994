import { expect, it } from 'vitest';
import { newCluster, policy, type Shape, subjectOf } from '../../test/scenarios/sim/world.ts';
import { makePlan } from './run.ts';
import { softwareOf } from './software.ts';

const shape: Shape = { members: 3, source: 'bundle' };
const { config } = subjectOf(shape);
const elsewhere = {
  ...config,
  spec: { ...config.spec, software: { ...config.spec.software, source: 'bundle' as const, bundle: '/nonexistent' } },
};

it('needs the bundle where nothing else is said', async () => {
  await expect(softwareOf(undefined, elsewhere, '/')).rejects.toMatchObject({ code: 'software.bundle' });
});

it('lets a cluster be looked at without the bundle, and plans nothing then', async () => {
  const { software, softwareUnread } = await softwareOf('if-readable', elsewhere, '/');
  expect(softwareUnread).toMatchObject({ code: 'software.bundle', message: expect.stringContaining('/nonexistent') });
  if (softwareUnread === undefined) throw new Error('it was read');
  const sim = newCluster(shape, 1);
  const subject = { ...subjectOf(shape), software, softwareUnread };
  const { ports } = sim.process();
  const { result, view } = await sim.clock.drive(
    makePlan(subject, ports, { kind: 'apply' }, new AbortController().signal, policy),
  );
  expect(result).toEqual({ ok: false, warnings: [], refusals: [softwareUnread] });
  expect([...view.facts.hosts.values()].map((facts) => facts.machine.is)).toEqual(['known', 'known', 'known']);
});

it('does not look at the software for the lock', async () => {
  const { softwareUnread } = await softwareOf('unread', elsewhere, '/');
  expect(softwareUnread?.message).not.toContain('/nonexistent');
});
