import { hostId } from '../../../src/model/ids.ts';
import { readLock, unlock } from '../../../src/operations/lock.ts';
import type { SimCluster } from '../../../src/testing/sim/cluster.ts';
import { type Cut, type CutForm, cutForms } from '../../../src/testing/sim/gate.ts';
import { checkMade } from '../../../src/testing/sim/invariants.ts';
import type { Away } from '../../../src/testing/sim/links.ts';
import type { SimProcess } from '../../../src/testing/sim/process.ts';
import { type Applied, apply, describeApplied, planOf } from './apply.ts';
import { driftNames, spoil } from './drift.ts';
import { strike } from './fault.ts';
import { runningCluster } from './founded.ts';
import { configOf, newCluster, type Shape, shapeOf } from './world.ts';

/**
 * A scenario is a text: one line, one thing that happens or must be so; `#` begins a comment. The first line is `empty [SHAPE]
 * [SOURCE]` or `running [SHAPE] [SOURCE]`, with a shape as `shapeOf` reads it. `apply [at DESK] [CUT ...] -> RESULT` runs the command; RESULT is done, nothing-to-do, died
 * or the code of the error; `A or B` allows both. `begin apply at DESK` leaves it running, and `end apply at DESK -> RESULT` waits for it.
 */
export async function runScenario(text: string, seed = 1): Promise<void> {
  const lines = text.split('\n').map((line, n) => ({ line: line.replace(/#.*$/, '').trim(), n: n + 1 }));
  const [first, ...rest] = lines.filter(({ line }) => line !== '');
  if (first === undefined) throw new Error('an empty scenario');
  const story = await begin(first.line, seed);
  for (const { line, n } of rest) {
    try {
      await play(story, line);
    } catch (error) {
      throw new Error(
        `line ${n}, “${line}”: ${error instanceof Error ? error.message : String(error)}\n${story.sim.trace.join('\n')}`,
      );
    }
    const [violation] = story.sim.check();
    if (violation !== undefined) throw new Error(`line ${n}, “${line}”: ${violation}\n${story.sim.trace.join('\n')}`);
  }
}

interface Story {
  sim: SimCluster;
  shape: Shape;
  /** Commands that run at a desk. */
  running: Map<string, { process: SimProcess; ended: Promise<Applied> }>;
  remembered: string;
  cancel: Map<string, AbortController>;
}

async function begin(line: string, seed: number): Promise<Story> {
  const [start, members = '3', source = 'preinstalled'] = line.split(' ');
  const shape = shapeOf(members, source as Shape['source']);
  const sim = start === 'running' ? await runningCluster(shape, seed) : newCluster(shape, seed);
  if (start !== 'running' && start !== 'empty')
    throw new Error(`a scenario begins with empty or running, not with ${start}`);
  sim.startClients();
  return { sim, shape, running: new Map(), remembered: '', cancel: new Map() };
}

type Verb = (story: Story, match: RegExpExecArray) => Promise<void> | void;

const verbs: readonly (readonly [RegExp, Verb])[] = [
  [
    /^apply(?: at (\S+))?((?: \S+ at call \d+(?: and lives on)?)*) -> (\S+(?: or \S+)*)$/,
    async (s, [, desk, cuts, wanted]) =>
      expectEnd(await start(s, desk ?? 'desk', cuts ?? '').then((r) => s.sim.clock.drive(r.ended)), wanted),
  ],
  [
    /^begin apply at (\S+)((?: \S+ at call \d+(?: and lives on)?)*)$/,
    async (s, [, desk = '', cuts]) => void (await start(s, desk, cuts ?? '')),
  ],
  [
    /^end apply at (\S+) -> (\S+(?: or \S+)*)$/,
    async (s, [, desk = '', wanted]) => expectEnd(await s.sim.clock.drive(runningAt(s, desk).ended), wanted),
  ],
  [
    /^pause (\S+) for (\d+) s$/,
    (s, [, desk = '', seconds]) => runningAt(s, desk).process.gate.pause(Number(seconds) * 1000),
  ],
  [/^interrupt (\S+)$/, (s, [, desk = '']) => s.cancel.get(desk)?.abort(new Error('SIGINT'))],
  [/^unlock at (\S+)$/, (s, [, desk = '']) => s.sim.clock.drive(unlockAll(s.sim, desk))],
  [/^wait (\d+) s$/, (s, [, seconds]) => s.sim.clock.advance(Number(seconds) * 1000)],
  [/^rest$/, (s) => s.sim.rest()],
  [
    /^power off (\S+)(?: for (\d+) s)?$/,
    (s, [, host = '', seconds]) =>
      s.sim.powerOff(hostId(host), seconds === undefined ? undefined : Number(seconds) * 1000),
  ],
  [/^power on (\S+)$/, (s, [, host = '']) => s.sim.powerOn(hostId(host))],
  [
    /^cut (\S+) off from (operator|peers|everybody)$/,
    (s, [, host = '', from]) => s.sim.cutOff(hostId(host), from as Away),
  ],
  [/^heal (\S+)$/, (s, [, host = '']) => s.sim.heal(hostId(host))],
  [/^cluster\.yaml becomes (\S+)$/, (s, [, text = '']) => reconfigure(s, text)],
  [/^kill kubeadm on (\S+)$/, (s, [, host = '']) => s.sim.killKubeadm(hostId(host))],
  [/^wipe (\S+)$/, (s, [, host = '']) => s.sim.wipe(hostId(host), '/var/lib/etcd')],
  [
    /^restart the leader for (\d+) s$/,
    (s, [, seconds]) => strike(s.sim, { is: 'restart-leader', backMs: Number(seconds) * 1000 }),
  ],
  [/^vault (lost|before the founding|right)$/, (s, [, to]) => strike(s.sim, { is: 'vault', to: to as 'lost' })],
  [
    /^drift (\S+): (.+)$/,
    (s, [, host = '', name]) =>
      spoil(s.sim, hostId(host), driftNames.find((d) => d === name) ?? fail(`there is no drift “${name}”`)),
  ],
  [
    /^remember the machines$/,
    (s) => {
      s.remembered = s.sim.fingerprint();
    },
  ],
  [
    /^expect the machines unchanged$/,
    (s) => demand(s.remembered === s.sim.fingerprint(), 'something on the machines has changed'),
  ],
  [/^expect plan empty$/, async (s) => expectSteps(await planOf(s.sim, s.shape), 0)],
  [/^expect plan of (\d+) steps$/, async (s, [, count]) => expectSteps(await planOf(s.sim, s.shape), Number(count))],
  [/^expect plan refused (\S+)$/, async (s, [, code]) => expectRefused(await planOf(s.sim, s.shape), code)],
  [
    /^expect (\d+) healthy$/,
    (s, [, count]) =>
      demand(s.sim.etcd.serving().length === Number(count), `${s.sim.etcd.serving().length} members are healthy`),
  ],
  [/^expect (\S+) down$/, (s, [, host = '']) => demand(!s.sim.etcd.serving().includes(hostId(host)), `${host} serves`)],
  [/^expect made$/, (s) => demand(checkMade(s.sim).length === 0, checkMade(s.sim).join('; '))],
  [
    /^expect (\d+) clusters? founded$/,
    (s, [, count]) =>
      demand(s.sim.etcd.clusterIds.size === Number(count), `${s.sim.etcd.clusterIds.size} were founded`),
  ],
  [
    /^expect no lock$/,
    (s) =>
      demand(
        [...s.sim.machines.values()].every((m) => m.holder === null),
        'a machine is locked',
      ),
  ],
  [/^expect no write lost$/, (s) => expectWrites(s.sim)],
];

async function play(story: Story, line: string): Promise<void> {
  for (const [pattern, verb] of verbs) {
    const match = pattern.exec(line);
    if (match !== null) return verb(story, match);
  }
  throw new Error('no scenario has such a line');
}

async function start(
  story: Story,
  desk: string,
  cuts: string,
): Promise<{ process: SimProcess; ended: Promise<Applied> }> {
  const cancel = new AbortController();
  story.cancel.set(desk, cancel);
  const process = story.sim.process({ desk, cuts: parseCuts(cuts) });
  const run = { process, ended: apply(process, story.shape, { cancel: cancel.signal }) };
  story.running.set(desk, run);
  return run;
}

function parseCuts(text: string): Cut[] {
  return [...text.matchAll(/(\S+) at call (\d+)( and lives on)?/g)].map(([, form, at, survived]) => ({
    form: (cutForms as readonly string[]).includes(form ?? '') ? (form as CutForm) : fail(`there is no cut ${form}`),
    at: Number(at),
    ...(survived === undefined ? {} : { survived: true }),
  }));
}

function reconfigure(story: Story, text: string): void {
  story.shape = shapeOf(text, story.shape.source);
  story.sim.reconfigure(configOf(story.shape));
}

function runningAt(story: Story, desk: string): { process: SimProcess; ended: Promise<Applied> } {
  return story.running.get(desk) ?? fail(`nothing runs at ${desk}`);
}

async function unlockAll(sim: SimCluster, desk: string): Promise<void> {
  const { ports, exit } = sim.process({ desk });
  const { signal } = new AbortController();
  const { holder } = await readLock(ports.machines, () => false, signal);
  if (holder === null) throw new Error('nobody holds the lock');
  await unlock(ports.machines, holder.run, [], signal);
  exit();
}

function expectEnd(applied: Applied, wanted: string | undefined): void {
  const got = applied.is === 'failed' ? applied.error.code : applied.is;
  demand(wanted?.split(' or ').includes(got) === true, `it ended with ${describeApplied(applied)}`);
}

type Shown = Awaited<ReturnType<typeof planOf>>;

function expectSteps(shown: Shown, count: number): void {
  if (!('plan' in shown)) throw new Error(`it is refused: ${shown.refusals.map((f) => f.code).join(', ')}`);
  demand(
    shown.plan.steps.length === count,
    `it has ${shown.plan.steps.length} steps: ${shown.plan.steps.map((s) => s.title).join('; ')}`,
  );
}

function expectRefused(shown: Shown, code: string | undefined): void {
  if ('plan' in shown) throw new Error(`it has ${shown.plan.steps.length} steps and is not refused`);
  demand(
    shown.refusals.some((f) => f.code === code),
    `it is refused with ${shown.refusals.map((f) => f.code).join(', ')}`,
  );
}

function expectWrites(sim: SimCluster): void {
  demand(sim.etcd.raft.acknowledged() > 0, 'nothing was ever written');
  for (const id of sim.etcd.serving()) {
    const data = sim.etcd.data(id);
    const missing = data === undefined ? 0 : sim.etcd.raft.missingIn(data);
    demand(missing === 0, `${id} has not ${missing} acknowledged writes`);
  }
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) fail(otherwise);
}

function fail(message: string): never {
  throw new Error(message);
}
