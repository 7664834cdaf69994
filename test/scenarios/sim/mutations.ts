import type { Desired, DesiredHost } from '../../../src/desired/types.ts';
import type { Ports } from '../../../src/engine/types.ts';
import { KeelsonError } from '../../../src/model/errors.ts';
import type { RunEvent } from '../../../src/model/events.ts';
import { Secret } from '../../../src/model/secret.ts';
import { clusterId } from '../../../src/plan/rules/cluster-id.ts';
import { dataGone } from '../../../src/plan/rules/data-gone.ts';
import type { Plan } from '../../../src/plan/types.ts';
import { kubeadm } from '../../../src/ports/commands/kubeadm.ts';
import type { RunStore } from '../../../src/ports/run-store.ts';
import type { World } from '../../../src/ports/world.ts';
import type { Step } from '../../../src/steps/types.ts';
import type { SimCluster } from '../../../src/testing/sim/cluster.ts';
import type { Mutation } from './run-schedule.ts';
import { policy } from './world.ts';

const FOUNDING_CODES: readonly string[] = [
  'safety.foreign-data',
  'safety.vault-old',
  'safety.data-gone',
  'safety.all-data-gone',
];

/** What keeps a stacked member from founding another cluster. */
const HARDENING: readonly string[] = ['etcd-member-found', 'kubeadm-config-existing', 'etcd-member-run'];

/** What keelson would be without one of the things that keep it safe. */
export const mutations = {
  'no rule looks at the quorum': { policy: { ...policy, rules: [clusterId, dataGone] } },
  'data and an old vault do not keep a founding off': {
    policy: {
      ...policy,
      refusals: (view, intent) => policy.refusals(view, intent).filter((f) => !FOUNDING_CODES.includes(f.code)),
      rules: [],
    },
  },
  'members are hardened with the full list': {
    policy: { ...policy, desire: (...wanted) => withFullList(policy.desire(...wanted)) },
  },
  'kubeadm’s own manifests of etcd stay as they are': {
    policy: {
      ...policy,
      kinds: policy.kinds.map((kind) => (HARDENING.includes(kind.kind) ? satisfied(kind) : leavesFoundingTo(kind))),
    },
  },
  'the journal is written after the act': {
    ports: (ports) => ({ ...ports, runStore: lateJournal(ports) }),
  },
  'the fence is not looked at': {
    ports: (ports, sim) => ({ ...ports, machines: unfenced(ports, sim) }),
  },
} satisfies Record<string, Mutation>;

/** kubeadm init without a state for etcd, as everybody else runs it. */
function leavesFoundingTo(kind: Step): Step {
  if (kind.kind !== 'kubeadm-init') return kind;
  return {
    ...kind,
    bind: (params, on) => {
      const bound = kind.bind(params, on);
      return { ...bound, apply: (world, view) => bound.apply({ ...world, host: withoutState(world.host) }, view) };
    },
  };
}

function withoutState(host: World['host']): World['host'] {
  return {
    ...host,
    run: (command, signal) => {
      if (command.builder !== 'kubeadm' || !(command.stdin instanceof Secret)) return host.run(command, signal);
      const text = Secret.valueOf(command.stdin);
      const plain = text
        .replace(/ *- name: initial-cluster-state\n *value: existing\n/, '')
        .replace(/ *extraArgs:\n(?=---)/, '');
      return host.run(kubeadm('init', new Secret(plain)), signal);
    },
  };
}

/** A step that never finds anything to do. */
function satisfied(step: Step): Step {
  return { ...step, bind: (params, on) => ({ ...step.bind(params, on), judge: () => ({ is: 'satisfied' }) }) };
}

const full = new WeakMap<Desired, Desired>();

function withFullList(desired: Desired): Desired {
  const known = full.get(desired);
  if (known !== undefined) return known;
  const all = desired.members.map((m) => `${m.name}=${m.peerUrl}`).join(',');
  const hosts = [...desired.hosts].map(([id, host]): [typeof id, DesiredHost] => {
    const own = `${host.member.name}=${host.member.peerUrl}`;
    return [
      id,
      { ...host, kubeadmConfig: { ...host.kubeadmConfig, running: host.kubeadmConfig.running.replace(own, all) } },
    ];
  });
  const made = { ...desired, hosts: new Map(hosts) };
  full.set(desired, made);
  return made;
}

/** Answers at once, and writes a moment later. */
function lateJournal({ runStore, clock }: Ports): RunStore<RunEvent, Plan> {
  return {
    ...runStore,
    open: async (run) => {
      const journal = await runStore.open(run);
      return {
        ...journal,
        append: (event) => {
          const later = clock.sleep(50).then(() => journal.append(event));
          later.catch(() => undefined);
          return Promise.resolve();
        },
      };
    },
  };
}

/** Machines that let in every write, whatever its number. */
function unfenced({ machines }: Ports, sim: SimCluster): Ports['machines'] {
  return new Map(
    [...machines].map(([id, machine]) => [
      id,
      {
        ...machine,
        bind: (binding) => {
          const host = machine.bind(binding);
          const open = async <T>(call: () => Promise<T>): Promise<T> => {
            const at = sim.machines.get(id);
            try {
              return await call();
            } catch (error) {
              if (at === undefined || !(error instanceof KeelsonError) || error.code !== 'lock.lost') throw error;
              const fence = at.fence;
              at.fence = binding.fence;
              try {
                return await call();
              } finally {
                at.fence = fence;
              }
            }
          };
          return {
            ...host,
            run: (c, s) => open(() => host.run(c, s)),
            putFiles: (f, s) => open(() => host.putFiles(f, s)),
            putArtefact: (a, s) => open(() => host.putArtefact(a, s)),
          };
        },
      },
    ]),
  );
}
