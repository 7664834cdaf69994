import { describe, expect, it } from 'vitest';
import { apply } from '../../test/scenarios/sim/apply.ts';
import { newCluster, policy, type Shape, subjectOf } from '../../test/scenarios/sim/world.ts';
import { makePlan } from '../operations/run.ts';
import { applyCandidates } from '../plan/candidates.ts';
import type { SimCluster } from '../testing/sim/cluster.ts';
import { diffLines } from './diff.ts';
import { stepKinds } from './registry.ts';
import type { View } from './types.ts';

async function viewOf(sim: SimCluster, shape: Shape): Promise<View> {
  const { ports } = sim.process();
  return (
    await sim.clock.drive(makePlan(subjectOf(shape), ports, { kind: 'apply' }, new AbortController().signal, policy))
  ).view;
}

describe.each<Shape['source']>(['preinstalled', 'bundle', 'packages'])(
  'every step of an installation from %s',
  (source) => {
    const shape: Shape = { members: 3, source };

    it('is needed on empty machines and names what it changes, and right when it has run', async () => {
      const sim = newCluster(shape, 1);
      const before = await viewOf(sim, shape);
      const candidates = applyCandidates(before);
      const bind = ({ kind, params, on }: (typeof candidates)[number]) => {
        const found = stepKinds.find((k) => k.kind === kind);
        if (found === undefined) throw new Error(`no kind ${kind}`);
        return found.bind(params, on);
      };
      for (const candidate of candidates) {
        const check = bind(candidate).judge(before);
        expect(check.is, candidate.key).toBe('needed');
        if (check.is === 'needed')
          expect(
            check.changes.map((c) => c.summary),
            candidate.key,
          ).not.toEqual([]);
      }
      sim.startClients();
      expect((await sim.clock.drive(apply(sim.process(), shape))).is).toBe('done');
      await sim.clock.advance(5_000);
      const after = await viewOf(sim, shape);
      for (const candidate of candidates)
        expect(bind(candidate).judge(after), candidate.key).toEqual({ is: 'satisfied' });
    });
  },
);

it('kinds have names of their own, and refuse params that they do not know', () => {
  const names = stepKinds.map((k) => k.kind);
  expect(new Set(names).size).toBe(names.length);
  for (const kind of stepKinds)
    expect(() => kind.bind({ 'no such param': 1 }, 'etcd-0' as never), kind.kind).toThrow(/param/);
});

describe('diffs', () => {
  it('show what goes and what comes, with two lines around', () => {
    expect(diffLines('a\nb\nc\nd\ne\nf\ng\n', 'a\nb\nc\nX\ne\nf\ng\n')).toEqual([
      '...',
      ' b',
      ' c',
      '-d',
      '+X',
      ' e',
      ' f',
      '...',
    ]);
    expect([diffLines('', 'a\n'), diffLines('a\n', ''), diffLines('a\n', 'a\n')]).toEqual([['+a'], ['-a'], ['...']]);
  });
  it('are not made of what nobody reads', () => {
    expect(diffLines('x\n'.repeat(3000), 'y\n'.repeat(3000))).toEqual(['(3000 lines become 3000 lines)']);
  });
});
