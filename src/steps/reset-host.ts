import { paths, socketPath } from '../desired/paths.ts';
import type { RecordFact } from '../facts/types.ts';
import type { ErrorCode } from '../model/codes.ts';
import { errorCodes } from '../model/codes.ts';
import { KeelsonError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import { removePaths } from '../ports/commands/files.ts';
import {
  clearData,
  endStaticPod,
  forgetMachine,
  otherContainers,
  removeArtefacts,
  removePod,
  removeState,
  sweepFolders,
} from '../ports/commands/reset.ts';
import { systemctl } from '../ports/commands/services.ts';
import { apt } from '../ports/commands/software.ts';
import { isFounded } from '../ports/vault.ts';
import type { World } from '../ports/world.ts';
import { factOf } from './compare.ts';
import { must } from './must.ts';
import { wordParam } from './params.ts';
import { configuredDataDir, type Remains, remainsOf } from './remains.ts';
import { CONTAINERD, KUBELET } from './software.ts';
import { type Change, defineStep, type View } from './types.ts';

/** `cluster`: the machine goes with all others. `host`: it alone, because it is no longer a member. */
export type ResetScope = 'cluster' | 'host';

/**
 * Removes what keelson made on a machine, and nothing else. The machine's record goes last, so that a reset that was cut short is known
 * by it and goes on; a machine without a record has nothing of keelson's. `kubeadm reset` would also remove what others have made.
 */
export const resetHost = defineStep({
  kind: 'reset-host',
  risk: 'destructive',
  attempts: 2,
  settleMs: 10_000,
  parse: (params) => ({ scope: wordParam(params, 'scope', ['cluster', 'host']) }),
  title: (_params, on) => `remove what keelson made on ${on}`,
  reads: ({ scope }, on) => [
    { on, fact: 'record' },
    { on, fact: 'machine' },
    { on, fact: 'files' },
    { on, fact: 'units' },
    { on, fact: 'etcdData' },
    { on, fact: 'etcdProcess' },
    { on, fact: 'artefacts' },
    'vault',
    ...(scope === 'host' ? (['etcd'] as const) : []),
  ],
  judge: ({ scope }, view, on) => {
    if (factOf(view, on, 'record').is === 'absent') return { is: 'satisfied' };
    const finding = resetProblem(view, on, scope);
    if (finding !== null) return { is: 'blocked', finding };
    return { is: 'needed', changes: changesOf(remainsOf(view, on), view) };
  },
  apply: async (_params, world, view, on) => {
    const remains = remainsOf(view, on);
    await endMember(world, view, remains);
    await removeSoftware(world, remains);
    await must(world, sweepFolders(sweptFolders, ownFolders(remains)));
    await must(world, forgetMachine(paths.record, paths.stateDirectory, ['/var/lib', '/usr', remains.dataDir]));
    if (remains.foreign.length > 0) world.note(`left in place, not keelson’s: ${remains.foreign.join(', ')}`);
  },
});

/** Half-sent files may lie in these, keys among them. */
const sweptFolders = [
  paths.manifestDirectory,
  paths.pkiDirectory,
  paths.etcdPkiDirectory,
  paths.kubeletDropInDirectory,
  '/etc/containerd',
  '/etc/systemd/system',
  '/etc/apt/sources.list.d',
  '/etc/apt/keyrings',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/opt/cni/bin',
];

/** Made by keelson, or by the programs that it brought; each goes if it is empty. Deepest first. */
function ownFolders({ containerd, kubelet }: Remains): string[] {
  const programs = [...(containerd === null ? [] : containerdFolders), ...(kubelet.ours ? kubeletFolders : [])];
  return [
    paths.manifestDirectory,
    paths.etcdPkiDirectory,
    paths.pkiDirectory,
    '/etc/kubernetes',
    paths.kubeletDropInDirectory,
    ...programs,
  ];
}
const containerdFolders = [
  '/etc/containerd',
  '/etc/cni/net.d',
  '/etc/cni',
  '/opt/cni/bin',
  '/opt/cni',
  '/opt/containerd/bin',
  '/opt/containerd/lib',
  '/opt/containerd',
];
const kubeletFolders = [
  '/usr/libexec/kubernetes/kubelet-plugins/volume/exec',
  '/usr/libexec/kubernetes/kubelet-plugins/volume',
  '/usr/libexec/kubernetes/kubelet-plugins',
  '/usr/libexec/kubernetes',
  '/var/log/containers',
  '/var/log/pods',
];
const containerdState = ['/var/lib/containerd', '/run/containerd', '/run/nri'];
const kubeletState = ['/var/lib/kubelet'];
const heldPackages = ['kubelet', 'kubeadm', 'containerd'];

/** Manifest first: the kubelet ends etcd as long as it runs. */
async function endMember(world: World, view: View, { member, kubelet, containerd, dataDir }: Remains): Promise<void> {
  const socket = socketPath(view.desired.criSocket);
  if (containerd !== null) await refuseOthersContainers(world, socket);
  if (member !== null) {
    world.note('ending etcd');
    await must(world, endStaticPod(paths.manifest, dataDir));
  }
  await endService(world, KUBELET, kubelet);
  if (member === null) return;
  await must(world, removePod(socket));
  if (member.data) await must(world, clearData(dataDir, 'remove'));
}

/** The units' files go after what they tell is done: while they are there, an interrupted reset knows that the programs are keelson's. */
async function removeSoftware(world: World, remains: Remains): Promise<void> {
  const { containerd, kubelet, files, packages, pki } = remains;
  if (containerd !== null) await endService(world, CONTAINERD, containerd);
  const state = [...(containerd === null ? [] : containerdState), ...(kubelet.ours ? kubeletState : [])];
  if (state.length > 0) {
    world.note(`removing ${state.join(', ')}`);
    await must(world, removeState(state, containerd === null ? 'leave' : 'end'));
  }
  if (packages) await must(world, apt('unhold', heldPackages));
  if (pki.length + files.length > 0) await must(world, removePaths([...pki, ...files]));
  await must(world, systemctl('daemon-reload'));
  const placed = await world.host.run(removeArtefacts(paths.artefactStamps), world.signal);
  if (placed.exitCode !== 0)
    throw new KeelsonError('host.command-failed', 'the bundle’s programs could not be removed', {
      host: world.host.id,
      output: placed.stderr,
    });
  for (const line of placed.stdout.split('\n')) {
    if (line.startsWith('kept|'))
      world.note(`left in place, changed since keelson placed it: ${line.slice('kept|'.length)}`);
  }
}

async function endService(world: World, name: string, what: { stop: boolean; disable: boolean }): Promise<void> {
  if (what.stop) await must(world, systemctl('stop', [name]));
  if (what.disable) await must(world, systemctl('disable', [name]));
}

/** Before anything is removed: with keelson's containerd its containers go, and these are somebody else's. */
async function refuseOthersContainers(world: World, socket: string): Promise<void> {
  const [found] = await world.host.runAll([otherContainers(socket)], world.signal);
  const others = found?.stdout.split('\n').filter((line) => line !== '') ?? [];
  if (others.length === 0) return;
  const host = world.host.id;
  throw new KeelsonError(
    'reset.foreign-containers',
    `keelson’s containerd on ${host} also runs ${others.slice(0, 5).join(', ')}`,
    { host },
  );
}

/** What a person reads before saying yes: every path that goes. */
function changesOf(remains: Remains, view: View): Change[] {
  const { member, kubelet, containerd, packages, pki, files, programs, dataDir } = remains;
  const state = [...(containerd === null ? [] : containerdState), ...(kubelet.ours ? kubeletState : [])];
  const lines = [
    ...(member === null ? [] : memberLines(member, dataDir)),
    ...serviceLines(KUBELET, kubelet),
    ...(member === null ? [] : [`remove the containers and logs of etcd’s pod`]),
    ...(member?.data
      ? [`remove ${dataDir}: all data of the member; the folder stays if it is a mount point or holds anything else`]
      : []),
    ...(containerd === null ? [] : serviceLines(CONTAINERD, containerd)),
    ...state.map((path) => `remove ${path}`),
    ...(packages ? [`release the hold on ${heldPackages.join(', ')} (they stay installed)`] : []),
    ...[...pki, ...files, ...programs].map((path) => `remove ${path}`),
    `remove ${paths.stateDirectory}, but for the fencing number that keeps old runs out`,
    `remove /etc/keelson with ${paths.record}, last: ${view.desired.cluster.name} then knows nothing of this machine`,
  ];
  return lines.map((summary) => ({ summary }));
}

function serviceLines(name: string, { stop, disable }: { stop: boolean; disable: boolean }): string[] {
  return [...(stop ? [`stop ${name}`] : []), ...(disable ? [`disable ${name}`] : [])];
}

function memberLines({ manifest, process }: NonNullable<Remains['member']>, dataDir: string): string[] {
  return [
    ...(manifest ? [`remove ${paths.manifest}`] : []),
    ...(manifest || process ? [`end etcd, which uses ${dataDir}`] : []),
  ];
}

/** Why a machine is not reset; null when it may be. */
export function resetProblem(view: View, on: HostId, scope: ResetScope): Finding | null {
  const record = factOf(view, on, 'record');
  if (record.is === 'absent') return scope === 'host' ? listedProblem(view, on) : null;
  return (
    whoseProblem(view, on, record) ?? (scope === 'host' ? memberProblem(view, on) : null) ?? dataDirProblem(view, on)
  );
}

/** The cluster that the vault is of; a sealed vault tells by its inventory. */
function clusterUid(view: View): string | null {
  const { vault } = view.facts;
  if (view.desired.cluster.uid !== null || vault.is === 'unknown' || vault.value.is !== 'sealed')
    return view.desired.cluster.uid;
  return vault.value.inventory?.clusterUid ?? null;
}

function whoseProblem(view: View, on: HostId, fact: RecordFact): Finding | null {
  if (fact.is === 'absent') return null;
  if (fact.is === 'unreadable')
    return blocked('safety.foreign-host', on, `${on} carries a host record that cannot be read: ${fact.why}`);
  const { record } = fact;
  const whose = `${on} belongs to cluster ${record.clusterName} (${record.clusterUid})`;
  const uid = clusterUid(view);
  if (uid === null) {
    const { vault } = view.facts;
    if (vault.is === 'known' && vault.value.is === 'sealed')
      return blocked(vault.value.code, on, `whether ${on} is of this cluster is not known: ${vault.value.because}`);
    return blocked('safety.vault-lost', on, `${whose}, and there is no vault here that knows it`);
  }
  if (record.clusterUid !== uid)
    return blocked('safety.foreign-host', on, `${whose}, not to ${view.desired.cluster.name} (${uid})`);
  if (record.host !== on) return blocked('safety.machine-id', on, `${on} is recorded as ${record.host}`);
  const { machineId } = factOf(view, on, 'machine');
  if (record.machineId !== machineId)
    return blocked('safety.machine-id', on, `${on} was machine ${record.machineId} and is now ${machineId}`);
  return null;
}

function listedProblem({ desired }: View, on: HostId): Finding | null {
  if (!desired.machines.some((m) => m.id === on)) return null;
  return blocked('reset.current-member', on, `${on} is a member of ${desired.cluster.name}: cluster.yaml lists it`);
}

/** Whether the configuration, or etcd itself, still counts the machine as a member. */
function memberProblem(view: View, on: HostId): Finding | null {
  const { desired, facts } = view;
  const listed = listedProblem(view, on);
  if (listed !== null) return listed;
  if (facts.etcd.is === 'unknown')
    return blocked(
      'safety.unknown-fact',
      on,
      `whether etcd counts ${on} as a member is not known: ${facts.etcd.because}`,
    );
  const lists = [...facts.etcd.value.endpoints].flatMap(([host, { members }]) =>
    members.is === 'ok' ? [{ host, members: members.value.members }] : [],
  );
  for (const { host, members } of lists) {
    if (members.some((m) => m.name === on))
      return blocked(
        'reset.current-member',
        on,
        `${on} is still a member of ${desired.cluster.name}: etcd on ${host} lists it`,
      );
  }
  if (lists.length > 0 || !isFounded(desired.cluster.phase)) return null;
  return blocked('safety.unknown-fact', on, `whether etcd counts ${on} as a member is not known: no member answers`);
}

/** Another folder than the one that etcd was given would be emptied. */
function dataDirProblem(view: View, on: HostId): Finding | null {
  const wanted = view.desired.config.spec.etcd.dataDir;
  const used = configuredDataDir(view, on);
  if (used === null || used === wanted) return null;
  return blocked('change.data-dir', on, `etcd’s data on ${on} is in ${used}; cluster.yaml says ${wanted}`);
}

function blocked(code: ErrorCode, host: HostId, message: string): Finding {
  return { code, severity: 'error', host, message, action: errorCodes[code].action };
}
