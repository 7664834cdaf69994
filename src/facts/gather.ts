import type { ClusterConfig } from '../config/schema.ts';
import type { desire } from '../desired/desire.ts';
import type { Desired, Software } from '../desired/types.ts';
import { asKeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import type { Cache } from '../ports/cache.ts';
import type { Clock } from '../ports/clock.ts';
import type { EtcdAdmin } from '../ports/etcd-admin.ts';
import type { CommandResult, ReadHost } from '../ports/host.ts';
import type { KubeApi } from '../ports/kube-api.ts';
import type { Vault, VaultState } from '../ports/vault.ts';
import { readEtcd } from './etcd.ts';
import { artefactsProbe, etcdDataProbe, filesProbe, recordProbe } from './files.ts';
import { readKube } from './kube.ts';
import { balancerProbe, endpointProbe } from './load-balancer.ts';
import { machineProbe } from './machine.ts';
import { etcdProcessProbe, manifestsProbe } from './manifests.ts';
import { memoryText, nothingRemembered, type Remembered, recall, rememberedOf } from './memory.ts';
import { nodeProbe } from './node.ts';
import type { Probe } from './probe.ts';
import { unitsProbe } from './services.ts';
import { imagesProbe, runtimeProbe, toolsProbe } from './software.ts';
import type { ClusterFacts, Fact, FactRef, HostFactName, HostFacts, ManifestFact, View } from './types.ts';

const probes: { readonly [N in HostFactName]: Probe<HostFacts[N] extends Fact<infer T> ? T : never> } = {
  machine: machineProbe,
  record: recordProbe,
  files: filesProbe,
  units: unitsProbe,
  tools: toolsProbe,
  runtime: runtimeProbe,
  images: imagesProbe,
  manifests: manifestsProbe,
  etcdData: etcdDataProbe,
  etcdProcess: etcdProcessProbe,
  artefacts: artefactsProbe,
  node: nodeProbe,
  balancer: balancerProbe,
  endpoint: endpointProbe,
};
export const hostFactNames = Object.keys(probes) as HostFactName[];

export interface FactSources {
  config: ClusterConfig;
  software: Software;
  /** PEM of the CA that the configuration names; null when keelson makes one. */
  configuredCa: string | null;
  hosts: ReadonlyMap<HostId, ReadHost>;
  etcd: EtcdAdmin;
  kube: KubeApi;
  vault: Pick<Vault, 'read'>;
  /** For what machines need not tell again. */
  cache: Cache;
  clock: Clock;
  /** Runs the bundle's own kubeadm on the operator's machine, for machines that have none yet; null where it cannot run. */
  bundleKubeadm: ReadHost | null;
  desire: typeof desire;
}

/**
 * Reads the named facts, or all. What is not named is handed on as it is known; without anything known, all is read. Who reads side by
 * side must merge the answers: the engine's view store does.
 */
export type ReadView = (refs: readonly FactRef[] | 'all', known: View | null, signal: AbortSignal) => Promise<View>;

/**
 * Each machine is asked everything in one round trip; a machine that cannot be reached makes its facts unknown and disturbs no other.
 * What is desired follows from the vault as it was read, or is known.
 */
export function viewReader(sources: FactSources): ReadView {
  return async (named, last, signal) => {
    const refs = last === null ? 'all' : named;
    const vault = last === null || wants(refs, 'vault') ? await readVault(sources) : last.facts.vault;
    const desired = last?.facts.vault === vault ? last.desired : desiredFrom(sources, vault);
    const [hosts, etcd, kube] = await Promise.all([
      readHosts(sources, desired, refs, last, signal),
      last === null || wants(refs, 'etcd') ? readEtcdFact(sources, desired, vault, refs, signal) : last.facts.etcd,
      last === null || wants(refs, 'kube') ? readKubeFact(sources, desired, vault, signal) : last.facts.kube,
    ]);
    return { desired, facts: { hosts, etcd, kube, vault } };
  };
}

// Without the vault nothing can be said about the token; the files that hold it are then shown with a placeholder.
function desiredFrom(sources: FactSources, vault: Fact<VaultState>): Desired {
  return sources.desire(
    sources.config,
    vault.is === 'known' ? vault.value : { is: 'absent' },
    sources.software,
    sources.configuredCa,
  );
}

function wants(refs: readonly FactRef[] | 'all', what: 'etcd' | 'kube' | 'vault'): boolean {
  return refs === 'all' || refs.includes(what);
}

async function readVault(sources: FactSources): Promise<Fact<VaultState>> {
  try {
    return known(await sources.vault.read(), sources.clock);
  } catch (error) {
    const { message, code } = asKeelsonError(error);
    return { is: 'unknown', because: message, code };
  }
}

async function readEtcdFact(
  sources: FactSources,
  desired: Desired,
  vault: Fact<VaultState>,
  refs: readonly FactRef[] | 'all',
  signal: AbortSignal,
): Promise<ClusterFacts['etcd']> {
  if (vault.is === 'unknown') return { is: 'unknown', because: vault.because };
  if (vault.value.is === 'sealed') return { is: 'unknown', because: `the vault is sealed: ${vault.value.because}` };
  // No authority, no member of ours that could be asked; in a plan before the founding nobody listens either.
  const nothingToAsk =
    vault.value.is === 'absent' || !vault.value.hasCaKey || (refs === 'all' && desired.cluster.phase === 'new');
  if (nothingToAsk) return known({ endpoints: new Map() }, sources.clock);
  return known(await readEtcd(desired, sources.etcd, signal), sources.clock);
}

async function readKubeFact(
  sources: FactSources,
  desired: Desired,
  vault: Fact<VaultState>,
  signal: AbortSignal,
): Promise<ClusterFacts['kube']> {
  if (vault.is === 'unknown') return { is: 'unknown', because: vault.because };
  if (vault.value.is === 'sealed') return { is: 'unknown', because: `the vault is sealed: ${vault.value.because}` };
  // No authority, no API server of ours that could be asked.
  if (!desired.clusterKeys.has('kubernetes-ca')) return known({ servers: new Map(), cluster: null }, sources.clock);
  return known(await readKube(desired, sources.kube, signal), sources.clock);
}

async function readHosts(
  sources: FactSources,
  desired: Desired,
  refs: readonly FactRef[] | 'all',
  last: View | null,
  signal: AbortSignal,
): Promise<ReadonlyMap<HostId, HostFacts>> {
  const before = last === null ? await recall(sources.cache) : rememberedHosts(last.facts.hosts);
  const read = [...sources.hosts].map(async ([id, host]): Promise<[HostId, HostFacts]> => {
    const names = refs === 'all' ? hostFactNames : namesFor(refs, id);
    const known = before.get(id) ?? nothingRemembered;
    const fresh = names.length === 0 ? {} : await readHost(sources, desired, id, host, names, known, signal);
    return [id, { ...last?.facts.hosts.get(id), ...fresh } as HostFacts];
  });
  const hosts = new Map(await Promise.all(read));
  // Of a machine that did not answer what was seen before is kept.
  const seen = memoryText(new Map([...before, ...rememberedHosts(hosts)]));
  if (seen !== memoryText(before)) await sources.cache.write(seen);
  return hosts;
}

function rememberedHosts(hosts: ReadonlyMap<HostId, HostFacts>): ReadonlyMap<HostId, Remembered> {
  const answered = [...hosts].filter(([, facts]) => facts.tools.is === 'known');
  return new Map(answered.map(([id, facts]) => [id, rememberedOf(facts)]));
}

function namesFor(refs: readonly FactRef[], id: HostId): HostFactName[] {
  const names = new Set<HostFactName>();
  for (const ref of refs) if (typeof ref === 'object' && ref.on === id) names.add(ref.fact);
  return [...names];
}

async function readHost(
  sources: FactSources,
  desired: Desired,
  id: HostId,
  host: ReadHost,
  names: readonly HostFactName[],
  known: Remembered,
  signal: AbortSignal,
): Promise<Partial<HostFacts>> {
  const asked = names.map((name) => ({ name, commands: probes[name].commands(desired, id, known) }));
  const sentAt = sources.clock.now().getTime();
  let results: readonly CommandResult[];
  try {
    results = await host.runAll(
      asked.flatMap((a) => a.commands),
      signal,
    );
  } catch (error) {
    signal.throwIfAborted();
    const { message, code } = asKeelsonError(error);
    return Object.fromEntries(names.map((name) => [name, { is: 'unknown', because: message, code }]));
  }
  const receivedAt = sources.clock.now();
  const trip = { sentAt, receivedAt: receivedAt.getTime() };
  const at = receivedAt.toISOString();
  const facts: Record<string, Fact<unknown>> = {};
  let next = 0;
  for (const { name, commands } of asked) {
    const own = results.slice(next, next + commands.length);
    next += commands.length;
    try {
      facts[name] = { is: 'known', value: probes[name].parse(own, desired, id, trip, known), at };
    } catch (error) {
      facts[name] = { is: 'unknown', because: error instanceof Error ? error.message : String(error) };
    }
  }
  return withBundleKubeadm(sources, desired, id, facts as Partial<HostFacts>, signal);
}

/** A machine without kubeadm gets the answer from the bundle's kubeadm on the operator's machine, when that runs there. */
async function withBundleKubeadm(
  sources: FactSources,
  desired: Desired,
  id: HostId,
  facts: Partial<HostFacts>,
  signal: AbortSignal,
): Promise<Partial<HostFacts>> {
  const fact = facts.manifests;
  if (sources.bundleKubeadm === null || fact?.is !== 'known' || fact.value.running.is !== 'no-kubeadm') return facts;
  const results = await sources.bundleKubeadm.runAll(manifestsProbe.commands(desired, id), signal);
  if (results.length === 0) return facts;
  const { running, founding } = manifestsProbe.parse(results, desired, id, { sentAt: 0, receivedAt: 0 });
  return { ...facts, manifests: { ...fact, value: { running: byBundle(running), founding: byBundle(founding) } } };
}

function byBundle(made: ManifestFact): ManifestFact {
  return made.is === 'made' ? { ...made, by: 'bundle', stamp: '' } : made;
}

function known<T>(value: T, clock: Clock): Fact<T> {
  return { is: 'known', value, at: clock.now().toISOString() };
}
