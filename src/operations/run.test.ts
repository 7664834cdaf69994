import { beforeEach, expect, it } from 'vitest';
import { newCluster, policy, type Shape, subjectOf } from '../../test/scenarios/sim/world.ts';
import type { Ports } from '../engine/types.ts';
import type { RunEvent } from '../model/events.ts';
import type { Machine } from '../ports/machine.ts';
import type { SimCluster } from '../testing/sim/cluster.ts';
import type { SimProcess } from '../testing/sim/process.ts';
import { makePlan, runPlan } from './run.ts';

const shape: Shape = { members: 3, source: 'bundle' };
const never = new AbortController().signal;
const intent = { kind: 'apply' } as const;
let sim: SimCluster;
beforeEach(() => {
  sim = newCluster(shape, 1);
});

async function start(process: SimProcess, change: (ports: Ports) => Ports = (ports) => ports) {
  const ports = change(process.ports);
  const subject = subjectOf(shape);
  const made = await sim.clock.drive(makePlan(subject, ports, intent, never, policy));
  if (!made.result.ok) throw new Error('no plan');
  const signals = { cancel: never, stop: never };
  const request = { intent, approved: made.result.plan, emit: () => {}, note: () => {}, signals };
  return () => runPlan(subject, ports, process, request, policy);
}

const journals = (): RunEvent[][] => [...sim.journals.values()].map((events) => [...events]);

/** As long as the process lives it waits for the first machine; it can be cut off there. */
function lockThatHangs(ports: Ports): Ports {
  const machines = [...ports.machines].map(([id, machine]): [typeof id, Machine] => {
    const hanging = Object.fromEntries(Object.keys(machine.lock).map((name) => [name, () => new Promise(() => {})]));
    return [id, { ...machine, lock: { ...hanging, id } as unknown as Machine['lock'] }];
  });
  return { ...ports, machines: new Map(machines) };
}

it('has a journal, with its process, before it touches the lock', async () => {
  const operator = sim.process();
  const run = await start(operator, lockThatHangs);
  void run();
  await sim.clock.advance(1_000);
  const { pid, pidStart } = operator.owner;
  expect(journals()).toEqual([
    [
      expect.objectContaining({
        type: 'run.opened',
        seq: 0,
        command: 'apply',
        process: expect.objectContaining({ pid, pidStart }),
      }),
    ],
  ]);
});

it('says in the journal why it never began', async () => {
  const first = sim.process();
  const second = await start(sim.process());
  void (await start(first))();
  await sim.clock.advance(500);
  await expect(sim.clock.drive(second())).rejects.toMatchObject({ code: 'lock.held' });
  const refused = journals().find((events) => events.some((e) => e.type === 'run.finished'));
  expect(refused?.map((e) => [e.seq, e.type])).toEqual([
    [0, 'run.opened'],
    [1, 'run.finished'],
  ]);
  expect(refused?.[1]).toMatchObject({ outcome: 'failed', error: { code: 'lock.held' } });
});
