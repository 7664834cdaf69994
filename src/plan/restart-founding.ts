import { TOKEN_PLACEHOLDER } from '../desired/desire.ts';
import { paths } from '../desired/paths.ts';
import type { Fact, FilesFact, HostFacts, ManifestFact } from '../facts/types.ts';
import { type HostId, OPERATOR } from '../model/ids.ts';
import type { VaultState } from '../ports/vault.ts';
import { traceOf } from '../steps/restart-founding.ts';
import type { View } from '../steps/types.ts';
import { applyCandidates, type Candidate } from './candidates.ts';
import type { Policy } from './policy.ts';
import type { Stage } from './stage.ts';

/**
 * A founding started over, in one plan: etcd is stopped everywhere, what it has written goes, the cluster gets another token, and the
 * founding begins anew. Etcd is stopped on all machines before the first is cleared, so that no quorum can come about meanwhile.
 */
export function restartStages(view: View, desire: Policy['desire']): Stage[] {
  const hosts = [...view.desired.hosts.keys()];
  const { token, phase } = view.desired.cluster;
  if (phase !== 'founding' || token === null || !hosts.some((on) => traceOf(view, on) !== null))
    return [{ view, candidates: applyCandidates(view) }];

  const stops = hosts.map((on) => candidate('founding-stop', on, [], 'no quorum may come about meanwhile'));
  const clears = hosts.map((on) =>
    candidate('founding-clear', on, keysOf(stops), 'a founding begins with empty members'),
  );
  const restart = candidate(
    'founding-restart',
    OPERATOR,
    keysOf(clears),
    'members of two foundings can then never mix',
    {
      hosts: hosts.join(','),
    },
  );
  const cleared = clearedView(view);
  const restarted = restartedView(cleared, token, desire);
  return [
    { view, candidates: [...stops, ...clears] },
    { view: cleared, candidates: [restart] },
    { view: restarted, candidates: applyCandidates(restarted, [restart.key]) },
  ];
}

function candidate(
  kind: string,
  on: HostId,
  needs: readonly string[],
  why: string,
  params: Readonly<Record<string, string>> = {},
): Candidate {
  return { key: `${kind}@${on}`, kind, on, params, needs, why };
}

function keysOf(candidates: readonly Candidate[]): string[] {
  return candidates.map((c) => c.key);
}

/** No etcd runs, none will, and none has left data. */
function clearedView({ desired, facts }: View): View {
  const hosts = new Map([...facts.hosts].map(([on, host]): [HostId, HostFacts] => [on, clearedHost(host)]));
  const etcd = mapFact(facts.etcd, () => ({ endpoints: new Map() }));
  return { desired, facts: { ...facts, hosts, etcd } };
}

function clearedHost(host: HostFacts): HostFacts {
  return {
    ...host,
    files: mapFact(host.files, withoutManifest),
    etcdProcess: mapFact(host.etcdProcess, () => ({ is: 'absent' })),
    etcdData: mapFact(host.etcdData, (data) =>
      data.is === 'data' || data.is === 'remains' ? { ...data, is: 'empty' } : data,
    ),
  };
}

function withoutManifest(files: FilesFact): FilesFact {
  const at = new Map(files.at);
  const text = new Map(files.text);
  at.delete(paths.manifest);
  text.delete(paths.manifest);
  return { ...files, at, text };
}

/** Until the run has made the new token a placeholder stands for it, as before a first founding. */
function restartedView({ desired, facts }: View, token: string, desire: Policy['desire']): View {
  const vault = mapFact(facts.vault, withPlaceholder);
  if (vault.is === 'unknown') return { desired, facts };
  const hosts = new Map(
    [...facts.hosts].map(([on, host]): [HostId, HostFacts] => [
      on,
      { ...host, manifests: mapFact(host.manifests, renew) },
    ]),
  );
  function renew(made: { founding: ManifestFact; running: ManifestFact }) {
    return { founding: renewText(made.founding), running: renewText(made.running) };
  }
  function renewText(made: ManifestFact): ManifestFact {
    return made.is === 'made' ? { ...made, text: made.text.replaceAll(token, TOKEN_PLACEHOLDER) } : made;
  }
  return {
    desired: desire(desired.config, vault.value, desired.software, desired.configuredCa),
    facts: { ...facts, hosts, vault },
  };
}

function withPlaceholder(vault: VaultState): VaultState {
  return vault.is === 'open' ? { ...vault, identity: { ...vault.identity, clusterToken: TOKEN_PLACEHOLDER } } : vault;
}

function mapFact<T>(fact: Fact<T>, map: (value: T) => T): Fact<T> {
  return fact.is === 'known' ? { ...fact, value: map(fact.value) } : fact;
}
