import { quorumOf } from '../desired/members.ts';
import { paths, socketPath } from '../desired/paths.ts';
import { clientEndpoint } from '../facts/etcd.ts';
import { askManifest, manifestOf } from '../facts/manifests.ts';
import { rememberedOf } from '../facts/memory.ts';
import type { EtcdProcessFact, ManifestFact } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import type { FileSpec } from '../model/file.ts';
import type { HostId } from '../model/ids.ts';
import { foundMember, type HeldManifest, swapManifest } from '../ports/commands/etcd.ts';
import { makeDirectory, removePaths } from '../ports/commands/files.ts';
import { isFounded } from '../ports/vault.ts';
import type { World } from '../ports/world.ts';
import { manifestCommand, manifestImage } from '../render/manifest.ts';
import { damageElsewhere } from './certificate-problems.ts';
import { factOf, fileChanges, needed } from './compare.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { type Change, type Check, defineStep, type View } from './types.ts';

type Phase = 'founding' | 'running';

/**
 * Starts a member with an empty data directory, in a container of its own. Only while the cluster is being founded: see the founding rule. The
 * kubelet never has a manifest with which it could start such a member again.
 */
export const etcdMemberFound = defineStep({
  kind: 'etcd-member-found',
  risk: 'safe',
  attempts: 2,
  settleMs: 10_000,
  parse: noParams,
  title: (_params, on) => `found etcd member ${on}`,
  reads: (_params, on) => [
    { on, fact: 'files' },
    { on, fact: 'manifests' },
    { on, fact: 'etcdData' },
    { on, fact: 'etcdProcess' },
    'vault',
  ],
  judge: (_params, view, on) => {
    const { phase } = view.desired.cluster;
    if (isFounded(phase) || isStaticPod(view, on)) return { is: 'satisfied' };
    const check = memberCheck(view, on, 'founding');
    if (check.is === 'blocked') return check;
    const changes = [...check.changes];
    const wanted = factOf(view, on, 'manifests').founding;
    const process = factOf(view, on, 'etcdProcess');
    if (process.is === 'absent') changes.push({ summary: 'start etcd, with initial-cluster-state new' });
    else if (wanted.is !== 'made' || !sameArguments(process.argv, manifestCommand(wanted.text)))
      changes.push({ summary: 'start etcd again, with the arguments of this founding' });
    return needed(changes);
  },
  apply: async (_params, world, view, on) => {
    const { config, text } = await makeManifest(world, view, on, 'founding');
    const { dataDir } = view.desired.config.spec.etcd;
    await must(world, makeDirectory(dataDir, '700'));
    await placeFiles(world, view, on, [kubeadmFile(config)]);
    const image = manifestImage(text);
    if (image === null) throw new KeelsonError('internal', 'kubeadm’s manifest names no image');
    const place = { socket: socketPath(view.desired.criSocket), image, dataDir, pkiDir: paths.etcdPkiDirectory };
    await must(world, foundMember(place, manifestCommand(text)));
  },
});

/**
 * The member as it runs for the rest of its life: state `existing`, and nobody but itself in `initial-cluster`. The kubelet restarts etcd
 * when the manifest changes; the verdict is the running process' own arguments and a linearizable read through it.
 */
export const etcdMemberRun = defineStep({
  kind: 'etcd-member-run',
  risk: 'disruptive',
  attempts: 2,
  // A stacked member's kubelet first asks its API server to forget the old pod, and without etcd that answers only when it gives up: on a busy
  // machine after two minutes.
  settleMs: 300_000,
  parse: noParams,
  title: (_params, on) => `run etcd member ${on} so that it can never found a second cluster`,
  reads: (_params, on) => [
    { on, fact: 'files' },
    { on, fact: 'manifests' },
    { on, fact: 'etcdData' },
    { on, fact: 'etcdProcess' },
    'etcd',
    'vault',
  ],
  judge: (_params, view, on) => {
    const { phase } = view.desired.cluster;
    const check = memberCheck(view, on, 'running');
    if (check.is === 'blocked') return check;
    const wanted = factOf(view, on, 'manifests').running;
    const manifest = manifestDifference(view, on, wanted);
    const changes = [...check.changes, ...manifest];
    if (leftover(view, on)) changes.push({ summary: `remove ${paths.preparedManifest}, left by an interrupted run` });
    if (isThere(view, on, paths.heldApiServer))
      changes.push({ summary: `put ${paths.apiServerManifest} back, which an interrupted run has taken away` });
    const process = factOf(view, on, 'etcdProcess');
    if (
      wanted.is === 'made' &&
      (process.is === 'absent' || !sameArguments(process.argv, manifestCommand(wanted.text)))
    ) {
      changes.push({
        summary: process.is === 'absent' ? 'start etcd' : 'restart etcd with the arguments of its manifest',
      });
    } else if (manifest.some((change) => change.diff !== undefined)) {
      changes.push({ summary: 'restart etcd' });
    }
    const health = waitsForPeers(view) ? null : memberHealth(view, on);
    if (changes.length === 0 && health !== null)
      changes.push({ summary: `bring member ${on} back: ${health}${damageElsewhere(view, on)}` });
    if (changes.length === 0) return { is: 'satisfied' };
    const restarts = process.is === 'absent' || changes.some((c) => /^(?:re)?start etcd/.test(c.summary));
    return { is: 'needed', changes, risk: isFounded(phase) && restarts ? 'disruptive' : 'safe' };
  },
  apply: (_params, world, view, on) => placeMember(world, view, on),
});

/**
 * Fewer members run than a quorum needs. Each of them is then as right as it can be by itself: one that waited for its health would keep
 * the others from being started.
 */
function waitsForPeers(view: View): boolean {
  const members = view.desired.members.map((m) => view.facts.hosts.get(m.host)?.etcdProcess);
  const mayRun = members.filter((process) => process?.is !== 'known' || process.value.is === 'running').length;
  return mayRun < quorumOf(members.length);
}

/** A stacked member that kubeadm has made a static pod of is past its founding. */
function isStaticPod(view: View, on: HostId): boolean {
  if (view.desired.config.spec.etcd.topology !== 'stacked') return false;
  const fact = factOf(view, on, 'files').at.get(paths.manifest);
  return fact !== undefined && fact.is !== 'absent';
}

type MemberCheck = Extract<Check, { is: 'blocked' }> | { is: 'judged'; changes: readonly Change[] };

/** What a member needs in either phase: its folder and kubeadm's configuration. */
function memberCheck(view: View, on: HostId, phase: Phase): MemberCheck {
  const host = view.desired.hosts.get(on);
  if (host === undefined) throw new Error(`${on} is not in the configuration`);
  const files = factOf(view, on, 'files');
  const data = factOf(view, on, 'etcdData');
  const manifest = factOf(view, on, 'manifests')[phase];
  if (manifest.is === 'failed') {
    return {
      is: 'blocked',
      finding: {
        code: 'etcd.kubeadm-refuses',
        severity: 'error',
        host: on,
        message: `kubeadm on ${on} refuses its configuration: ${manifest.output.trim().split('\n').at(-1) ?? ''}`,
        action: 'Correct the field that kubeadm names in cluster.yaml.',
      },
    };
  }
  const { dataDir } = view.desired.config.spec.etcd;
  const changes: Change[] = [];
  if (data.is === 'absent') changes.push({ summary: `create folder ${dataDir} (700)` });
  else if (data.is !== 'foreign' && (data.mode !== '700' || data.owner !== 'root:root')) {
    changes.push({ summary: `mode and owner of ${dataDir} ${data.mode} ${data.owner} -> 700 root:root` });
  }
  changes.push(...fileChanges(files, kubeadmFile(host.kubeadmConfig[phase])));
  return { is: 'judged', changes };
}

function manifestDifference(view: View, on: HostId, manifest: ManifestFact): Change[] {
  if (manifest.is === 'made') return fileChanges(factOf(view, on, 'files'), manifestFile(manifest.text));
  const { kubernetesVersion } = view.desired.config.spec;
  return [
    { summary: `${paths.manifest}: made on the machine by kubeadm ${kubernetesVersion} from ${paths.kubeadmConfig}` },
  ];
}

/** A power cut while a manifest was replaced: what was to take its place still lies ready. */
function leftover(view: View, on: HostId): boolean {
  return isThere(view, on, paths.preparedManifest);
}

function isThere(view: View, on: HostId, path: string): boolean {
  const fact = factOf(view, on, 'files').at.get(path);
  return fact !== undefined && fact.is !== 'absent';
}

/** A stacked member's API server asks no other etcd. */
function apiServerOf({ desired }: View): HeldManifest | undefined {
  if (desired.config.spec.etcd.topology !== 'stacked') return undefined;
  return { manifest: paths.apiServerManifest, held: paths.heldApiServer };
}

/** After a power cut in the middle of an exchange. */
async function bringApiServerBack(world: World, view: View, on: HostId): Promise<void> {
  const content = factOf(view, on, 'files').text.get(paths.heldApiServer);
  if (content === undefined) return;
  await placeFiles(world, view, on, [{ path: paths.apiServerManifest, content, mode: '600' }]);
  await must(world, removePaths([paths.heldApiServer]));
}

function kubeadmFile(content: string): FileSpec {
  return { path: paths.kubeadmConfig, content, mode: '600' };
}

function manifestFile(content: string): FileSpec {
  return { path: paths.manifest, content, mode: '600' };
}

/** What the machine's kubeadm makes at this moment: facts of an earlier one may know neither it nor the cluster's token. */
async function makeManifest(
  world: World,
  view: View,
  on: HostId,
  phase: Phase,
): Promise<{ config: string; text: string }> {
  const config = view.desired.hosts.get(on)?.kubeadmConfig[phase];
  if (config === undefined) throw new Error(`${on} is not in the configuration`);
  const facts = view.facts.hosts.get(on);
  const known = facts === undefined ? [] : rememberedOf(facts).manifests;
  const [result] = await world.host.runAll([askManifest(config, known)], world.signal);
  const made = result === undefined ? null : manifestOf(result, config, known);
  if (made?.is !== 'made') {
    throw new KeelsonError(
      'etcd.kubeadm-refuses',
      `kubeadm on ${on} made no manifest (exit code ${result?.exitCode ?? 'none'})`,
      {
        host: on,
        ...(result === undefined ? {} : { output: result.stderr }),
      },
    );
  }
  return { config, text: made.text };
}

async function placeMember(world: World, view: View, on: HostId): Promise<void> {
  const { config, text } = await makeManifest(world, view, on, 'running');
  await bringApiServerBack(world, view, on);
  await must(world, makeDirectory(view.desired.config.spec.etcd.dataDir, '700'));
  const old = factOf(view, on, 'files').text.get(paths.manifest);
  const process = factOf(view, on, 'etcdProcess');
  if (!founds(process) && (old === undefined || old === text || process.is === 'absent')) {
    await placeFiles(world, view, on, [kubeadmFile(config), manifestFile(text)]);
    if (leftover(view, on)) await must(world, removePaths([paths.preparedManifest]));
    return;
  }
  const prepared = { path: paths.preparedManifest, content: text, mode: '600' };
  await placeFiles(world, view, on, [kubeadmFile(config), prepared]);
  await letAnotherLead(world, view, on);
  const socket = socketPath(view.desired.criSocket);
  await must(world, swapManifest(paths.preparedManifest, paths.manifest, socket, apiServerOf(view)));
}

/** Without a leader nobody writes until the others have waited for their election. Where this is in vain, that second is lost and nothing else. */
async function letAnotherLead(world: World, view: View, on: HostId): Promise<void> {
  const { desired, facts } = view;
  if (facts.etcd.is === 'unknown') return;
  const { endpoints } = facts.etcd.value;
  const own = endpoints.get(on)?.status;
  const self = desired.members.find((m) => m.host === on);
  if (self === undefined || own?.is !== 'ok' || own.value.leaderId !== own.value.memberId) return;
  const able = desired.members.filter((m) => m.host !== on && memberHealth(view, m.host) === null);
  const stays = able.filter(({ host }) => {
    const process = facts.hosts.get(host)?.etcdProcess;
    return process?.is === 'known' && !founds(process.value);
  });
  const next = stays[0] ?? able[0];
  const status = next === undefined ? undefined : endpoints.get(next.host)?.status;
  if (next === undefined || status?.is !== 'ok') return;
  const moved = await world.etcd.moveLeader(clientEndpoint(desired, self), status.value.memberId, world.signal);
  if (moved.is === 'ok') world.note(`${next.name} leads instead of ${self.name}`);
}

/** It runs as its cluster was founded, in a container of its own: the kubelet has to take it over. */
export function founds(process: EtcdProcessFact): boolean {
  return process.is === 'running' && process.argv.includes('--initial-cluster-state=new');
}

/** null when the member is a healthy voter of our cluster; else what is wrong. */
export function memberHealth(view: View, on: HostId): string | null {
  if (view.facts.etcd.is === 'unknown') return view.facts.etcd.because;
  const endpoint = view.facts.etcd.value.endpoints.get(on);
  if (endpoint === undefined) return 'it was not asked';
  if (endpoint.status.is === 'failed') return endpoint.status.message;
  const { etcdClusterId } = view.desired.cluster;
  if (etcdClusterId !== null && endpoint.status.value.clusterId !== etcdClusterId) {
    return `it is a member of cluster ${endpoint.status.value.clusterId}`;
  }
  if (endpoint.status.value.isLearner) return 'it is a learner';
  if (endpoint.status.value.leaderId === null) return 'it sees no leader';
  if (endpoint.linearizableRead.is === 'failed')
    return `a linearizable read fails: ${endpoint.linearizableRead.message}`;
  return null;
}

/** kubeadm's order of arguments differs between patch versions: compared as a multiset. */
function sameArguments(a: readonly string[], b: readonly string[]): boolean {
  return JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());
}
