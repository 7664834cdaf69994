import type { SimCluster } from './cluster.ts';

const KEYS = '/etc/kubernetes/pki/';
const CA_KEY = '/etc/kubernetes/pki/etcd/ca.key';

/** What must hold whenever somebody looks. */
export function checkState(sim: SimCluster): string[] {
  return [...foundings(sim), ...keys(sim)];
}

function foundings({ etcd, refounding }: SimCluster): string[] {
  const ids = [...(refounding ? etcd.raft.elected : etcd.clusterIds)];
  return ids.length > 1 ? [`${ids.length} etcd clusters were founded: ${ids.join(', ')}`] : [];
}

function keys({ machines, options }: SimCluster): string[] {
  const { pki, hosts } = options.config.spec;
  const found: string[] = [];
  for (const machine of machines.values()) {
    const mayHold = pki.caKeyPlacement === 'first-host' && machine.id === hosts[0]?.name;
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
  for (const machine of machines.values()) {
    const { id } = machine;
    if (!serving.has(id)) found.push(`${id} is no healthy member`);
    const data = etcd.data(id);
    const missing = data === undefined ? 0 : etcd.raft.missingIn(data);
    if (missing > 0) found.push(`${id} has not ${missing} acknowledged writes`);
    const argv = etcd.process(id)?.argv ?? [];
    if (!argv.includes('--initial-cluster-state=existing')) found.push(`${id} could found a cluster again`);
    if (argv.some((a) => a.startsWith('--initial-cluster=') && a.includes(',')))
      found.push(`${id} could come back without its data`);
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
  return found;
}
