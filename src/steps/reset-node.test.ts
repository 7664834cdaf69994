import { describe, expect, it } from 'vitest';
import { file, someCa } from '../../test/checks/certificates.ts';
import { known, unit } from '../../test/checks/scene.ts';
import { configDigest } from '../config/digest.ts';
import { ClusterConfig } from '../config/schema.ts';
import { etcdCa } from '../desired/certificates.ts';
import { clusterKeyFiles } from '../desired/cluster-keys.ts';
import { desire } from '../desired/desire.ts';
import { paths } from '../desired/paths.ts';
import type { ClusterFacts, HostFacts, KubeFacts, NodeFact } from '../facts/types.ts';
import { type HostId, hostId, OPERATOR } from '../model/ids.ts';
import { parseCertificate } from '../model/x509.ts';
import { systemClock } from '../operations/local.ts';
import { createIssuer } from '../pki/issuer.ts';
import { plan } from '../plan/planner.ts';
import { standardPolicy } from '../plan/policy.ts';
import type { PlanResult } from '../plan/types.ts';
import type { ReadCommand, WriteCommand } from '../ports/command.ts';
import type { VaultState } from '../ports/vault.ts';
import type { World } from '../ports/world.ts';
import { resetHost } from './reset-host.ts';
import type { View } from './types.ts';

const issuer = createIssuer({ clock: systemClock });
const ca = { commonName: 'kubernetes', algorithm: 'ecdsa-p256', validitySeconds: 3600 } as const;
const kubernetesCa = await issuer.createCa(ca);
const another = await issuer.createCa(ca);
const leaf = {
  commonName: 'x',
  ekus: ['serverAuth'],
  dns: [],
  ips: [],
  algorithm: 'ecdsa-p256',
  validitySeconds: 60,
} as const;
const apiServer = (await issuer.issue(leaf, kubernetesCa)).certificate;
const etcdServer = (await issuer.issue(leaf, someCa)).certificate;

const PKI = '/etc/kubernetes/pki';
const MARKED = '# Written by keelson.\n';
const roles = { 'worker-0': 'worker', 'cp-0': 'control-plane', 'etcd-0': 'etcd' } as const;
type Name = keyof typeof roles;
const address = { 'worker-0': '10.77.0.30', 'cp-0': '10.77.0.20', 'etcd-0': '10.77.0.10' } as const;

function configOf(topology: 'stacked' | 'external', names: readonly Name[]): ClusterConfig {
  return ClusterConfig.parse({
    apiVersion: 'keelson.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'lab' },
    spec: {
      kubernetesVersion: 'v1.36.3',
      software: { source: 'preinstalled' },
      etcd: { topology },
      hosts: names.map((name) => ({ name, address: address[name], roles: [roles[name]] })),
    },
  });
}

const vault: VaultState = {
  is: 'open',
  identity: {
    clusterUid: 'uid-1',
    clusterToken: 'token-1',
    createdAt: '2026-01-01T00:00:00.000Z',
    etcd: { phase: 'handed-over', clusterId: 'c1' },
  },
  caCertificate: someCa.certificate,
  hasCaKey: true,
  clusterKeys: new Map([['kubernetes-ca', kubernetesCa.certificate]]),
  reseal: null,
};

/** A machine's text files, by path, and others that lie beside them. */
interface Machine {
  text?: Readonly<Record<string, string>>;
  others?: readonly string[];
  node?: Partial<NodeFact>;
  data?: boolean;
}

const prepared = { [paths.nodeSysctls]: MARKED, [paths.nodeModules]: MARKED, [paths.kubeadmDropIn]: MARKED };
const worker: Machine = {
  text: { ...prepared, [`${PKI}/ca.crt`]: kubernetesCa.certificate },
  node: { kubeconfigs: new Set(['kubelet']) },
};
const controlPlane: Machine = {
  text: {
    ...prepared,
    [`${PKI}/ca.crt`]: kubernetesCa.certificate,
    [`${PKI}/apiserver.crt`]: apiServer,
    [etcdCa.certPath]: someCa.certificate,
    [`${PKI}/etcd/server.crt`]: etcdServer,
  },
  others: [`${PKI}/ca.key`, `${PKI}/apiserver.key`, `${PKI}/etcd/server.key`, '/etc/kubernetes/manifests/theirs.yaml'],
  node: { kubeconfigs: new Set(['admin', 'kubelet']), manifests: new Set(['kube-apiserver', 'etcd', 'theirs']) },
  data: true,
};

function factsOf(host: HostId, { text = {}, others = [], node = {}, data = false }: Machine): HostFacts {
  const all = [...Object.keys(text), ...others];
  const nothing = { kubeconfigs: new Set<string>(), manifests: new Set<string>(), sysctls: new Map(), kubeadmPids: [] };
  const values = {
    machine: { machineId: `machine-${host}` },
    record: {
      is: 'record',
      record: { clusterUid: 'uid-1', clusterName: 'lab', host, machineId: `machine-${host}`, etcdClusterId: 'c1' },
    },
    files: {
      at: new Map(all.map((path) => [path, file()])),
      text: new Map(Object.entries(text)),
      entries: all.map((path) => ({ type: 'file', mode: '600', owner: 'root', path })),
      publicKeys: new Map(
        others.includes(`${PKI}/ca.key`)
          ? [[`${PKI}/ca.key`, parseCertificate(kubernetesCa.certificate).publicKeySpkiSha256]]
          : [],
      ),
    },
    units: new Map([['kubelet.service', unit()]]),
    artefacts: new Map(),
    etcdData: data ? { is: 'data', mode: '700', owner: 'root:root' } : { is: 'absent' },
    etcdProcess: { is: 'absent' },
    node: { ...nothing, kubeletConfigured: true, hasOverlay: true, caSha256: null, ...node },
  };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, known(value)]),
  ) as unknown as HostFacts;
}

function viewOf(
  config: ClusterConfig,
  machines: Readonly<Record<string, Machine>>,
  more: Partial<ClusterFacts> = {},
): View {
  const hosts = new Map(
    Object.entries(machines).map(([name, machine]) => [hostId(name), factsOf(hostId(name), machine)]),
  );
  return {
    desired: desire(config, vault, { source: 'preinstalled' }),
    facts: { hosts, etcd: known({ endpoints: new Map() }), kube: kube(null), vault: known(vault), ...more },
  };
}

function kube(nodes: readonly string[] | null): ClusterFacts['kube'] {
  const cluster = nodes === null ? null : { nodes: new Map(nodes.map((name) => [name, {}])) };
  return known({ servers: new Map(), cluster } as unknown as KubeFacts);
}

function planned(view: View, hosts: readonly string[], scope: 'cluster' | 'hosts' = 'cluster'): PlanResult {
  const intent = { kind: 'reset', scope, hosts: hosts.map(hostId), except: [] } as const;
  return plan(view, intent, standardPolicy, configDigest(view.desired.config), '2026-01-01T00:00:00.000Z');
}

function changesOf(view: View, name: string): string[] {
  const check = resetHost.bind({ scope: 'cluster' }, hostId(name)).judge(view);
  return check.is === 'needed' ? check.changes.map((change) => change.summary) : [check.is];
}

const stacked = configOf('stacked', ['cp-0', 'worker-0']);

describe('what a reset takes from a node', () => {
  it('of a control plane: kubeadm’s files, its etcd’s data, the pods and their network', () => {
    const changes = changesOf(viewOf(stacked, { 'cp-0': controlPlane }), 'cp-0');
    expect(changes).toMatchInlineSnapshot(`
      [
        "remove /etc/kubernetes/manifests/kube-apiserver.yaml",
        "remove /etc/kubernetes/manifests/etcd.yaml",
        "stop kubelet.service",
        "disable kubelet.service",
        "end all pods",
        "remove the firewall’s chains and tables of kube-proxy, flannel and its CNI plug-ins",
        "remove the interfaces cni0 and flannel.1, and what flannel and its CNI plug-ins keep",
        "remove /var/lib/etcd: all data of the member; the folder stays if it is a mount point or holds anything else",
        "remove /var/lib/kubelet",
        "remove /var/log/pods",
        "remove /var/log/containers",
        "remove /etc/kubernetes/pki/ca.key",
        "remove /etc/kubernetes/pki/ca.crt",
        "remove /etc/kubernetes/pki/apiserver.key",
        "remove /etc/kubernetes/pki/apiserver.crt",
        "remove /etc/kubernetes/pki/etcd/server.key",
        "remove /etc/kubernetes/pki/etcd/server.crt",
        "remove /etc/kubernetes/pki/etcd/ca.crt",
        "remove /etc/kubernetes/admin.conf",
        "remove /etc/kubernetes/kubelet.conf",
        "remove /etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
        "remove /etc/modules-load.d/keelson.conf",
        "remove /etc/sysctl.d/99-keelson.conf",
        "remove /var/lib/keelson, but for the fencing number that keeps old runs out",
        "remove /etc/keelson with /etc/keelson/host.json, last: lab then knows nothing of this machine",
      ]
    `);
  });

  it('of a worker: the same, without etcd', () => {
    const changes = changesOf(viewOf(stacked, { 'worker-0': { ...worker, data: true } }), 'worker-0');
    expect(changes).toMatchInlineSnapshot(`
      [
        "stop kubelet.service",
        "disable kubelet.service",
        "end all pods",
        "remove the firewall’s chains and tables of kube-proxy, flannel and its CNI plug-ins",
        "remove the interfaces cni0 and flannel.1, and what flannel and its CNI plug-ins keep",
        "remove /var/lib/kubelet",
        "remove /var/log/pods",
        "remove /var/log/containers",
        "remove /etc/kubernetes/pki/ca.crt",
        "remove /etc/kubernetes/kubelet.conf",
        "remove /etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
        "remove /etc/modules-load.d/keelson.conf",
        "remove /etc/sysctl.d/99-keelson.conf",
        "remove /var/lib/keelson, but for the fencing number that keeps old runs out",
        "remove /etc/keelson with /etc/keelson/host.json, last: lab then knows nothing of this machine",
      ]
    `);
  });

  it('names what lies beside it and stays', () => {
    const result = planned(viewOf(stacked, { 'cp-0': controlPlane, 'worker-0': worker }), ['cp-0', 'worker-0']);
    expect(result.ok && result.warnings.map((w) => w.message)).toEqual([
      'not keelson’s, and left on cp-0: /etc/kubernetes/manifests/theirs.yaml',
    ]);
  });

  it('nothing by the name alone: a machine that keelson has only claimed keeps what is on it', () => {
    const { [paths.nodeSysctls]: _, [paths.nodeModules]: __, ...text } = { ...controlPlane.text };
    const changes = changesOf(viewOf(stacked, { 'cp-0': { ...controlPlane, text } }), 'cp-0');
    expect(
      changes.filter((line) => /\.conf$|manifests|apiserver|pods/.test(line) && !line.includes('10-kubeadm')),
    ).toEqual([]);
  });

  it('no data of an etcd that kubeadm has not got to', () => {
    const begun: Machine = { text: prepared, data: true };
    expect(changesOf(viewOf(stacked, { 'cp-0': begun }), 'cp-0').join('\n')).not.toContain('/var/lib/etcd');
    const certified = { ...begun, text: { ...prepared, [`${PKI}/etcd/server.crt`]: etcdServer } };
    expect(changesOf(viewOf(stacked, { 'cp-0': certified }), 'cp-0').join('\n')).toContain('/var/lib/etcd');
  });

  it('no certificate that another authority signed', async () => {
    const foreign = (await issuer.issue(leaf, another)).certificate;
    const text = { ...controlPlane.text, [`${PKI}/apiserver.crt`]: foreign };
    const changes = changesOf(viewOf(stacked, { 'cp-0': { ...controlPlane, text } }), 'cp-0').join('\n');
    expect(changes).not.toContain('apiserver.crt');
    expect(changes).not.toContain('apiserver.key');
  });

  it('nothing when somebody has joined it to another cluster since', () => {
    const text = { ...worker.text, [clusterKeyFiles[0]?.public ?? '']: another.certificate };
    const result = planned(viewOf(stacked, { 'cp-0': controlPlane, 'worker-0': { ...worker, text } }), [
      'cp-0',
      'worker-0',
    ]);
    expect(result.ok ? [] : result.refusals.map((f) => [f.code, f.host])).toEqual([
      ['safety.foreign-host', 'worker-0'],
    ]);
  });
});

describe('what a reset takes of the load balancer', () => {
  const script = `#!/bin/sh\n${MARKED}set -eu\n`;
  const files = { [paths.haproxyConfig]: MARKED, [paths.keepalivedConfig]: MARKED, [paths.checkScript]: script };
  const seen = (text: Readonly<Record<string, string>>, units: readonly string[]): readonly string[] => {
    const view = viewOf(stacked, { 'cp-0': { text } });
    const facts = view.facts.hosts.get(hostId('cp-0'));
    if (facts !== undefined) facts.units = known(new Map(units.map((name) => [name, unit()])));
    return changesOf(view, 'cp-0').filter((line) => /haproxy|keepalived|kube-vip/.test(line));
  };
  const both = ['haproxy.service', 'keepalived.service'];

  it('the address first, then what answers at it, and only keelson’s', () => {
    expect(seen(files, both)).toEqual([
      'stop keepalived.service',
      'disable keepalived.service',
      'remove /etc/keepalived/keepalived.conf',
      'remove /etc/keepalived/check_apiserver.sh',
      'stop haproxy.service',
      'disable haproxy.service',
      'remove /etc/haproxy/haproxy.cfg',
    ]);
    expect(seen({ [paths.haproxyConfig]: 'frontend theirs\n', [paths.checkScript]: '#!/bin/sh\n' }, both)).toEqual([]);
    expect(seen({ [paths.checkScript]: script }, both)).toEqual(['remove /etc/keepalived/check_apiserver.sh']);
  });

  it('kube-vip’s static pod, with those of kubeadm', () => {
    expect(seen({ ...prepared, [paths.kubeVipManifest]: MARKED }, [])).toEqual([
      'remove /etc/kubernetes/manifests/kube-vip.yaml',
    ]);
    expect(seen({ ...prepared, [paths.kubeVipManifest]: 'kind: Pod\n' }, [])).toEqual([]);
  });
});

describe('in which order', () => {
  it('the machines: workers, control planes, an external etcd, and the vault last', () => {
    const config = configOf('external', ['etcd-0', 'cp-0', 'worker-0']);
    const { manifests: _, ...rest } = controlPlane.node ?? {};
    const external = { ...controlPlane, data: false, node: { ...rest, manifests: new Set(['kube-apiserver']) } };
    const view = viewOf(config, { 'etcd-0': {}, 'cp-0': external, 'worker-0': worker });
    const result = planned(view, ['etcd-0', 'cp-0', 'worker-0']);
    if (!result.ok) throw new Error(JSON.stringify(result.refusals));
    const { steps } = result.plan;
    expect(steps.map((s) => [s.kind, s.on])).toEqual([
      ['reset-host', 'worker-0'],
      ['reset-host', 'cp-0'],
      ['reset-host', 'etcd-0'],
      ['vault-retire', OPERATOR],
    ]);
    const needed = (on: string) =>
      steps.filter((s) => steps.find((x) => x.on === on)?.needs.includes(s.id)).map((s) => s.on);
    expect([needed('worker-0'), needed('cp-0'), needed('etcd-0')]).toEqual([[], ['worker-0'], ['worker-0', 'cp-0']]);
  });

  it('on a machine: manifests, kubelet, pods, data, network, state, files, and its record last', async () => {
    const view = viewOf(stacked, { 'cp-0': controlPlane });
    const ran: string[] = [];
    const answer = (command: ReadCommand | WriteCommand) => {
      const what =
        command.builder === 'systemctl' || command.builder === 'remove-paths'
          ? ` ${command.argv.slice(1).join(' ')}`
          : '';
      ran.push(`${command.builder}${what}`);
      return {
        exitCode: 0,
        stdout: command.builder === 'remove-pod-network' ? 'left|rules of iptables-nft\n' : '',
        stderr: '',
      };
    };
    const notes: string[] = [];
    const world = {
      host: {
        id: hostId('cp-0'),
        run: (command: WriteCommand) => Promise.resolve(answer(command)),
        runAll: (commands: readonly ReadCommand[]) => Promise.resolve(commands.map(answer)),
      },
      note: (text: string) => notes.push(text),
      signal: new AbortController().signal,
    } as unknown as World;
    await resetHost.bind({ scope: 'cluster' }, hostId('cp-0')).apply(world, view);
    expect(ran).toMatchInlineSnapshot(`
      [
        "remove-paths -rf --one-file-system -- /etc/kubernetes/manifests/kube-apiserver.yaml /etc/kubernetes/manifests/etcd.yaml",
        "systemctl stop kubelet.service",
        "systemctl disable kubelet.service",
        "end-pods",
        "remove-pod",
        "clear-data",
        "remove-pod-network",
        "remove-state",
        "remove-paths -rf --one-file-system -- /etc/kubernetes/pki/ca.key /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/apiserver.key /etc/kubernetes/pki/apiserver.crt /etc/kubernetes/pki/etcd/server.key /etc/kubernetes/pki/etcd/server.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/admin.conf /etc/kubernetes/kubelet.conf /etc/systemd/system/kubelet.service.d/10-kubeadm.conf /etc/modules-load.d/keelson.conf /etc/sysctl.d/99-keelson.conf",
        "systemctl daemon-reload",
        "remove-artefacts",
        "sweep-folders",
        "forget-machine",
      ]
    `);
    expect(notes).toContain('left until the next boot: rules of iptables-nft');
  });
});

describe('a node that cluster.yaml no longer lists', () => {
  const config = configOf('stacked', ['cp-0']);
  const reset = (kubeFact: ClusterFacts['kube']): PlanResult => {
    const endpoint = {
      status: { is: 'failed', message: 'not asked' },
      members: { is: 'ok', value: { clusterId: 'c1', members: [] } },
    };
    const etcd = known({ endpoints: new Map([[hostId('cp-0'), endpoint]]) }) as unknown as ClusterFacts['etcd'];
    return planned(
      viewOf(config, { 'cp-0': controlPlane, 'worker-0': worker }, { kube: kubeFact, etcd }),
      ['worker-0'],
      'hosts',
    );
  };

  it('is refused while the API server lists it, and says what to do', () => {
    const result = reset(kube(['cp-0', 'worker-0']));
    expect(result.ok ? [] : result.refusals.map((f) => [f.code, f.action])).toEqual([
      ['reset.current-member', expect.stringContaining('kubectl drain worker-0')],
    ]);
  });

  it('is refused while no API server can be asked', () => {
    const result = reset(kube(null));
    expect(result.ok ? [] : result.refusals.map((f) => f.code)).toEqual(['safety.unknown-fact']);
  });

  it('is reset when it is none any more', () => {
    const result = reset(kube(['cp-0']));
    expect(result.ok && result.plan.steps.map((s) => [s.kind, s.on])).toEqual([['reset-host', 'worker-0']]);
  });
});
