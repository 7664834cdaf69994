import { expect, it } from 'vitest';
import type { Ports } from '../../src/engine/types.ts';
import { hostId } from '../../src/model/ids.ts';
import { makePlan } from '../../src/operations/run.ts';
import { SAME_KUBEADM } from '../../src/ports/commands/etcd.ts';
import type { Machine } from '../../src/ports/machine.ts';
import type { SimCluster } from '../../src/testing/sim/cluster.ts';
import { founded } from './sim/founded.ts';
import { newCluster, policy, type Shape, subjectOf } from './sim/world.ts';

const shape: Shape = { members: 3, source: 'preinstalled' };

/** What one machine has to start programs for, in one plan of a new process. */
async function started(sim: SimCluster): Promise<string[]> {
  const process = sim.process();
  const asked: string[] = [];
  const machines = new Map(
    [...process.ports.machines].map(([id, machine]) => [id, id === 'etcd-0' ? watched(machine, asked) : machine]),
  );
  const ports: Ports = { ...process.ports, machines };
  await sim.clock.drive(makePlan(subjectOf(shape), ports, { kind: 'apply' }, new AbortController().signal, policy));
  process.exit();
  return asked;
}

function watched(machine: Machine, asked: string[]): Machine {
  return {
    ...machine,
    read: {
      ...machine.read,
      runAll: async (commands, signal) => {
        const results = await machine.read.runAll(commands, signal);
        commands.forEach((command, at) => {
          const { exitCode, stdout = '' } = results[at] ?? { exitCode: -1 };
          if (command.builder === 'etcd-manifest' && exitCode !== SAME_KUBEADM) asked.push('manifest');
          if (command.builder !== 'versions') return;
          for (const line of stdout.trim().split('\n'))
            if (!line.endsWith('|same')) asked.push(line.split('|')[0] ?? '');
        });
        return results;
      },
    },
  };
}

it('a later command has only those programs started whose file is another', async () => {
  const sim = newCluster(shape, 1, await founded(shape));
  expect(await started(sim)).toEqual(['kubeadm', 'kubelet', 'containerd', 'runc', 'manifest']);
  expect(await started(sim)).toEqual([]);

  const files = sim.machines.get(hostId('etcd-0'))?.files;
  const file = files?.get('/usr/bin/kubeadm');
  if (file === undefined) throw new Error('no kubeadm');
  files?.set('/usr/bin/kubeadm', { ...file, program: { name: 'kubeadm', version: '1.36.2' } });
  expect(await started(sim)).toEqual(['kubeadm', 'manifest']);
});
