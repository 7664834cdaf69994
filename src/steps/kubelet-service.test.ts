import { describe, expect, it } from 'vitest';
import { apply, codeOf, planOf } from '../../test/scenarios/sim/apply.ts';
import { runningCluster } from '../../test/scenarios/sim/founded.ts';
import { newCluster, type Shape } from '../../test/scenarios/sim/world.ts';
import { hostId } from '../model/ids.ts';
import type { SimCluster } from '../testing/sim/cluster.ts';
import { control, unitOf } from '../testing/sim/systemd.ts';

const shape: Shape = { members: 3, source: 'packages' };
const host = hostId('etcd-1');
const FOLDER = '/etc/systemd/system/kubelet.service.d';
const FOREIGN = `${FOLDER}/zz-foreign.conf`;
const KUBELET = 'kubelet.service';
const OTHER =
  '[Service]\nExecStart=\nExecStart=/usr/bin/kubelet --config=/etc/keelson/kubelet.yaml $KUBELET_EXTRA_ARGS\n';

function machineOf(sim: SimCluster) {
  const machine = sim.machines.get(host);
  if (machine === undefined) throw new Error('no machine');
  return machine;
}

function put(sim: SimCluster, path: string, text: string): void {
  machineOf(sim).putFile(path, text, '644', sim.clock.now().getTime() / 1000);
}

function reload(sim: SimCluster): void {
  control(machineOf(sim), 'daemon-reload', KUBELET, 0);
}

async function planned(sim: SimCluster): Promise<unknown> {
  const shown = await planOf(sim, shape);
  return 'plan' in shown
    ? shown.plan.steps.flatMap((s) => s.changes.map((c) => c.summary))
    : shown.refusals.map((f) => [f.code, f.host, f.message]);
}

const refusal = (path: string): unknown => [
  ['kubelet.overridden', host, expect.stringContaining(`${path} on ${host} replaces the command`)],
];

describe('the kubelet’s command', () => {
  it.each([true, false])('is not ours under a drop-in that sorts later, loaded: %s', async (loaded) => {
    const sim = await runningCluster(shape, 1);
    put(sim, FOREIGN, OTHER);
    if (loaded) reload(sim);
    expect(await planned(sim)).toEqual(refusal(FOREIGN));
  });

  it('is not ours from the beginning, where such a drop-in is there before the founding', async () => {
    const sim = newCluster(shape, 1);
    put(sim, FOREIGN, OTHER);
    expect(await planned(sim)).toEqual(refusal(FOREIGN));
  });

  it('is ours beside drop-ins that come before, or name no other command', async () => {
    const sim = await runningCluster(shape, 1);
    put(sim, `${FOLDER}/50-other.conf`, OTHER);
    put(sim, `${FOLDER}/override.conf`, '[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--pod-manifest-path=/tmp\n');
    reload(sim);
    expect(await planned(sim)).toEqual([]);
  });

  it('comes back when the other file is gone, also while the process still has the other’s flags', async () => {
    const sim = await runningCluster(shape, 1);
    put(sim, FOREIGN, `${OTHER.trimEnd()} --address=0.0.0.0\n`);
    reload(sim);
    control(machineOf(sim), 'restart', KUBELET, sim.clock.now().getTime());
    machineOf(sim).remove(FOREIGN);
    reload(sim);
    await sim.clock.advance(10_000);
    expect(await planned(sim)).toEqual(['restart kubelet.service (etcd keeps running)']);
    expect((await sim.clock.drive(apply(sim.process(), shape))).is).toBe('done');
    expect(unitOf(machineOf(sim), KUBELET).argv).toEqual(['/usr/bin/kubelet', '--config=/etc/keelson/kubelet.yaml']);
    expect(await planned(sim)).toEqual([]);
  });

  it('is looked at once more before the kubelet is started: a file may have come since', async () => {
    const sim = newCluster(shape, 1);
    const process = sim.process();
    // The machine's files are replaced as soon as keelson has written its own drop-in.
    const own = `${FOLDER}/99-etcd-service-manager.conf`;
    const { machines } = process.ports;
    const found = machines.get(host);
    if (found === undefined) throw new Error('no machine');
    const spied = {
      ...found,
      bind: (...args: Parameters<typeof found.bind>) => {
        const write = found.bind(...args);
        return {
          ...write,
          putFiles: async (...files: Parameters<typeof write.putFiles>) => {
            const written = await write.putFiles(...files);
            if (machineOf(sim).files.has(own)) put(sim, FOREIGN, OTHER);
            return written;
          },
        };
      },
    };
    const ports = { ...process.ports, machines: new Map(machines).set(host, spied) };
    const ended = await sim.clock.drive(apply({ ...process, ports }, shape));
    expect(codeOf(ended)).toBe('kubelet.overridden');
    expect(unitOf(machineOf(sim), KUBELET).argv).not.toContain('$KUBELET_EXTRA_ARGS');
  });
});
