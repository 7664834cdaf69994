import type { HostId } from '../../model/ids.ts';
import type { SimCluster } from './cluster.ts';
import { expiryOf } from './kube.ts';

const KEYS = '/etc/kubernetes/pki/';
const CA_KEY = '/etc/kubernetes/pki/etcd/ca.key';
/** On control planes alone. */
const CONTROL_PLANE_KEYS = [
  'ca.key',
  'sa.key',
  'front-proxy-ca.key',
  'front-proxy-client.key',
  'apiserver.key',
  'apiserver-kubelet-client.key',
].map((name) => `${KEYS}${name}`);

/** What must hold whenever somebody looks. */
export function checkState(sim: SimCluster): string[] {
  return [...foundings(sim), ...keys(sim), ...authorities(sim)];
}

/** The Kubernetes CA is one and the same for ever. */
function authorities({ kube, vault }: SimCluster): string[] {
  const known = vault.clusterKeys.get('kubernetes-ca')?.public;
  const others = [...kube.authorities].filter((ca) => ca !== known);
  // A vault that is lost, or too old to know it, says nothing.
  return known === undefined || others.length === 0 ? [] : ['an API server has served with another CA'];
}

function withRole({ options }: SimCluster, ...roles: readonly string[]): Set<HostId> {
  const hosts = options.config.spec.hosts.filter((host) => host.roles.some((role) => roles.includes(role)));
  return new Set(hosts.map(({ name }) => name as HostId));
}

function foundings({ etcd, refounding }: SimCluster): string[] {
  const ids = [...(refounding ? etcd.raft.elected : etcd.clusterIds)];
  return ids.length > 1 ? [`${ids.length} etcd clusters were founded: ${ids.join(', ')}`] : [];
}

function keys(sim: SimCluster): string[] {
  const { machines, options } = sim;
  const { pki, hosts, etcd } = options.config.spec;
  const controlPlanes = withRole(sim, 'control-plane');
  const found: string[] = [];
  for (const machine of machines.values()) {
    const isControlPlane = controlPlanes.has(machine.id);
    const mayHold =
      etcd.topology === 'stacked'
        ? isControlPlane
        : pki.caKeyPlacement === 'first-host' && machine.id === hosts[0]?.name;
    for (const path of isControlPlane ? [] : CONTROL_PLANE_KEYS)
      if (machine.files.has(path)) found.push(`${path} lies on ${machine.id}, which is no control plane`);
    for (const [path, file] of machine.files) {
      if (!file.content.includes('PRIVATE KEY')) continue;
      if (!path.startsWith(KEYS)) found.push(`a private key lies in ${path} on ${machine.id}`);
      if (path === CA_KEY && !mayHold) found.push(`the CA’s key lies on ${machine.id}`);
    }
  }
  return found;
}

/** What must be so once the same command has run to its end with nothing in its way. */
export function checkMade(sim: SimCluster): string[] {
  const { etcd, machines, vault } = sim;
  const found: string[] = [];
  const serving = new Set(etcd.serving());
  const members = withRole(sim, sim.options.config.spec.etcd.topology === 'stacked' ? 'control-plane' : 'etcd');
  for (const id of members) {
    if (!serving.has(id)) found.push(`${id} is no healthy member`);
    const data = etcd.data(id);
    const missing = data === undefined ? 0 : etcd.raft.missingIn(data);
    if (missing > 0) found.push(`${id} has not ${missing} acknowledged writes`);
    if (data !== undefined && data.members.length !== members.size)
      found.push(`${id} knows ${data.members.length} members instead of ${members.size}`);
    const argv = etcd.process(id)?.argv ?? [];
    if (!argv.includes('--initial-cluster-state=existing')) found.push(`${id} could found a cluster again`);
    if (argv.some((a) => a.startsWith('--initial-cluster=') && a.includes(',')))
      found.push(`${id} could come back without its data`);
  }
  for (const machine of machines.values()) {
    const { id } = machine;
    for (const [path, file] of machine.files) {
      if (path.startsWith(KEYS) && path.endsWith('.key') && file.mode !== '600')
        found.push(`${path} on ${id} has mode ${file.mode}`);
    }
    for (const [name, unit] of machine.units) {
      if (unit.state !== 'active') found.push(`${name} on ${id} is ${unit.state}`);
      for (const [path, text] of unit.readAtStart)
        if (machine.files.get(path)?.content !== text) found.push(`${name} on ${id} runs without what ${path} says`);
    }
    // One that has ended does nothing more; the next run that takes the lock makes the machine forget it.
    const running = machine.transients.filter((t) => t.state === 'running');
    if (running.length > 0) found.push(`${running.map((t) => t.name).join(', ')} still runs on ${id}`);
    if (machine.files.has('/var/lib/keelson/images')) found.push(`${id} still has the image archives`);
    if (machine.files.has('/etc/keelson/etcd.yaml')) found.push(`${id} still has a prepared manifest`);
  }
  if (vault.identity?.etcd.phase !== 'handed-over')
    found.push(`the vault says ${vault.identity?.etcd.phase ?? 'nothing'}`);
  if (vault.inventory === null) found.push('the vault has no inventory');
  return [...found, ...checkNodes(sim)];
}

/** The Kubernetes cluster, where there is one. */
function checkNodes(sim: SimCluster): string[] {
  const controlPlanes = withRole(sim, 'control-plane');
  const found: string[] = [];
  sim.kube.settle();
  for (const id of controlPlanes) {
    const server = sim.kube.server(id);
    if (server.is !== 'ready') {
      found.push(`the API server of ${id} is ${server.is}`);
      continue;
    }
    for (const name of withRole(sim, 'control-plane', 'worker')) {
      const node = server.store.find({ apiVersion: 'v1', kind: 'Node', name });
      const { conditions = [] } = (node?.status ?? {}) as { conditions?: readonly { type: string; status: string }[] };
      if (!conditions.some(({ type, status }) => type === 'Ready' && status === 'True'))
        found.push(`the node ${name} is not Ready`);
      const { taints = [] } = (node?.spec ?? {}) as { taints?: readonly { key: string }[] };
      const role = 'node-role.kubernetes.io/control-plane';
      const marked = node?.metadata.labels?.[role] !== undefined;
      if (marked !== controlPlanes.has(name)) found.push(`the node ${name} has the wrong role`);
      if (taints.some(({ key }) => key === role) !== controlPlanes.has(name))
        found.push(`${name} has the wrong taints`);
    }
    for (const secret of server.store.all('Secret')) {
      const token = secret.type === 'bootstrap.kubernetes.io/token';
      // Half an hour is what a join may take.
      if (token && expiryOf(secret) > sim.clock.now().getTime() + 30 * 60_000)
        found.push(`${secret.metadata.name} lives on`);
    }
  }
  return found;
}
