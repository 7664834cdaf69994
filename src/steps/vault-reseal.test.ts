import { describe, expect, it } from 'vitest';
import { apply, planOf } from '../../test/scenarios/sim/apply.ts';
import { runningCluster } from '../../test/scenarios/sim/founded.ts';
import type { Shape } from '../../test/scenarios/sim/world.ts';
import type { Reseal } from '../ports/vault.ts';

const shape: Shape = { members: 3, source: 'preinstalled' };

async function planned(reseal: Reseal) {
  const sim = await runningCluster(shape, 1);
  sim.vault.reseal = reseal;
  return { sim, shown: await planOf(sim, shape) };
}

describe('sealing the vault again', () => {
  it('shows who comes and who goes, and is done once', async () => {
    const { sim, shown } = await planned({ add: ['age1new'], remove: ['age1old'], own: ['age1me'], listed: true });
    if (!('plan' in shown)) throw new Error('refused');
    expect(shown.plan.steps.map((s) => [s.kind, s.risk, s.changes.map((c) => c.summary)])).toEqual([
      [
        'vault-reseal',
        'safe',
        [
          'let age1new open the vault',
          'age1old can no longer open the vault; old copies of it stay open',
          'seal the CA’s key and the cluster’s identity again',
        ],
      ],
    ]);
    expect((await sim.clock.drive(apply(sim.process(), shape))).is).toBe('done');
    expect((await sim.clock.drive(apply(sim.process(), shape))).is).toBe('nothing-to-do');
  });

  it('takes nobody out by a list that does not name the own identity, and says which that is', async () => {
    const { shown } = await planned({ add: [], remove: ['age1old'], own: ['age1me'], listed: false });
    expect(shown).toMatchObject({
      refusals: [{ code: 'vault.recipients-unclear', action: expect.stringContaining('too: age1me') }],
    });
  });

  it('lets somebody in by such a list', async () => {
    const { shown } = await planned({ add: ['age1new'], remove: [], own: ['age1me'], listed: false });
    expect(shown).toMatchObject({ plan: { steps: [{ kind: 'vault-reseal' }] } });
  });
});
