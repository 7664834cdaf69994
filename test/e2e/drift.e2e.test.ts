import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EtcdGateway } from './etcd-gateway.ts';
import { eventsOf, overlappingDisturbances } from './events.ts';
import { createTestCluster, type TestCluster } from './harness.ts';
import { ofAll, processesOf, type ServiceProcesses, treeDifferences, treeOf } from './machine-state.ts';
import { expectNothingLost, expectSameContents, type Watched, watchCluster } from './watched-cluster.ts';

const names = ['etcd-0', 'etcd-1', 'etcd-2'] as const;
const PKI = '/etc/kubernetes/pki';

type Service = keyof ServiceProcesses;

interface Drift {
  readonly what: string;
  /** What happens to the machine. */
  readonly damage: string;
  /** What the plan says of it. */
  readonly says: RegExp;
  /** Services of that machine that may be other processes afterwards. */
  readonly restarts?: readonly Service[];
}

const kubelet: readonly Service[] = ['kubelet'];
// The unit of either may ask for the other.
const runtime: readonly Service[] = ['containerd', 'kubelet'];
const dropIn = '/etc/systemd/system/kubelet.service.d/99-etcd-service-manager.conf';
const manifest = '/etc/kubernetes/manifests/etcd.yaml';

/** In each round every machine drifts in its own way; in none would two members be down at once. */
const rounds: readonly (readonly [Drift, Drift, Drift])[] = [
  [
    {
      what: 'a byte of a certificate',
      damage: `sed -i '5s/./#/10' ${PKI}/etcd/server.crt`,
      says: /server\.crt/,
    },
    {
      what: 'the mode of a certificate',
      damage: `chmod 666 ${PKI}/apiserver-etcd-client.crt`,
      says: /mode of \S+apiserver-etcd-client\.crt 666 -> 644/,
    },
    {
      what: 'a byte of the kubelet’s configuration',
      damage: `sed -i 's/readOnlyPort: 0/readOnlyPort: 1/' /etc/keelson/kubelet.yaml`,
      says: /change \/etc\/keelson\/kubelet\.yaml/,
      restarts: kubelet,
    },
  ],
  [
    {
      what: 'a byte of the drop-in',
      damage: `printf ' ' >> ${dropIn}`,
      says: /change \S+99-etcd-service-manager\.conf/,
      restarts: kubelet,
    },
    {
      what: 'a byte of the CA’s certificate',
      damage: `sed -i '5s/./#/10' ${PKI}/etcd/ca.crt`,
      says: /etcd\/ca\.crt/,
    },
    {
      what: 'a stray ca.key',
      damage: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ${PKI}/etcd/ca.key`,
      says: /remove \S+ca\.key/,
    },
  ],
  [
    {
      what: 'a disabled containerd',
      damage: 'systemctl disable containerd',
      says: /enable containerd/,
      restarts: runtime,
    },
    {
      what: 'a byte of etcd’s manifest',
      damage: `sed -i 's/--snapshot-count=10000/--snapshot-count=10001/' ${manifest}`,
      says: /change \/etc\/kubernetes\/manifests\/etcd\.yaml/,
      restarts: ['etcd'],
    },
    {
      what: 'the mode of a private key',
      damage: `chmod 644 ${PKI}/etcd/server.key`,
      says: /server\.crt: its private key is root:root 644/,
    },
  ],
  [
    {
      what: 'a missing drop-in',
      damage: `rm ${dropIn} && systemctl daemon-reload`,
      says: /create \S+99-etcd-service-manager\.conf/,
      restarts: kubelet,
    },
    {
      what: 'the mode of the data directory',
      damage: 'chmod 755 /var/lib/etcd',
      says: /\/var\/lib\/etcd 755/,
    },
    {
      what: 'the owner of the kubelet’s configuration',
      damage: 'chown nobody:nogroup /etc/keelson/kubelet.yaml',
      says: /owner of \/etc\/keelson\/kubelet\.yaml nobody:nogroup -> root:root/,
      restarts: kubelet,
    },
  ],
  [
    {
      what: 'a stopped kubelet',
      damage: 'systemctl stop kubelet',
      says: /start kubelet/,
      restarts: kubelet,
    },
    {
      what: 'a missing manifest, so that etcd stops',
      damage: `rm ${manifest}; while pgrep -x etcd; do sleep 0.1; done`,
      says: /create \/etc\/kubernetes\/manifests\/etcd\.yaml/,
      restarts: ['etcd'],
    },
    {
      what: 'a missing host record',
      damage: 'rm /etc/keelson/host.json',
      says: /create \/etc\/keelson\/host\.json/,
    },
  ],
  [
    {
      what: 'the owner of a certificate',
      damage: `chown nobody ${PKI}/etcd/healthcheck-client.crt`,
      says: /owner of \S+healthcheck-client\.crt nobody:root -> root:root/,
    },
    {
      what: 'a stopped containerd',
      damage: 'systemctl stop containerd',
      says: /start containerd/,
      restarts: runtime,
    },
    {
      what: 'a removed key',
      damage: `rm ${PKI}/etcd/peer.key`,
      says: /peer\.crt: its private key is missing/,
    },
  ],
  // Whoever leads: the one that is started has to connect to a member whose certificate was damaged.
  [
    {
      what: 'a missing manifest, so that etcd stops',
      damage: `rm ${manifest}; while pgrep -x etcd; do sleep 0.1; done`,
      says: /create \/etc\/kubernetes\/manifests\/etcd\.yaml/,
      restarts: ['etcd'],
    },
    {
      what: 'a byte of the peers’ certificate',
      damage: `sed -i '3s/./X/5' ${PKI}/etcd/peer.crt`,
      says: /replace \S+peer\.crt/,
    },
    {
      what: 'a byte of the peers’ certificate',
      damage: `sed -i '3s/./X/5' ${PKI}/etcd/peer.crt`,
      says: /replace \S+peer\.crt/,
    },
  ],
  [
    {
      what: 'the owner of etcd’s manifest',
      damage: `chown nobody ${manifest}`,
      says: /owner of \S+etcd\.yaml nobody:root -> root:root/,
    },
    {
      what: 'the mode of kubeadm’s configuration',
      damage: 'chmod 644 /etc/keelson/kubeadmcfg.yaml',
      says: /mode of \/etc\/keelson\/kubeadmcfg\.yaml 644 -> 600/,
    },
    {
      what: 'a disabled kubelet',
      damage: 'systemctl disable kubelet',
      says: /enable kubelet/,
      restarts: kubelet,
    },
  ],
];

interface PlanDocument {
  readonly steps: readonly {
    readonly on: string;
    readonly kind: string;
    readonly changes: readonly { readonly summary: string }[];
  }[];
  readonly refusals: readonly unknown[];
}

describe('drift on a cluster that a client writes to all the time', () => {
  let cluster: TestCluster;
  let members: readonly EtcdGateway[];
  let watched: Watched;
  beforeAll(async () => {
    cluster = await createTestCluster({ name: 'e2e-drift', source: 'bundle' });
    await cluster.install();
    members = await cluster.gateways();
    watched = watchCluster(members, 'drift');
  });
  afterAll(async () => {
    await watched?.stop().catch(() => undefined);
    await cluster?.[Symbol.asyncDispose]();
  });

  /** Applies, and nothing is left to do; never were two machines disturbed at a time. */
  const mend = async (): Promise<void> => {
    const ran = await cluster.keelsonEnds(0, ['apply', '--yes', '-o', 'json']);
    const events = eventsOf(ran);
    expect(events.map((e) => e.type)).toContain('run.finished');
    expect(overlappingDisturbances(events)).toEqual([]);
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  };

  const cases = rounds.map(
    (round) => [round.map((drift, n) => `${drift.what} on etcd-${n}`).join('; '), round] as const,
  );

  it.each(cases)('%s', async (_name, round) => {
    const before = await ofAll(cluster.machines(), processesOf);
    for (const [n, { damage }] of round.entries()) await cluster.machine(`etcd-${n}`).exec(['sh', '-euc', damage]);

    const plan: PlanDocument = await cluster.document(0, ['plan']);
    expect(plan.refusals).toEqual([]);
    for (const [n, { says }] of round.entries()) {
      const steps = plan.steps.filter((s) => s.on === `etcd-${n}`);
      expect(steps.flatMap((s) => s.changes.map((c) => c.summary)).join('\n')).toMatch(says);
    }
    await mend();

    const after = await ofAll(cluster.machines(), processesOf);
    for (const [n, { restarts = [] }] of round.entries()) {
      for (const service of ['kubelet', 'containerd', 'etcd'] as const) {
        const [old, now] = [before[`etcd-${n}`]?.[service], after[`etcd-${n}`]?.[service]];
        expect(now, `${service} on etcd-${n}`).toHaveLength(1);
        if (!restarts.includes(service)) expect(now, `${service} on etcd-${n}`).toEqual(old);
      }
    }
  });

  it('a machine that has not drifted is left alone while another is mended', async () => {
    const others = [cluster.machine('etcd-1'), cluster.machine('etcd-2')];
    const look = () => ofAll(others, (m) => treeOf(m, ['/etc', '/var/lib/kubelet', '/var/lib/keelson'], ['/etc']));
    const before = await look();
    await cluster.machine('etcd-0').exec(['rm', dropIn]);
    await mend();
    const after = await look();
    for (const { name } of others) {
      const [old, now] = [before[name], after[name]];
      if (old === undefined || now === undefined) throw new Error(`${name} was not looked at`);
      // The lock leaves its traces on every machine, and so does nothing else.
      expect(treeDifferences(old, now).filter((line) => !/\/var\/lib\/(?:keelson|kubelet)/.test(line))).toEqual([]);
    }
  });

  it('somebody else’s drop-in that would win is named, and nothing is changed; when it is gone the kubelet is ours again', async () => {
    const machine = cluster.machine('etcd-1');
    const before = await ofAll(cluster.machines(), processesOf);
    const foreign = '/etc/systemd/system/kubelet.service.d/zz-foreign.conf';
    const program = '/usr/local/bin/kubelet --config=/etc/keelson/kubelet.yaml --v=3';
    await machine.exec(['sh', '-euc', `printf '[Service]\\nExecStart=\\nExecStart=${program}\\n' > ${foreign}`]);
    // Whether systemd has read it yet or not.
    for (const load of ['true', 'systemctl daemon-reload && systemctl restart kubelet']) {
      await machine.exec(['sh', '-euc', load]);
      const plan: PlanDocument = await cluster.document(5, ['plan']);
      expect(plan.refusals).toMatchObject([{ code: 'kubelet.overridden', host: 'etcd-1' }]);
      expect(JSON.stringify(plan.refusals)).toContain(foreign);
      await cluster.keelsonEnds(5, ['apply', '--yes']);
    }
    // The file is gone, the process that it started is not.
    await machine.exec(['sh', '-euc', `rm ${foreign} && systemctl daemon-reload`]);
    await mend();
    const after = await ofAll(cluster.machines(), processesOf);
    expect(after['etcd-1']?.etcd).toEqual(before['etcd-1']?.etcd);
    expect(after['etcd-2']).toEqual(before['etcd-2']);
    const { stdout } = await machine.exec(['sh', '-c', 'tr "\\0" " " </proc/$(pgrep -x kubelet)/cmdline']);
    expect(stdout.trim()).toBe('/usr/local/bin/kubelet --config=/etc/keelson/kubelet.yaml');
  });

  it('three members that all need a restart get it one after the other', async () => {
    const before = await ofAll(cluster.machines(), processesOf);
    // The kubelets stop first: they would follow their manifests all at once.
    for (const machine of cluster.machines()) {
      await machine.exec(['systemctl', 'stop', 'kubelet']);
      await machine.exec(['sed', '-i', 's/--snapshot-count=10000/--snapshot-count=10002/', manifest]);
    }
    const plan: PlanDocument = await cluster.document(0, ['plan']);
    expect(new Set(plan.steps.map((s) => s.on))).toEqual(new Set(names));
    await mend();
    const after = await ofAll(cluster.machines(), processesOf);
    for (const name of names) {
      expect(after[name]).toMatchObject({ kubelet: [{}], containerd: [{}], etcd: [{}] });
      expect(after[name]?.kubelet).not.toEqual(before[name]?.kubelet);
    }
  });

  it('no acknowledged write is lost, and two members were there at every moment', async () => {
    const { load, quorum } = await watched.stop();
    await expectNothingLost(members, load);
    await expectSameContents(members);
    expect(quorum.overlaps).toEqual([]);
    expect(quorum.questions).toBeGreaterThan(500);
    // Members were restarted: a watch that saw none go is blind.
    expect(quorum.outages.length).toBeGreaterThan(0);
    expect(load.longestSilenceMs).toBeLessThan(10_000);
  });
});
