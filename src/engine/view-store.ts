import type { ReadView } from '../facts/gather.ts';
import type { ClusterFacts, FactRef, HostFacts } from '../facts/types.ts';
import type { View } from '../steps/types.ts';

/** The run's picture of the world. Steps that run side by side each renew their part of it. */
export interface ViewStore {
  readonly current: () => View;
  /** Reads the facts again and gives the picture with them in it. */
  readonly read: (refs: readonly FactRef[] | 'all', signal: AbortSignal) => Promise<View>;
  /** A moment in the order of readings, for {@link olderThan}. */
  readonly mark: () => number;
  /** Those of the facts that were last read before the moment given for each. */
  readonly olderThan: (refs: readonly FactRef[], moment: (ref: FactRef) => number) => readonly FactRef[];
}

export function viewStore(first: View, readView: ReadView): ViewStore {
  let view = first;
  let moments = 0;
  // When the reading of each fact began. A slow reading must not hide the result of one that began later.
  const readAt = new Map<string, number>();

  async function read(refs: readonly FactRef[] | 'all', signal: AbortSignal): Promise<View> {
    moments += 1;
    const begun = moments;
    const fresh = await readView(refs, view, signal);
    const newer = (refs === 'all' ? allRefs(fresh.facts) : refs).filter((ref) => (readAt.get(keyOf(ref)) ?? 0) < begun);
    for (const ref of newer) readAt.set(keyOf(ref), begun);
    view = merge(view, fresh, newer);
    return view;
  }

  return {
    current: () => view,
    read,
    mark: () => {
      moments += 1;
      return moments;
    },
    olderThan: (refs, moment) => refs.filter((ref) => (readAt.get(keyOf(ref)) ?? 0) < moment(ref)),
  };
}

function keyOf(ref: FactRef): string {
  return typeof ref === 'string' ? ref : `${ref.on} ${ref.fact}`;
}

function allRefs(facts: ClusterFacts): FactRef[] {
  const refs: FactRef[] = ['etcd', 'kube', 'vault'];
  for (const [on, host] of facts.hosts)
    for (const fact of Object.keys(host)) refs.push({ on, fact: fact as keyof HostFacts });
  return refs;
}

function merge(old: View, fresh: View, refs: readonly FactRef[]): View {
  const hosts = new Map(old.facts.hosts);
  for (const ref of refs) {
    if (typeof ref === 'string') continue;
    const from = fresh.facts.hosts.get(ref.on);
    if (from !== undefined) hosts.set(ref.on, { ...(hosts.get(ref.on) ?? from), [ref.fact]: from[ref.fact] });
  }
  // What is desired follows from the vault: the two always belong together.
  const vault = refs.includes('vault') ? fresh : old;
  const etcd = refs.includes('etcd') ? fresh : old;
  const kube = refs.includes('kube') ? fresh : old;
  return {
    desired: vault.desired,
    facts: { hosts, etcd: etcd.facts.etcd, kube: kube.facts.kube, vault: vault.facts.vault },
  };
}
