import { configDigest } from '../../../src/config/digest.ts';
import { ClusterConfig } from '../../../src/config/schema.ts';
import { desire } from '../../../src/desired/desire.ts';
import type { Desired, Software } from '../../../src/desired/types.ts';
import type { Subject } from '../../../src/operations/run.ts';
import { createIssuer } from '../../../src/pki/issuer.ts';
import { type Policy, standardPolicy } from '../../../src/plan/policy.ts';
import { SimCluster } from '../../../src/testing/sim/cluster.ts';
import { bundle } from './bundle.ts';

export interface Shape {
  members: number;
  source: Software['source'];
}

/** Certificates begin when the simulation does. */
const issuer = createIssuer({
  clock: { now: () => new Date('2026-01-01T00:00:00.000Z'), monotonicMs: () => 0, sleep: () => Promise.resolve() },
});

export function configOf({ members, source }: Shape): ClusterConfig {
  return ClusterConfig.parse({
    apiVersion: 'keelson.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'lab' },
    spec: {
      kubernetesVersion: 'v1.36.3',
      software: { source },
      timeouts: { hostReturn: '2m', memberHealthy: '2m' },
      hosts: Array.from({ length: members }, (_, n) => ({
        name: `etcd-${n}`,
        address: `10.77.0.1${n}`,
        roles: ['etcd'],
      })),
    },
  });
}

function softwareOf(source: Software['source']): Software {
  if (source === 'bundle') return { source, bundle: { directory: '/bundle', manifest: bundle } };
  if (source === 'packages')
    return { source, repository: { url: 'https://packages.example/', signingKey: 'a public key\n' } };
  return { source };
}

const subjects = new Map<string, Subject>();

/** The same object for the same shape: what is rendered from it is then rendered once. */
export function subjectOf(shape: Shape): Subject {
  const key = `${shape.members} ${shape.source}`;
  const known = subjects.get(key);
  if (known !== undefined) return known;
  const config = configOf(shape);
  const made: Subject = {
    config,
    configDigest: configDigest(config),
    software: softwareOf(shape.source),
    configuredCa: null,
  };
  subjects.set(key, made);
  return made;
}

export function newCluster(shape: Shape, seed: number, from?: SimCluster): SimCluster {
  const { config, software } = subjectOf(shape);
  return new SimCluster({ config, software, seed, issuer, ...(from === undefined ? {} : { from }) });
}

const desired = new WeakMap<ClusterConfig, Map<string, Desired>>();

/** What is wanted, computed once for the same configuration and vault: rendering it would take longer than the rest of a run. */
const rememberedDesire: typeof desire = (config, vault, software, configuredCa) => {
  const known = desired.get(config) ?? new Map<string, Desired>();
  desired.set(config, known);
  // The moments at which something was recorded differ from run to run, and nothing is rendered from them.
  const timeless = (name: string, value: unknown): unknown =>
    /^(?:createdAt|foundedAt|handedOverAt|inventory)$/.test(name) ? undefined : value;
  const key = JSON.stringify([vault, software.source, configuredCa], timeless);
  const made = known.get(key) ?? desire(config, vault, software, configuredCa);
  known.set(key, made);
  return made;
};

/** The policy that users get. */
export const policy: Policy = { ...standardPolicy, desire: rememberedDesire };
