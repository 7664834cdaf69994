import { paths, socketPath } from '../desired/paths.ts';
import { KeelsonError } from '../model/errors.ts';
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
  type WhosePods,
} from '../ports/commands/reset.ts';
import { endPods, removePodNetwork } from '../ports/commands/reset-node.ts';
import { systemctl } from '../ports/commands/services.ts';
import { apt } from '../ports/commands/software.ts';
import type { World } from '../ports/world.ts';
import { factOf } from './compare.ts';
import { must, mustTell } from './must.ts';
import type { NodeRemains } from './node-remains.ts';
import { wordParam } from './params.ts';
import { type Remains, remainsOf } from './remains.ts';
import { resetProblem } from './reset-problem.ts';
import { CONTAINERD, KUBELET } from './software.ts';
import { type Change, defineStep, type View } from './types.ts';

/**
 * Removes what keelson made on a machine, and nothing else. The machine's record goes last, so that a reset that was cut short is known
 * by it and goes on; a machine without a record has nothing of keelson's. `kubeadm reset` would also remove what others have made, and leaves
 * the pods' network.
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
    { on, fact: 'node' },
    'vault',
    ...(scope === 'host' ? (['etcd', 'kube'] as const) : []),
  ],
  judge: ({ scope }, view, on) => {
    if (factOf(view, on, 'record').is === 'absent') return { is: 'satisfied' };
    const finding = resetProblem(view, on, scope);
    if (finding !== null) return { is: 'blocked', finding };
    return { is: 'needed', changes: changesOf(remainsOf(view, on), view) };
  },
  apply: async (_params, world, view, on) => {
    const remains = remainsOf(view, on);
    await endBalancer(world, remains);
    await (remains.node === null ? endMember(world, view, remains) : endNode(world, view, remains, remains.node));
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
  '/etc/modules-load.d',
  '/etc/sysctl.d',
  '/etc/apt/sources.list.d',
  '/etc/apt/keyrings',
  '/etc/haproxy',
  '/etc/keepalived',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/opt/cni/bin',
];

/** Made by keelson, or by the programs that it brought; each goes if it is empty. Deepest first. */
function ownFolders({ containerd, kubelet }: Remains): string[] {
  const programs = [...(containerd === null ? [] : containerdFolders), ...(kubelet.state ? kubeletFolders : [])];
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
/** On a node every pod is the cluster's. */
const podLogs = ['/var/log/pods', '/var/log/containers'];
const heldPackages = ['kubelet', 'kubeadm', 'containerd'];

/** Folders of state that go as a whole. */
function stateFolders({ containerd, kubelet, node }: Remains): string[] {
  return [
    ...(containerd === null ? [] : containerdState),
    ...(kubelet.state ? kubeletState : []),
    ...(node === null ? [] : podLogs),
  ];
}

/** The manifests go first, so that no kubelet that is started again brings the control plane back. Nothing here asks the API, which may be gone. */
async function endNode(world: World, view: View, remains: Remains, node: NodeRemains): Promise<void> {
  const { member, kubelet, containerd, dataDir } = remains;
  const socket = socketPath(view.desired.criSocket);
  if (containerd !== null) await refuseOthersContainers(world, socket, 'all');
  world.note('ending all pods');
  if (node.manifests.length > 0) await must(world, removePaths(node.manifests));
  await endService(world, KUBELET, kubelet);
  await must(world, endPods());
  // A containerd that goes away takes what it knows of them with it.
  if (containerd === null) await must(world, removePod(socket, 'all'));
  if (member?.data) await must(world, clearData(dataDir, 'remove'));
  const flannel = ownsFlannel(view);
  const { source } = view.desired.software;
  const { loadBalancer } = view.desired;
  const network = {
    flannel,
    flannelPlugin: flannel && source !== 'bundle',
    onlyCni: containerd !== null,
    // kube-vip was ended at once, and has not given it back.
    virtualIp: loadBalancer?.kind === 'kube-vip' ? loadBalancer.virtualIp : null,
  };
  const left = await mustTell(world, removePodNetwork(network));
  for (const line of left.stdout.split('\n')) {
    if (line.startsWith('left|')) world.note(`left until the next boot: ${line.slice('left|'.length)}`);
  }
}

function ownsFlannel({ desired }: View): boolean {
  return desired.config.spec.network.cni.kind === 'flannel';
}

/** A configuration that is there is not yet done with: it goes last. */
async function endBalancer(world: World, { balancer }: Remains): Promise<void> {
  for (const { unit, files, ...service } of balancer) {
    await endService(world, unit, service);
    await must(world, removePaths(files));
  }
}

/** Manifest first: the kubelet ends etcd as long as it runs. */
async function endMember(world: World, view: View, { member, kubelet, containerd, dataDir }: Remains): Promise<void> {
  const socket = socketPath(view.desired.criSocket);
  if (containerd !== null) await refuseOthersContainers(world, socket, 'etcd');
  if (member !== null) {
    world.note('ending etcd');
    await must(world, endStaticPod(paths.manifest, dataDir));
  }
  await endService(world, KUBELET, kubelet);
  if (member === null) return;
  await must(world, removePod(socket, 'etcd'));
  if (member.data) await must(world, clearData(dataDir, 'remove'));
}

/** The units' files go after what they tell is done: while they are there, an interrupted reset knows that the programs are keelson's. */
async function removeSoftware(world: World, remains: Remains): Promise<void> {
  const { containerd, files, packages, pki } = remains;
  if (containerd !== null) await endService(world, CONTAINERD, containerd);
  const state = stateFolders(remains);
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
async function refuseOthersContainers(world: World, socket: string, pods: WhosePods): Promise<void> {
  const [found] = await world.host.runAll([otherContainers(socket, pods)], world.signal);
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
  const { member, node, kubelet, containerd, balancer, packages, pki, files, programs, dataDir } = remains;
  const lines = [
    ...balancer.flatMap(({ unit, files: own, ...service }) => [
      ...serviceLines(unit, service),
      ...own.map((path) => `remove ${path}`),
    ]),
    ...(node === null ? [] : node.manifests.map((path) => `remove ${path}`)),
    ...(node !== null || member === null ? [] : memberLines(member, dataDir)),
    ...serviceLines(KUBELET, kubelet),
    ...(node === null ? [] : nodeLines(view)),
    ...(node !== null || member === null ? [] : [`remove the containers and logs of etcd’s pod`]),
    ...(member?.data
      ? [`remove ${dataDir}: all data of the member; the folder stays if it is a mount point or holds anything else`]
      : []),
    ...(containerd === null ? [] : serviceLines(CONTAINERD, containerd)),
    ...stateFolders(remains).map((path) => `remove ${path}`),
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

function nodeLines(view: View): string[] {
  return [
    'end all pods',
    `remove the firewall’s chains and tables of kube-proxy${ownsFlannel(view) ? ', flannel and its CNI plug-ins' : ''}`,
    ...(ownsFlannel(view)
      ? ['remove the interfaces cni0 and flannel.1, and what flannel and its CNI plug-ins keep']
      : []),
  ];
}
