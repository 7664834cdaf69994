import type { Machine } from '../../lab/index.ts';
import { hostId } from '../../src/model/ids.ts';
import { Secret } from '../../src/model/secret.ts';
import type { ReadCommand, WriteCommand } from '../../src/ports/command.ts';
import type { CommandResult } from '../../src/ports/host.ts';
import type { SimCluster } from '../../src/testing/sim/cluster.ts';
import { handle } from '../../src/testing/sim/handlers.ts';
import { control } from '../../src/testing/sim/systemd.ts';

/** A machine to which a contract case does things: a real one, or the simulation's. */
export interface ContractSubject {
  readonly address: string;
  /** Where kubelet, kubeadm and containerd lie. */
  readonly programs: string;
  readonly run: (command: ReadCommand | WriteCommand) => Promise<CommandResult>;
  readonly write: (path: string, content: string, mode?: string) => Promise<void>;
  /** As somebody on the machine does it. */
  readonly remove: (path: string) => Promise<void>;
  readonly systemctl: (verb: string, unit: string) => Promise<void>;
  readonly settle: (ms: number) => Promise<void>;
}

export function realSubject(machine: Machine): ContractSubject {
  return {
    address: machine.address,
    programs: '/usr/local/bin',
    run: async ({ argv, stdin }) => {
      const text = stdin instanceof Secret ? Secret.valueOf(stdin) : stdin;
      const { code, stdout, stderr } = await machine.exec([...argv] as [string, ...string[]], {
        allowFailure: true,
        ...(text === undefined ? {} : { stdin: text }),
      });
      return { exitCode: code, stdout, stderr };
    },
    write: (path, content, mode = '644') => machine.writeFile(path, content, Number.parseInt(mode, 8)),
    remove: async (path) => void (await machine.exec(['rm', '-rf', '--', path])),
    systemctl: async (verb, unit) => {
      const option = verb === 'enable' ? ['--no-reload'] : [];
      await machine.exec(['systemctl', ...option, verb, ...(unit === '' ? [] : [unit])]);
    },
    settle: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
}

export function simulatedSubject(sim: SimCluster, name: string): ContractSubject {
  const machine = sim.machines.get(hostId(name));
  if (machine === undefined) throw new Error(`there is no machine ${name}`);
  const wallMs = (): number => sim.clock.now().getTime();
  const world = { nowMs: sim.clock.monotonicMs, wallMs, etcd: sim.etcd, kube: sim.kube, reaches: () => true };
  return {
    address: machine.address,
    programs: '/usr/bin',
    run: async (command) => {
      // A command takes a moment, and so do two files written one after the other.
      await sim.clock.advance(30);
      return handle(machine, command, world);
    },
    write: async (path, content, mode = '644') => {
      await sim.clock.advance(30);
      machine.putFile(path, content, mode, wallMs() / 1000);
      sim.etcd.settle();
    },
    remove: async (path) => {
      machine.remove(path);
      sim.etcd.settle();
    },
    systemctl: async (verb, unit) => {
      control(machine, verb, unit, wallMs());
      sim.etcd.settle();
    },
    settle: (ms) => sim.clock.advance(ms),
  };
}
