import type { ClusterConfig } from '../config/schema.ts';
import type { desire } from '../desired/desire.ts';
import type { Desired, Software } from '../desired/types.ts';
import { asKeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import type { Clock } from '../ports/clock.ts';
import type { EtcdAdmin } from '../ports/etcd-admin.ts';
import type { CommandResult, ReadHost } from '../ports/host.ts';
import type { Vault, VaultState } from '../ports/vault.ts';
import { readEtcd } from './etcd.ts';
import { artefactsProbe, etcdDataProbe, filesProbe, recordProbe } from './files.ts';
import { machineProbe } from './machine.ts';
import { etcdProcessProbe, manifest, manifestsProbe } from './manifests.ts';
import type { Probe } from './probe.ts';
import { unitsProbe } from './services.ts';
import { imagesProbe, runtimeProbe, toolsProbe } from './software.ts';
import type { ClusterFacts, Fact, FactRef, HostFactName, HostFacts, View } from './types.ts';

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
};
export const hostFactNames = Object.keys(probes) as HostFactName[];

export interface FactSources {
  config: ClusterConfig;
  software: Software;
  /** PEM of the CA that the configuration names; null when keelson makes one. */
  configuredCa: string | null;
  hosts: ReadonlyMap<HostId, ReadHost>;
  etcd: EtcdAdmin;
  vault: Pick<Vault, 'read'>;
  clock: Clock;
  /** Runs the bundle's own kubeadm on the operator's machine, for machines that have none yet; null where it cannot run. */
  bundleKubeadm: ReadHost | null;
  desire: typeof desire;
}

export type ReadView = (refs: readonly FactRef[] | 'all', last: View | null, signal: AbortSignal) => Promise<View>;

/**
 * Reads the named facts, keeps the others, and recomputes what is desired. Each machine is asked everything in one round trip; a
 * machine that cannot be reached makes its facts unknown and disturbs no other. Steps on several machines read at the same time, so
 * the newest facts are kept here and each answer is merged into them; `last` only says whether there are any yet.
 */
export function viewReader(sources: FactSources): ReadView {
  let newest: View | null = null;
  return async (refs, last, signal) => {
    const all = refs === 'all' || last === null || newest === null;
    const fresh = await read(sources, all ? 'all' : refs, newest, signal);
    newest = all ? fresh : merge(sources, newest ?? fresh, fresh, refs);
    return newest;
  };
}

function merge(sources: FactSources, newest: View, fresh: View, refs: readonly FactRef[]): View {
  const vault = wants(refs, 'vault') ? fresh.facts.vault : newest.facts.vault;
  const hosts = new Map(newest.facts.hosts);
  for (const ref of refs) {
    if (typeof ref === 'string') continue;
    const fact = fresh.facts.hosts.get(ref.on)?.[ref.fact];
    const old = hosts.get(ref.on);
    if (fact !== undefined && old !== undefined) hosts.set(ref.on, { ...old, [ref.fact]: fact });
  }
  const etcd = wants(refs, 'etcd') ? fresh.facts.etcd : newest.facts.etcd;
  return { desired: desiredFrom(sources, vault), facts: { hosts, etcd, vault } };
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

async function read(
  sources: FactSources,
  refs: readonly FactRef[] | 'all',
  last: View | null,
  signal: AbortSignal,
): Promise<View> {
  const vault = wants(refs, 'vault') || last === null ? await readVault(sources) : last.facts.vault;
  const desired = desiredFrom(sources, vault);
  const [hosts, etcd] = await Promise.all([
    readHosts(sources, desired, refs, last, signal),
    wants(refs, 'etcd') || last === null ? readEtcdFact(sources, desired, vault, refs, signal) : last.facts.etcd,
  ]);
  return { desired, facts: { hosts, etcd, vault } };
}

function wants(refs: readonly FactRef[] | 'all', what: 'etcd' | 'vault'): boolean {
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

async function readHosts(
  sources: FactSources,
  desired: Desired,
  refs: readonly FactRef[] | 'all',
  last: View | null,
  signal: AbortSignal,
): Promise<ReadonlyMap<HostId, HostFacts>> {
  const read = [...sources.hosts].map(async ([id, host]): Promise<[HostId, HostFacts]> => {
    const names = refs === 'all' || last === null ? hostFactNames : namesFor(refs, id);
    const previous = last?.facts.hosts.get(id);
    const fresh = names.length === 0 ? {} : await readHost(sources, desired, id, host, names, signal);
    return [id, { ...previous, ...fresh } as HostFacts];
  });
  return new Map(await Promise.all(read));
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
  signal: AbortSignal,
): Promise<Partial<HostFacts>> {
  const asked = names.map((name) => ({ name, commands: probes[name].commands(desired, id) }));
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
  const trip = { sentAt, receivedAt: sources.clock.now().getTime() };
  const facts: Record<string, Fact<unknown>> = {};
  let next = 0;
  for (const { name, commands } of asked) {
    const own = results.slice(next, next + commands.length);
    next += commands.length;
    try {
      facts[name] = known(probes[name].parse(own, desired, id, trip), sources.clock);
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
  const made = results.map(manifest).map((m) => (m.is === 'made' ? { ...m, by: 'bundle' as const } : m));
  const [running, founding] = made;
  if (running === undefined) return facts;
  return { ...facts, manifests: { ...fact, value: { running, founding: founding ?? { is: 'no-kubeadm' } } } };
}

function known<T>(value: T, clock: Clock): Fact<T> {
  return { is: 'known', value, at: clock.now().toISOString() };
}
