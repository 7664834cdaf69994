import { afterEach, describe, expect, it } from 'vitest';
import type { Machine } from '../../lab/index.ts';
import { remainsOf } from './aftermath.ts';
import { type EventLine, parseEvent } from './events.ts';
import { createTestCluster, type TestCluster } from './harness.ts';
import { ended, type Ran } from './keelson-process.ts';

const AWAY = 'etcd-1';

/** A fault that strikes as soon as a step of one kind begins on the machine. */
interface Strike {
  readonly during: string;
  readonly fault: (machine: Machine) => Promise<void>;
  /** Brings the machine back when the run says that it waits for it. */
  readonly mend?: (machine: Machine) => Promise<void>;
}

interface Struck {
  readonly ran: Ran;
  readonly notes: string;
  /** Of the steps on the machine. */
  readonly titles: readonly string[];
}

interface ErrorLine {
  readonly code: string;
  readonly host?: string;
  readonly step?: string;
  readonly message: string;
}

/** `apply --yes`, with one machine struck in the middle of it. */
async function applyStruck(cluster: TestCluster, { during, fault, mend }: Strike): Promise<Struck> {
  const machine = cluster.machine(AWAY);
  const notes: string[] = [];
  let steps: NonNullable<EventLine['plan']>['steps'] = [];
  let fell: Promise<void> | undefined;
  let mended: Promise<void> | undefined;
  const running = cluster.start(['apply', '--yes', '-o', 'json'], {
    onLine: (line) => {
      const event = parseEvent(line);
      if (event?.type === 'run.started') steps = event.plan?.steps.filter(({ on }) => on === AWAY) ?? [];
      if (event?.type === 'step.started' && steps.some((s) => s.id === event.step && s.kind === during))
        fell ??= fault(machine);
      if (event?.text === undefined || fell === undefined) return;
      notes.push(event.text);
      if (event.text === `waiting for ${AWAY} to return`) mended ??= fell.then(() => mend?.(machine));
    },
  });
  const ran = await running.done;
  await fell;
  await mended;
  if (fell === undefined) throw new Error(`no ${during} began: ${ran.stderr.slice(-3000)}`);
  return { ran, notes: notes.join('\n'), titles: steps.map(({ title }) => title) };
}

async function expectWhole(cluster: TestCluster): Promise<void> {
  await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  const status = await cluster.document(0, ['status']);
  expect(status.etcd.quorum).toMatchObject({ voters: 3, healthy: 3, tolerates: 1 });
  expect(await remainsOf(cluster)).toEqual([]);
}

/** Nobody hears it, and it hears nobody. */
const cutOff = (machine: Machine): Promise<void> => machine.partition({ operator: true });

describe('a machine that goes away during apply', () => {
  let cluster: TestCluster;
  afterEach(() => cluster?.[Symbol.asyncDispose]());

  async function newCluster(hostReturn: string): Promise<void> {
    cluster = await createTestCluster({
      name: 'e2e-away',
      config: (file) => {
        file.spec.timeouts = { hostReturn, connect: '5s' };
      },
    });
    await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
  }

  it.each<Strike & { readonly name: string }>([
    {
      name: 'powered off while its member is founded, and switched on',
      during: 'etcd-member-found',
      fault: (machine) => machine.powerOff(),
      mend: (machine) => machine.boot(),
    },
    {
      name: 'rebooted while its certificates are made',
      during: 'etcd-certificates',
      fault: (machine) => machine.reboot(),
    },
    {
      name: 'cut off while its member is hardened, and joined again',
      during: 'etcd-member-run',
      fault: cutOff,
      mend: (machine) => machine.heal(),
    },
  ])('$name: the run waits for it, goes on, and leaves nothing to do', async (strike) => {
    await newCluster('2m');
    const { ran, notes } = await applyStruck(cluster, strike);
    ended(ran, 0);
    expect(notes).toContain(`waiting for ${AWAY} to return`);
    expect(notes).toContain(`${AWAY} is back`);
    await expectWhole(cluster);
  });

  it('longer than it is waited for: exit 1 names machine and step, and the same command finishes later', async () => {
    await newCluster('20s');
    const { ran, titles } = await applyStruck(cluster, {
      during: 'kubelet-service',
      fault: (machine) => machine.powerOff(),
    });
    const { error } = JSON.parse(ended(ran, 1).stderr.trimEnd().split('\n').at(-1) ?? '') as { error: ErrorLine };
    // Certificates and kubelet are worked on at the same time: the machine is missed by either.
    expect(titles).toContain(error.step);
    expect(error).toMatchObject({ code: 'step.host-lost', host: AWAY, message: `${AWAY} did not return within 20 s` });
    expect(error.step).toContain(AWAY);
    await cluster.machine(AWAY).boot();
    await cluster.keelsonEnds(0, ['apply', '--yes']);
    await expectWhole(cluster);
  });
});
