import type { Node, Taint } from '../desired/nodes.ts';
import type { KubeNodeFact } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import { noApiServer } from './api-server.ts';
import { needed } from './compare.ts';
import { nodeOf } from './kubeadm-init.ts';
import { clusterOf } from './kubeadm-join.ts';
import { noParams } from './params.ts';
import { type Change, defineStep, type View } from './types.ts';

/** On a node: what keelson has given it, so that what is no longer wanted can be told from somebody else's. */
const OUR_TAINTS = 'keelson.dev/taints';
const OUR_LABELS = 'keelson.dev/labels';

/**
 * Labels and taints of a node, as the configuration has them. kubeadm gives most when the node registers; some labels only an administrator
 * may give, and all may change later. Of somebody else's none is touched.
 */
export const nodeSettings = defineStep({
  kind: 'node-settings',
  risk: 'safe',
  attempts: 3,
  settleMs: 5_000,
  parse: noParams,
  title: (_params, on) => `label and taint the node ${on}`,
  reads: () => ['kube'],
  judge: (_params, view, on) => {
    const node = nodeOf(view, on);
    const fact = factOfNode(view, node);
    // The step before it makes the node, and this one is asked again then.
    if (fact === undefined) return needed([...node.labels.keys()].map((name) => ({ summary: `label ${name}` })));
    return needed([...labelChanges(node, fact), ...taintChanges(node, fact)]);
  },
  apply: async (_params, world, view, on) => {
    const node = nodeOf(view, on);
    const fact = factOfNode(view, node);
    const cluster = clusterOf(view);
    if (cluster === null) return noApiServer(world, view);
    if (fact === undefined)
      throw new KeelsonError('kube.unreachable', `the node ${node.name} cannot be asked for`, { host: on });
    const call = { on: cluster.through, signal: world.signal };
    const applied = await world.kube.apply(
      call,
      {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name: node.name,
          labels: Object.fromEntries(node.labels),
          annotations: {
            [OUR_LABELS]: [...node.labels.keys()].join(','),
            [OUR_TAINTS]: node.taints.map(textOf).join(','),
          },
        },
      },
      { force: true },
    );
    if (applied.is !== 'ok') throw refused(on, applied.message);
    const gone = formerLabels(node, fact);
    if (gone.length === 0 && taintChanges(node, fact).length === 0) return;
    // The taints are one value for the API: those of others are sent along, and only onto the state that was just answered. A label that the
    // kubelet has given as well is not gone when we give it no more.
    const { resourceVersion } = applied.object.metadata;
    const labels = Object.fromEntries(gone.map((name) => [name, null]));
    const taints = wantedTaints(node, fact).map(({ key, value, effect }) => ({
      key,
      effect,
      ...(value === '' ? {} : { value }),
    }));
    const ref = { apiVersion: 'v1', kind: 'Node', name: node.name };
    const patched = await world.kube.mergePatch(call, ref, { metadata: { resourceVersion, labels }, spec: { taints } });
    if (patched.is !== 'ok') throw refused(on, patched.is === 'absent' ? 'it is gone' : patched.message);
  },
});

function factOfNode(view: View, node: Node): KubeNodeFact | undefined {
  return clusterOf(view)?.nodes.get(node.name);
}

function labelChanges(node: Node, fact: KubeNodeFact): Change[] {
  return [
    ...[...node.labels]
      .filter(([name, value]) => fact.labels[name] !== value)
      .map(([name, value]) => ({ summary: `label ${name}=${value}` })),
    ...formerLabels(node, fact).map((name) => ({ summary: `take away the label ${name}` })),
  ];
}

function formerLabels(node: Node, fact: KubeNodeFact): string[] {
  const given = (fact.annotations[OUR_LABELS] ?? '').split(',').filter((name) => name !== '');
  return given.filter((name) => !node.labels.has(name) && fact.labels[name] !== undefined);
}

function taintChanges(node: Node, fact: KubeNodeFact): Change[] {
  const wanted = new Set(wantedTaints(node, fact).map(textOf));
  const present = new Set(fact.taints.map(textOf));
  return [
    ...[...wanted].filter((taint) => !present.has(taint)).map((taint) => ({ summary: `taint ${taint}` })),
    ...[...present].filter((taint) => !wanted.has(taint)).map((taint) => ({ summary: `take away the taint ${taint}` })),
  ];
}

/** Ours as configured, and everybody else's as they are. */
function wantedTaints(node: Node, fact: KubeNodeFact): readonly { key: string; value: string; effect: string }[] {
  const given = new Set((fact.annotations[OUR_TAINTS] ?? '').split(','));
  const own = new Set(node.taints.map(textOf));
  const others = fact.taints.filter((taint) => !given.has(textOf(taint)) && !own.has(textOf(taint)));
  return [...others, ...node.taints];
}

/** As kubectl writes it. */
function textOf({ key, value, effect }: Taint | { key: string; value: string; effect: string }): string {
  return value === '' ? `${key}:${effect}` : `${key}=${value}:${effect}`;
}

function refused(on: string, why: string): KeelsonError {
  return new KeelsonError('kube.refused', `the API server does not change the node ${on}: ${why}`);
}
