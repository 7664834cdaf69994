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
  /** Of etcd: machines of their own, or with a stacked etcd the control planes. */
  members: number;
  source: Software['source'];
  /** The Kubernetes cluster; absent where etcd is all there is. */
  nodes?: { topology: 'stacked' | 'external'; controlPlanes: number; workers: number };
}

/** `stacked-3+1`: control planes and workers; `external-3+2+1`: members before them; `3`: etcd alone. */
export function shapeOf(text: string, source: Software['source']): Shape {
  const [, topology, counts = ''] = /^(stacked|external)-([\d+]+)$/.exec(text) ?? [];
  const [first = 0, second = 0, third = 0] = counts.split('+').map(Number);
  if (topology === 'stacked')
    return { members: first, source, nodes: { topology, controlPlanes: first, workers: second } };
  if (topology === 'external')
    return { members: first, source, nodes: { topology, controlPlanes: second, workers: third } };
  return { members: Number(text), source };
}

export function shapeText({ members, nodes }: Shape): string {
  if (nodes === undefined) return String(members);
  const { topology, controlPlanes, workers } = nodes;
  return topology === 'stacked' ? `stacked-${members}+${workers}` : `external-${members}+${controlPlanes}+${workers}`;
}

/** Certificates begin when the simulation does. */
const issuer = createIssuer({
  clock: { now: () => new Date('2026-01-01T00:00:00.000Z'), monotonicMs: () => 0, sleep: () => Promise.resolve() },
});

const named = (name: string, address: string, count: number) =>
  Array.from({ length: count }, (_, n) => ({ name: `${name}-${n}`, address: `${address}${n}`, roles: [name] }));

function hostsOf({ members, nodes }: Shape) {
  if (nodes === undefined) return named('etcd', '10.77.0.1', members);
  return [
    ...(nodes.topology === 'external' ? named('etcd', '10.77.0.1', members) : []),
    ...named('cp', '10.77.0.2', nodes.controlPlanes).map((host) => ({ ...host, roles: ['control-plane'] })),
    ...named('worker', '10.77.0.3', nodes.workers),
  ];
}

export function configOf(shape: Shape): ClusterConfig {
  const { source, nodes } = shape;
  return ClusterConfig.parse({
    apiVersion: 'keelson.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'lab' },
    spec: {
      kubernetesVersion: 'v1.36.3',
      software: { source },
      timeouts: { hostReturn: '2m', memberHealthy: '2m' },
      ...(nodes === undefined
        ? {}
        : {
            etcd: { topology: nodes.topology },
            // A load balancer of the user's: it leads to any API server that is ready.
            controlPlane: { endpoint: '10.77.0.100:6443', loadBalancer: { kind: 'external' } },
          }),
      hosts: hostsOf(shape),
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
  const key = `${shapeText(shape)} ${shape.source}`;
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
    /^(?:createdAt|foundedAt|handedOverAt|inventory)$/.test(name)
      ? undefined
      : value instanceof Map
        ? [...value]
        : value;
  const key = JSON.stringify([vault, software.source, configuredCa], timeless);
  const made = known.get(key) ?? desire(config, vault, software, configuredCa);
  known.set(key, made);
  return made;
};

/** The policy that users get. */
export const policy: Policy = { ...standardPolicy, desire: rememberedDesire };
