import { describe, expect, it } from 'vitest';
import { apply, codeOf, describeApplied } from '../../test/scenarios/sim/apply.ts';
import { spoil } from '../../test/scenarios/sim/drift.ts';
import { runningCluster } from '../../test/scenarios/sim/founded.ts';
import { newCluster, type Shape } from '../../test/scenarios/sim/world.ts';
import { hostId } from '../model/ids.ts';

const shape: Shape = { members: 3, source: 'preinstalled' };
const [first, second] = [hostId('etcd-0'), hostId('etcd-1')];

describe('after a kill', () => {
  it('the same command converges at once, wherever it struck during the hardening', { timeout: 60_000 }, async () => {
    const waits: string[] = [];
    const ends: string[] = [];
    let struck = 0;
    for (let at = 120; at < 330; at += 7) {
      const sim = newCluster(shape, 1);
      const killed = await sim.clock.drive(apply(sim.process({ cuts: [{ at, form: 'reply-lost' }] }), shape));
      if (killed.is !== 'died') break;
      struck += 1;
      const again = await sim.clock.drive(apply(sim.process(), shape, { note: (text) => waits.push(text) }));
      if (again.is === 'failed') ends.push(`${at}: ${describeApplied(again)}`);
      expect(sim.check()).toEqual([]);
    }
    expect(ends).toEqual([]);
    expect(struck).toBeGreaterThan(20);
    expect(waits.filter((text) => text.startsWith('waiting for members'))).not.toEqual([]);
  });
});

describe('a member that is ill', () => {
  it('is waited for as long as its own trouble may pass, and no longer', async () => {
    const sim = await runningCluster(shape, 1);
    sim.cutOff(first, 'peers');
    spoil(sim, second, 'edit manifest');
    await sim.clock.advance(20_000);
    const begin = sim.clock.monotonicMs();
    const ended = await sim.clock.drive(apply(sim.process(), shape));
    expect(codeOf(ended)).toBe('safety.quorum');
    const tookMs = sim.clock.monotonicMs() - begin;
    expect(tookMs).toBeGreaterThan(25_000);
    expect(tookMs).toBeLessThan(50_000);
  });

  it('is not waited for where nothing brings it back', async () => {
    const sim = await runningCluster(shape, 1);
    sim.wipe(first, '/var/lib/etcd');
    await sim.clock.advance(20_000);
    const begin = sim.clock.monotonicMs();
    expect(codeOf(await sim.clock.drive(apply(sim.process(), shape)))).toBe('safety.data-gone');
    expect(sim.clock.monotonicMs() - begin).toBeLessThan(5_000);
  });
});
