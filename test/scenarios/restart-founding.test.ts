import { beforeAll, describe, expect, it } from 'vitest';
import { paths } from '../../src/desired/paths.ts';
import { hostId } from '../../src/model/ids.ts';
import { makePlan } from '../../src/operations/run.ts';
import type { Intent } from '../../src/plan/types.ts';
import type { SimCluster } from '../../src/testing/sim/cluster.ts';
import { cutForms } from '../../src/testing/sim/gate.ts';
import { checkMade } from '../../src/testing/sim/invariants.ts';
import { apply, codeOf, describeApplied } from './sim/apply.ts';
import { founded } from './sim/founded.ts';
import { halfFounded } from './sim/half-founded.ts';
import { newCluster, policy, type Shape, subjectOf } from './sim/world.ts';

const shape: Shape = { members: 3, source: 'preinstalled' };
const restart: Intent = { kind: 'apply', restartFounding: true };
const HOUR = 3_600_000;
/** Every call has been tried in every form; here is a sample. */
const STRIDE = 17;

async function planned(sim: SimCluster) {
  const process = sim.process();
  const made = makePlan(subjectOf(shape), process.ports, restart, new AbortController().signal, policy);
  const { result } = await sim.clock.drive(made);
  process.exit();
  return result;
}

function token(sim: SimCluster): string {
  return sim.vault.identity?.clusterToken ?? '';
}

describe('a founding that never had a quorum', () => {
  let one: SimCluster;
  beforeAll(async () => {
    one = await halfFounded(shape, 1);
  });

  function begin(seed = 1): SimCluster {
    const sim = newCluster(shape, seed, one);
    sim.refounding = true;
    return sim;
  }

  it('starts over in one plan: all stopped, all cleared, another token, and the founding as it always is', async () => {
    const result = await planned(begin());
    if (!result.ok) throw new Error('refused');
    const kinds = result.plan.steps.map((s) => s.kind);
    expect(kinds.slice(0, 3)).toEqual(['founding-stop', 'founding-clear', 'founding-restart']);
    expect(kinds.filter((kind) => kind === 'etcd-member-found')).toHaveLength(3);
    expect(kinds.slice(-2)).toEqual(['etcd-handover', 'inventory']);
    const [stop, clear] = result.plan.steps;
    expect([stop?.risk, stop?.changes]).toEqual(['disruptive', [{ summary: 'end etcd' }]]);
    expect([clear?.risk, clear?.changes]).toEqual(['destructive', [{ summary: 'empty /var/lib/etcd' }]]);
    const again = result.plan.steps.find((s) => s.kind === 'etcd-member-found' && s.on === stop?.on);
    const diff = again?.changes.flatMap((c) => c.diff ?? []).join('\n');
    expect(diff).toContain('+        value: made-by-this-run');
    const restarted = result.plan.steps.find((s) => s.kind === 'founding-restart');
    const found = result.plan.steps.filter((s) => s.kind === 'etcd-member-found');
    for (const step of found) expect(step.needs).toContain(restarted?.id);
  });

  it('becomes a cluster under another token, and nothing of the first founding votes in it', async () => {
    const sim = begin();
    const before = token(sim);
    const applied = await sim.clock.drive(apply(sim.process(), shape, { intent: restart }));
    expect(describeApplied(applied)).toBe('done');
    expect(token(sim)).not.toBe(before);
    for (const id of sim.machines.keys()) {
      expect(sim.etcd.process(id)?.argv).toContain(`--initial-cluster-token=${token(sim)}`);
    }
    expect(checkMade(sim)).toEqual([]);
    expect(sim.check()).toEqual([]);
  });

  it('interrupted anywhere, goes on by either command', async () => {
    const calls = await callsOf(begin());
    const ends = new Set<string>();
    for (let n = 0; n * STRIDE < calls; n += 1) {
      const at = 1 + n * STRIDE + (n % 5);
      const form = cutForms[n % cutForms.length] ?? 'not-run';
      const sim = begin(at);
      await sim.clock.drive(apply(sim.process({ cuts: [{ at, form }] }), shape, { intent: restart }), 6 * HOUR);
      await sim.rest();
      ends.add(await converge(sim, n % 2 === 0 ? restart : { kind: 'apply' }));
      expect([at, form, checkMade(sim), sim.check()]).toEqual([at, form, [], []]);
    }
    expect([...ends]).toEqual(['nothing-to-do']);
  }, 120_000);

  it('is stopped on all machines before the first is cleared', async () => {
    const sim = begin();
    // A second member is to be started: it has not written anything yet.
    const [, second] = [...sim.machines.values()].sort(
      (a, b) => Number(hasData(sim, b.id)) - Number(hasData(sim, a.id)),
    );
    const holder = [...sim.machines.values()].find((m) => hasData(sim, m.id));
    if (second === undefined || holder === undefined) throw new Error('no such machine');
    second.putFile(paths.kubeadmConfig, holder.files.get(paths.kubeadmConfig)?.content ?? '', '600', 0);
    const result = await planned(sim);
    if (!result.ok) throw new Error('refused');
    const steps = result.plan.steps.filter((s) => s.kind.startsWith('founding-'));
    const firstClear = steps.find((s) => s.kind === 'founding-clear');
    const stops = steps.filter((s) => s.kind === 'founding-stop').map((s) => s.id);
    for (const id of stops) expect(closure(steps, firstClear?.id)).toContain(id);
  });
});

function hasData(sim: SimCluster, id: ReturnType<typeof hostId>): boolean {
  return sim.etcd.data(id) !== undefined;
}

function closure(steps: readonly { id: string; needs: readonly string[] }[], id: string | undefined): string[] {
  const step = steps.find((s) => s.id === id);
  return step === undefined ? [] : step.needs.flatMap((need) => [need, ...closure(steps, need)]);
}

async function callsOf(sim: SimCluster): Promise<number> {
  const process = sim.process();
  await sim.clock.drive(apply(process, shape, { intent: restart }));
  return process.gate.calls();
}

/** The command again and again; where a quorum came about meanwhile, without the flag, as its refusal says. */
async function converge(sim: SimCluster, first: Intent): Promise<string> {
  let intent = first;
  let last = '';
  for (let n = 0; n < 6; n += 1) {
    const applied = await sim.clock.drive(apply(sim.process(), shape, { intent }), 6 * HOUR);
    last = describeApplied(applied);
    if (applied.is === 'nothing-to-do') break;
    if (codeOf(applied) === 'safety.founding-quorum') intent = { kind: 'apply' };
    else if (applied.is === 'failed') await sim.clock.advance(30_000);
  }
  await sim.clock.advance(5_000);
  return last;
}

describe('a founding is not started over', () => {
  async function refusal(sim: SimCluster): Promise<string> {
    const result = await planned(sim);
    return result.ok ? 'planned' : result.refusals.map((f) => `${f.code}: ${f.message}`).join('\n');
  }

  it('when a quorum of machines holds data', async () => {
    const sim = await halfFounded(shape, 3);
    // They have lost sight of each other, so that nobody answers.
    for (const id of sim.machines.keys()) sim.cutOff(id, 'peers');
    await sim.clock.advance(5_000);
    expect(await refusal(sim)).toMatch(/^safety\.founding-quorum: .*3 members may have had the quorum of 2|answers/);
  });

  it('when the cluster was founded', async () => {
    const sim = newCluster(shape, 1, await founded(shape));
    expect(await refusal(sim)).toBe('safety.founding-quorum: the vault records that the cluster was founded');
    const applied = await sim.clock.drive(apply(sim.process(), shape, { intent: restart }));
    expect(codeOf(applied)).toBe('safety.founding-quorum');
  });

  it('when a machine cannot be looked at', async () => {
    const sim = await halfFounded(shape, 1);
    const away = [...sim.machines.keys()].find((id) => sim.etcd.data(id) === undefined) ?? hostId('none');
    sim.cutOff(away, 'operator');
    expect(await refusal(sim)).toMatch(/^host\.unreachable: /);
  });

  it('when a member of it is not in cluster.yaml any more', async () => {
    const sim = await halfFounded(shape, 1);
    const holder = [...sim.machines.values()].find((m) => sim.etcd.data(m.id) !== undefined);
    const config = holder?.files.get(paths.kubeadmConfig)?.content ?? '';
    holder?.alter(paths.kubeadmConfig, {
      content: config.replace(/initial-cluster\n\s+value: /, '$&etcd-9=https://10.77.0.19:2380,'),
    });
    expect(await refusal(sim)).toMatch(/^safety\.founding-quorum: etcd-9 was to be a member/);
  });

  it('when it was to be founded by fewer members, which are a quorum', async () => {
    const sim = await halfFounded(shape, 1);
    const holder = [...sim.machines.values()].find((m) => sim.etcd.data(m.id) !== undefined);
    const config = holder?.files.get(paths.kubeadmConfig)?.content ?? '';
    holder?.alter(paths.kubeadmConfig, {
      content: config.replace(/(initial-cluster\n\s+value: ).*/, `$1${holder.id}=https://${holder.address}:2380`),
    });
    expect(await refusal(sim)).toMatch(/^safety\.founding-quorum: .* 1 members may have had the quorum of 1$/);
  });
});

describe('the flag', () => {
  it('is no more than apply where nothing was begun', async () => {
    const sim = newCluster(shape, 1);
    expect(describeApplied(await sim.clock.drive(apply(sim.process(), shape, { intent: restart })))).toBe('done');
    expect(sim.check()).toEqual([]);
  });

  it('keeps the token where no machine knows it yet', async () => {
    const sim = await halfFounded(shape, 0);
    const before = token(sim);
    expect([...sim.machines.values()].filter((m) => m.files.has(paths.kubeadmConfig))).toEqual([]);
    expect(describeApplied(await sim.clock.drive(apply(sim.process(), shape, { intent: restart })))).toBe('done');
    expect(token(sim)).toBe(before);
  });
});
