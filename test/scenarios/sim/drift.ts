import type { HostId } from '../../../src/model/ids.ts';
import type { SimCluster } from '../../../src/testing/sim/cluster.ts';
import type { SimMachine } from '../../../src/testing/sim/machine.ts';
import { control } from '../../../src/testing/sim/systemd.ts';

type Spoil = (machine: SimMachine, wallMs: number) => void;

const PKI = '/etc/kubernetes/pki';
const addLine =
  (path: string): Spoil =>
  (m) =>
    m.alter(path, { content: `${m.files.get(path)?.content ?? ''}# by hand\n` });
/** As an editor writes it: the time changes, too. */
const edit =
  (path: string): Spoil =>
  (m, wallMs) => {
    addLine(path)(m, wallMs);
    m.alter(path, { mtime: wallMs / 1000 });
  };
/** What comes with a bundle; from elsewhere it is nobody's business, or not there. */
const ifOurs =
  (path: string): Spoil =>
  (m, wallMs) => {
    if (m.files.get(path)?.content.startsWith('# Written by keelson.') === true) edit(path)(m, wallMs);
  };
const remove =
  (path: string): Spoil =>
  (m) =>
    m.remove(path);
const mode =
  (path: string, digits: string): Spoil =>
  (m) =>
    m.alter(path, { mode: digits });
const owner =
  (path: string, name: string): Spoil =>
  (m) =>
    m.alter(path, { owner: name });
const unit =
  (verb: string, name: string): Spoil =>
  (m, wallMs) =>
    void control(m, verb, name, wallMs);

/** What people and accidents do to a machine, short of its data. */
export const drifts = {
  'edit kubelet.yaml': edit('/etc/keelson/kubelet.yaml'),
  'edit kubelet drop-in': edit('/etc/systemd/system/kubelet.service.d/99-etcd-service-manager.conf'),
  'edit manifest': edit('/etc/kubernetes/manifests/etcd.yaml'),
  'edit kubeadmcfg': edit('/etc/keelson/kubeadmcfg.yaml'),
  'edit ca.crt': edit(`${PKI}/etcd/ca.crt`),
  'spoil server.crt': (m) => m.alter(`${PKI}/etcd/server.crt`, { content: 'spoilt\n' }),
  'spoil peer.crt': (m) => m.alter(`${PKI}/etcd/peer.crt`, { content: 'spoilt\n' }),
  'change an etcd argument': (m) => {
    const path = '/etc/kubernetes/manifests/etcd.yaml';
    m.alter(path, {
      content: (m.files.get(path)?.content ?? '').replace('--snapshot-count=10000', '--snapshot-count=5000'),
    });
  },
  'remove kubelet.yaml': remove('/etc/keelson/kubelet.yaml'),
  'remove kubelet drop-in': remove('/etc/systemd/system/kubelet.service.d/99-etcd-service-manager.conf'),
  'remove manifest': remove('/etc/kubernetes/manifests/etcd.yaml'),
  'remove kubeadmcfg': remove('/etc/keelson/kubeadmcfg.yaml'),
  'remove ca.crt': remove(`${PKI}/etcd/ca.crt`),
  'remove server.crt': remove(`${PKI}/etcd/server.crt`),
  'remove peer.key': remove(`${PKI}/etcd/peer.key`),
  'remove all certificates': remove(PKI),
  'open server.key': mode(`${PKI}/etcd/server.key`, '644'),
  'mode of peer.crt': mode(`${PKI}/etcd/peer.crt`, '600'),
  'mode of manifest': mode('/etc/kubernetes/manifests/etcd.yaml', '644'),
  'mode of data directory': mode('/var/lib/etcd', '755'),
  'owner of kubelet.yaml': owner('/etc/keelson/kubelet.yaml', 'nobody'),
  'owner of healthcheck-client.crt': owner(`${PKI}/etcd/healthcheck-client.crt`, 'nobody'),
  'put ca.key': (m, wallMs) => m.putFile(`${PKI}/etcd/ca.key`, 'no real key\n', '600', wallMs / 1000),
  'run kubelet with other flags': (m, wallMs) => {
    const path = '/etc/systemd/system/kubelet.service.d/zz-foreign.conf';
    const program = m.program('kubelet')?.path ?? '';
    m.putFile(
      path,
      `[Service]\nExecStart=\nExecStart=${program} --config=/etc/keelson/kubelet.yaml --v=4\n`,
      '644',
      wallMs / 1000,
    );
    for (const verb of ['daemon-reload', 'restart']) void control(m, verb, 'kubelet.service', wallMs);
    m.remove(path);
    void control(m, 'daemon-reload', 'kubelet.service', wallMs);
  },
  'edit containerd configuration': ifOurs('/etc/containerd/config.toml'),
  'edit containerd.service': ifOurs('/etc/systemd/system/containerd.service'),
  'replace runc of the bundle': (m) => m.alter('/usr/local/sbin/runc', { inode: 1 }),
  'stop kubelet': unit('stop', 'kubelet.service'),
  'disable kubelet': unit('disable', 'kubelet.service'),
} satisfies Record<string, Spoil>;
export type Drift = keyof typeof drifts;
export const driftNames = Object.keys(drifts) as [Drift, ...Drift[]];

export function spoil(sim: SimCluster, host: HostId, drift: Drift): void {
  const machine = sim.machines.get(host);
  if (machine === undefined) throw new Error(`there is no machine ${host}`);
  drifts[drift](machine, sim.clock.now().getTime());
  sim.note(`drift on ${host}: ${drift}`);
  sim.etcd.settle();
}
