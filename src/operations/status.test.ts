import { describe, expect, it } from 'vitest';
import { goodLeaf, placed, someCa } from '../../test/checks/certificates.ts';
import { answering, endpoints, failed, listed, silent } from '../../test/checks/members.ts';
import { AT, disks, GiB, known, openVault, runsEtcd, type Scene, scene, unit } from '../../test/checks/scene.ts';
import { etcdCa } from '../desired/certificates.ts';
import { hostId } from '../model/ids.ts';
import { parseCertificate } from '../model/x509.ts';
import { createIssuer } from '../pki/issuer.ts';
import type { PlannedStep, PlanResult } from '../plan/types.ts';
import type { VaultState } from '../ports/vault.ts';
import { statusReport } from './status.ts';

const empty: PlanResult = {
  ok: true,
  warnings: [],
  plan: { digest: '' as never, intent: { kind: 'apply' }, basis: { config: '' as never, at: AT }, steps: [] },
};

/** A founded cluster whose three members run and answer; `change` spoils it. */
function report(change: Scene = {}, plan: PlanResult = empty, at = AT) {
  const facts = Object.fromEntries(
    ['etcd-0', 'etcd-1', 'etcd-2'].map((host) => [host, { ...runsEtcd(), ...change.facts?.[host] }]),
  );
  const { view, preflight } = scene({ vault: openVault('handed-over'), etcd: endpoints(), ...change, facts });
  return statusReport({ view, result: plan }, preflight, new Date(at));
}

const told = (r: ReturnType<typeof report>): string[] =>
  r.findings.map((f) => `${f.severity} ${f.code} ${f.host ?? '-'}: ${f.message}`);
const refusing = (
  code: 'safety.data-gone' | 'change.ports' | 'safety.quorum' | 'safety.vault-lost' | 'software.bundle',
  host?: string,
): PlanResult => ({
  ok: false,
  warnings: [],
  refusals: [
    {
      code,
      severity: 'error',
      message: 'refused',
      action: 'do',
      ...(host === undefined ? {} : { host: hostId(host) }),
    },
  ],
});
const lost = { etcdData: { is: 'empty', mode: '700', owner: 'root:root' }, etcdProcess: { is: 'absent' } } as const;

describe('a healthy cluster', () => {
  it('is healthy, and says who leads and what it tolerates', () => {
    const { healthy, findings, etcd } = report();
    expect({ healthy, findings }).toEqual({ healthy: true, findings: [] });
    expect(etcd).toMatchObject({
      clusterId: 'c1',
      phase: 'handed-over',
      leader: 'etcd-1',
      asked: true,
      quorum: { voters: 3, learners: 0, healthy: 3, needed: 2, tolerates: 1 },
    });
    expect(etcd.members[0]).toEqual({
      name: 'etcd-0',
      id: 'a0',
      host: 'etcd-0',
      peerUrls: ['https://10.77.0.10:2380'],
      clientUrls: ['https://10.77.0.10:2379'],
      role: 'voter',
      leader: false,
      healthy: true,
      health: 'healthy',
      version: '3.6.8',
      dbSizeBytes: 20_480,
      raftIndex: '1000',
      problems: [],
    });
  });
});

interface Case {
  when: string;
  scene: Scene;
  plan?: PlanResult;
  says: readonly string[];
  healthy?: boolean;
  quorum?: object;
}

const leaderless = { status: { leaderId: null, errors: ['etcdserver: no leader'] } };
const cases: readonly Case[] = [
  {
    when: 'one member is down',
    scene: { etcd: endpoints({ 'etcd-2': silent(2) }), facts: { 'etcd-2': { etcdProcess: { is: 'absent' } } } },
    says: [
      'error status.member-down etcd-2: member etcd-2 is not healthy: no etcd runs on the machine and nothing listens at 10.77.0.12:2379',
    ],
    quorum: { voters: 3, healthy: 2, unknown: 0, needed: 2, held: true, tolerates: 0 },
  },
  {
    when: 'one machine is away',
    scene: { away: ['etcd-2'], etcd: endpoints({ 'etcd-2': silent(2, 'unreachable') }) },
    says: ['error host.unreachable etcd-2: it does not answer; whether its member is healthy is not known'],
    quorum: { voters: 3, healthy: 2, unknown: 1, needed: 2, held: true, tolerates: 0 },
  },
  {
    when: 'one machine is away and its member was asked by another way',
    scene: { away: ['etcd-2'] },
    says: ['warning host.unreachable etcd-2: it does not answer; its member answers and is healthy'],
    healthy: true,
    quorum: { voters: 3, healthy: 3, unknown: 0, needed: 2, held: true, tolerates: 1 },
  },
  {
    when: 'one machine is away and another way leads to no etcd there',
    scene: { away: ['etcd-2'], etcd: endpoints({ 'etcd-2': silent(2) }) },
    says: [
      'error host.unreachable etcd-2: it does not answer',
      'error status.member-down etcd-2: member etcd-2 is not healthy: the machine cannot be looked at and nothing listens at 10.77.0.12:2379',
    ],
    quorum: { voters: 3, healthy: 2, unknown: 0, held: true, tolerates: 0 },
  },
  {
    when: 'sshd on one machine forwards nothing',
    scene: { etcd: endpoints({ 'etcd-2': silent(2, 'unreachable') }) },
    says: [
      'error status.member-unknown-health etcd-2: whether member etcd-2 is healthy is not known: 10.77.0.12:2379 cannot be reached',
    ],
    quorum: { voters: 3, healthy: 2, unknown: 1, held: true, tolerates: 0 },
  },
  {
    when: 'one member sees no leader and the others may have one among themselves',
    scene: {
      away: ['etcd-1', 'etcd-2'],
      etcd: endpoints({
        'etcd-0': answering(0, leaderless),
        'etcd-1': silent(1, 'unreachable'),
        'etcd-2': silent(2, 'unreachable'),
      }),
    },
    says: [
      'error status.out-of-reach -: too few of 3 members can be reached from here: whether there is a quorum is not known',
      'error status.member-down etcd-0: member etcd-0 is not healthy: it sees no leader',
      'error host.unreachable etcd-1: it does not answer; whether its member is healthy is not known',
      'error host.unreachable etcd-2: it does not answer; whether its member is healthy is not known',
    ],
    quorum: { voters: 3, healthy: 0, unknown: 2, held: null, tolerates: 0 },
  },
  {
    when: 'only one member is in sight, and it has a quorum behind it',
    scene: {
      away: ['etcd-1', 'etcd-2'],
      etcd: endpoints({ 'etcd-1': silent(1, 'unreachable'), 'etcd-2': silent(2, 'unreachable') }),
    },
    says: [
      'error host.unreachable etcd-1: it does not answer; whether its member is healthy is not known',
      'error host.unreachable etcd-2: it does not answer; whether its member is healthy is not known',
    ],
    quorum: { voters: 3, healthy: 1, unknown: 2, needed: 2, held: true, tolerates: 0 },
  },
  {
    when: 'nobody is in sight',
    scene: {
      etcd: endpoints({ 'etcd-0': silent(0, 'unreachable'), 'etcd-1': silent(1, 'timeout'), 'etcd-2': silent(2) }),
    },
    says: [
      'error status.out-of-reach -: too few of 3 members can be reached from here: whether there is a quorum is not known',
    ],
  },
  {
    when: 'the quorum is lost',
    scene: { etcd: endpoints({ 'etcd-0': answering(0, leaderless), 'etcd-1': silent(1), 'etcd-2': silent(2) }) },
    says: [
      'error status.quorum-lost -: the quorum is lost: 0 of 3 voters healthy, 2 needed',
      'error status.member-down etcd-0: member etcd-0 is not healthy: it sees no leader',
      'error status.member-down etcd-1: member etcd-1 is not healthy: nothing listens at 10.77.0.11:2379',
      'error status.member-down etcd-2: member etcd-2 is not healthy: nothing listens at 10.77.0.12:2379',
    ],
    quorum: { voters: 3, healthy: 0, needed: 2, tolerates: 0 },
  },
  {
    when: 'enough members have no leader',
    scene: {
      etcd: endpoints({
        'etcd-0': answering(0, leaderless),
        'etcd-1': answering(1, leaderless),
        'etcd-2': answering(2, leaderless),
      }),
    },
    says: [
      'error status.no-leader -: 3 of 3 voters answer and have no leader',
      'error status.member-down etcd-0: member etcd-0 is not healthy: it sees no leader',
      'error status.member-down etcd-1: member etcd-1 is not healthy: it sees no leader',
      'error status.member-down etcd-2: member etcd-2 is not healthy: it sees no leader',
    ],
  },
  {
    when: 'one member has lost its data',
    scene: {
      etcd: endpoints({ 'etcd-2': silent(2) }),
      facts: { 'etcd-2': { ...lost, units: new Map([['kubelet.service', unit('inactive')]]) } },
    },
    plan: refusing('safety.data-gone', 'etcd-2'),
    says: ['error safety.data-gone etcd-2: refused'],
  },
  {
    when: 'two members have lost their data',
    scene: {
      etcd: endpoints({ 'etcd-0': answering(0, leaderless), 'etcd-1': silent(1), 'etcd-2': silent(2) }),
      facts: { 'etcd-1': lost, 'etcd-2': lost },
    },
    plan: refusing('safety.data-gone', 'etcd-2'),
    says: [
      'error status.quorum-lost -: the quorum is lost: 0 of 3 voters healthy, 2 needed, and the data of etcd-1 and etcd-2 is gone',
      'error status.member-down etcd-0: member etcd-0 is not healthy: it sees no leader',
      'error safety.data-gone etcd-2: refused',
    ],
  },
  {
    when: 'a member answers for another cluster',
    scene: { etcd: endpoints({ 'etcd-2': answering(2, { status: { clusterId: 'c9' } }) }) },
    says: [
      'error safety.cluster-id -: members answer for etcd cluster c9; the vault knows c1',
      'error status.cluster-split -: the members answer for 2 clusters: c1, c9',
      'error status.member-down etcd-2: member etcd-2 is not healthy: it is a member of cluster c9',
    ],
  },
  {
    when: 'a member is a learner',
    scene: {
      etcd: endpoints(
        Object.fromEntries(
          [0, 1, 2].map((n) => [
            `etcd-${n}`,
            answering(n, {
              list: [listed(0), listed(1), listed(2, { isLearner: true })],
              status: n === 2 ? { isLearner: true, raftIndex: '400' } : {},
            }),
          ]),
        ),
      ),
    },
    says: ['warning status.learner etcd-2: member etcd-2 is a learner without a vote: it has 40 % of the leader’s log'],
    quorum: { voters: 2, learners: 1, healthy: 2, needed: 2, tolerates: 0 },
  },
  {
    when: 'somebody added a learner that never started, and removed a member',
    scene: {
      etcd: endpoints({
        ...Object.fromEntries(
          [0, 1].map((n) => [
            `etcd-${n}`,
            answering(n, {
              list: [
                listed(0),
                listed(1),
                { id: 'bb', name: '', peerUrls: ['https://10.77.0.99:2380'], clientUrls: [], isLearner: true },
              ],
            }),
          ]),
        ),
        'etcd-2': silent(2),
      }),
    },
    says: [
      'error status.member-unknown -: etcd has a member without a name (https://10.77.0.99:2380), id bb, that cluster.yaml does not know',
      'error status.learner -: the learner at https://10.77.0.99:2380 does not answer; it blocks every other change of members',
      'error status.member-missing etcd-2: etcd-2 is not in etcd’s member list',
    ],
    quorum: { voters: 2, learners: 1, healthy: 2, needed: 2, tolerates: 0 },
  },
  {
    when: 'the database is full',
    // 161 is a1: every member tells of it.
    scene: {
      etcd: endpoints(
        Object.fromEntries(
          [0, 1, 2].map((n) => [
            `etcd-${n}`,
            answering(n, {
              status: {
                errors: ['memberID:161 alarm:NOSPACE '],
                dbSizeBytes: 2_147_483_648,
                dbSizeInUseBytes: 100_000,
                quotaBytes: n === 1 ? 2_147_483_648 : 0,
              },
            }),
          ]),
        ),
      ),
    },
    says: [
      'error status.alarm-nospace -: alarm NOSPACE raised by etcd-1: the database has reached its quota; etcd takes no writes until the alarm is disarmed, only reads and deletes',
      'error status.database-size etcd-0: the database of etcd-0 is 2 GiB of 2 GiB (100 %), 0 MiB of it in use',
      'error status.database-size etcd-1: the database of etcd-1 is 2 GiB of 2 GiB (100 %), 0 MiB of it in use',
      'error status.database-size etcd-2: the database of etcd-2 is 2 GiB of 2 GiB (100 %), 0 MiB of it in use',
    ],
  },
  {
    when: 'a disk is full, another one fills up and a third is small',
    scene: {
      preflight: {
        'etcd-0': {
          disks: disks({ '/var/lib/etcd': { mount: '/var/lib/etcd', sizeBytes: 3 * GiB, availableBytes: 2 * GiB } }),
        },
        'etcd-1': { disks: disks({ '/var/lib/etcd': { mount: '/var/lib/etcd', availableBytes: 50 * 2 ** 20 } }) },
        'etcd-2': { disks: disks({ '/var/lib/etcd': { mount: '/var/lib/etcd', availableBytes: 2 * GiB } }) },
      },
    },
    says: [
      'error check.disk-space etcd-1: /var/lib/etcd on etcd-1 has 50 MiB free; 128 MiB are needed for etcd’s data',
      'warning check.disk-space etcd-2: /var/lib/etcd on etcd-2 has 2 GiB free; 2.9 GiB may be needed in time for etcd’s data',
      'info check.disk-space etcd-0: /var/lib/etcd on etcd-0 has 2 GiB free; 2.9 GiB may be needed in time for etcd’s data',
    ],
  },
  {
    when: 'a disk was mounted read-only after an error',
    scene: {
      preflight: { 'etcd-1': { disks: disks({ '/var/lib/etcd': { mount: '/var/lib/etcd', writable: false } }) } },
    },
    says: ['error check.file-system etcd-1: /var/lib/etcd on etcd-1, which holds /var/lib/etcd, is read-only'],
  },
  {
    when: 'members differ, and the database grows',
    scene: {
      spec: '  etcd: { quotaBackendBytes: 100Mi }',
      etcd: endpoints({
        'etcd-0': answering(0, {
          status: {
            errors: ['memberID:160 alarm:CORRUPT '],
            dbSizeBytes: 85 * 2 ** 20,
            dbSizeInUseBytes: 80 * 2 ** 20,
          },
        }),
      }),
    },
    says: [
      'error status.alarm-corrupt -: alarm CORRUPT raised by etcd-0: members hold different data at the same revision; what clients read depends on the member they ask',
      'warning status.database-size etcd-0: the database of etcd-0 is 85 MiB of 100 MiB (85 %), 80 MiB of it in use',
    ],
  },
  {
    when: 'versions differ and a kubelet is stopped',
    scene: {
      etcd: endpoints({ 'etcd-0': answering(0, { status: { version: '3.6.9' } }) }),
      facts: { 'etcd-1': { units: new Map([['kubelet.service', unit('failed')]]) } },
    },
    says: [
      'warning status.version-skew -: members run different versions of etcd: 3.6.9 on etcd-0 and 3.6.8 on etcd-1 and etcd-2',
      'warning status.kubelet etcd-1: the kubelet on etcd-1 is failed: nobody would start etcd again there',
    ],
    healthy: true,
  },
  {
    when: 'the configuration asks for what cannot be done yet',
    scene: {},
    plan: refusing('change.ports'),
    says: ['warning change.ports -: refused'],
    healthy: true,
  },
  {
    when: 'a plan would be refused for a reason that is no state',
    scene: {},
    plan: refusing('safety.quorum', 'etcd-0'),
    says: [],
    healthy: true,
  },
  {
    when: 'the CA key is lost',
    scene: { vault: openVault('handed-over', { hasCaKey: false }), etcd: known({ endpoints: new Map() }) },
    says: [
      'error vault.ca-key-missing -: the vault has lost the CA’s private key, so that the members cannot be asked; only what the machines show is shown: etcd runs on etcd-0, etcd-1 and etcd-2',
    ],
  },
  {
    when: 'nothing has been founded',
    scene: {
      vault: { is: 'absent' },
      etcd: known({ endpoints: new Map() }),
      facts: { 'etcd-0': lost, 'etcd-1': lost, 'etcd-2': lost },
    },
    says: ['warning status.not-founded -: lab has not been founded'],
  },
  {
    when: 'it is being founded',
    scene: { vault: openVault('founding'), etcd: endpoints({ 'etcd-2': silent(2) }) },
    says: [
      'warning status.not-founded -: the founding of lab is not finished: not all members have been seen to vote yet',
    ],
  },
];

describe('a cluster in trouble', () => {
  it.each(cases)('when $when', ({ scene: change, plan, says, healthy = false, quorum }) => {
    const made = report(change, plan);
    expect(told(made)).toEqual(says);
    expect(made.healthy).toBe(healthy);
    if (quorum !== undefined) expect(made.etcd.quorum).toMatchObject(quorum);
  });

  it('gives the order of recovery from NOSPACE, and what to do about lost data without a quorum', () => {
    const full = report({
      etcd: endpoints({ 'etcd-0': answering(0, { status: { errors: ['memberID:160 alarm:NOSPACE '] } }) }),
    });
    expect(full.findings[0]?.action).toMatch(
      /compact.*defragment.*leader last.*disarm.*verify a write.*quotaBackendBytes/,
    );
    const etcd = endpoints({ 'etcd-0': answering(0, leaderless), 'etcd-1': silent(1), 'etcd-2': silent(2) });
    const gone = report({ etcd, facts: { 'etcd-1': lost, 'etcd-2': lost } }, refusing('safety.data-gone', 'etcd-2'));
    expect(gone.findings.find((f) => f.code === 'safety.data-gone')?.action).toMatch(
      /cannot be replaced before there is a quorum/,
    );
    expect(gone.findings.find((f) => f.code === 'status.quorum-lost')?.action).toMatch(/restore a snapshot/);
  });

  it('names the alarm and the differing URLs among the member’s problems', () => {
    const list = [listed(0, { peerUrls: ['https://10.0.0.1:2380'] }), listed(1), listed(2)];
    const etcd = endpoints(
      Object.fromEntries(
        [0, 1, 2].map((n) => [
          `etcd-${n}`,
          answering(n, { list, status: { errors: ['memberID:160 alarm:NOSPACE '] } }),
        ]),
      ),
    );
    expect(report({ etcd }).etcd.members.map((m) => m.problems)).toEqual([
      ['its peer URL in etcd is https://10.0.0.1:2380', 'alarm NOSPACE'],
      [],
      [],
    ]);
  });

  it('is not misled by a member that answers and cannot read', () => {
    const etcd = endpoints({ 'etcd-0': answering(0, { read: failed('timeout', 'no answer in 5 s') }) });
    const made = report({ etcd });
    expect(made.healthy).toBe(false);
    expect(made.etcd.members[0]).toMatchObject({
      healthy: false,
      problems: ['a linearizable read fails: no answer in 5 s'],
    });
  });
});

describe('drift', () => {
  it('is one finding for each machine, and does not make the cluster ill', () => {
    const step = (on: string, title: string, summaries: readonly string[]): PlannedStep => ({
      id: '' as never,
      kind: 'x',
      on: on as never,
      params: {},
      title,
      risk: 'safe',
      changes: summaries.map((summary) => ({ summary })),
      needs: [],
      why: '',
    });
    const steps = [
      step('etcd-1', 'a', ['mode of /a 644 -> 600', 'change /b']),
      step('etcd-1', 'b', ['start kubelet.service', 'c']),
      step('etcd-2', 'd', ['e']),
    ];
    const made = report({}, { ...empty, plan: { ...(empty.ok ? empty.plan : never()), steps } });
    expect(told(made)).toEqual([
      'info status.drift etcd-1: etcd-1 differs in 4 points: mode of /a 644 -> 600, change /b and 2 more',
      'info status.drift etcd-2: etcd-2 differs in 1 point: e',
    ]);
    expect(made.healthy).toBe(true);
  });
});

it('is as healthy without the bundle, whose drift is then not known', () => {
  const made = report({}, refusing('software.bundle'));
  expect(told(made)).toEqual([
    'warning software.bundle -: whether the machines differ from cluster.yaml is not known: refused',
  ]);
  expect(made.healthy).toBe(true);
});

function never(): never {
  throw new Error('unreachable');
}

describe('without an open vault', () => {
  const sealed: VaultState = { is: 'sealed', code: 'vault.identity-missing', because: 'The identity file is missing.' };
  const record = (clusterUid: string) =>
    ({
      is: 'record',
      record: { clusterUid, clusterName: 'lab', host: 'etcd-0', machineId: 'm', etcdClusterId: 'c1' },
    }) as const;
  const etcd = { is: 'unknown', because: 'the vault is sealed' } as const;

  it('shows what the machines show, and says what is missing', () => {
    const facts = { 'etcd-0': { record: record('uid-1') }, 'etcd-1': { ...lost, record: record('uid-1') } };
    const made = report({ vault: sealed, etcd, facts }, refusing('safety.vault-lost'));
    expect(told(made)).toEqual([
      'error vault.identity-missing -: the vault cannot be opened: The identity file is missing; only what the machines show is shown: etcd runs on etcd-0 and etcd-2',
      'error safety.data-gone etcd-1: etcd-1: its data is gone: /var/lib/etcd is empty',
    ]);
    expect(made).toMatchObject({ healthy: false, etcd: { asked: false, phase: null, clusterId: 'c1', leader: null } });
    expect(made.etcd.members[1]?.problems).toEqual([
      'its data is gone: /var/lib/etcd is empty',
      'no etcd runs on the machine',
      'it was not asked',
    ]);
  });

  it('tells a machine of another cluster by the inventory', () => {
    const inventory = { clusterUid: 'uid-1' } as never;
    const facts = { 'etcd-0': { record: record('uid-1') }, 'etcd-1': { record: record('uid-2') } };
    expect(told(report({ vault: { ...sealed, inventory }, etcd, facts }))).toEqual([
      'error vault.identity-missing -: the vault cannot be opened: The identity file is missing; only what the machines show is shown: etcd runs on etcd-0, etcd-1 and etcd-2',
      'error safety.foreign-host etcd-1: etcd-1 belongs to another cluster, lab',
    ]);
  });

  it('never says of an existing cluster that it has not been founded', () => {
    const facts = { 'etcd-0': { record: record('uid-1') }, 'etcd-1': { ...lost, record: record('uid-1') } };
    const made = report(
      { vault: { is: 'absent' }, etcd: known({ endpoints: new Map() }), facts },
      refusing('safety.vault-lost', 'etcd-0'),
    );
    expect(made.etcd.phase).toBeNull();
    expect(told(made)).toEqual([
      'error safety.vault-lost -: there is no vault here, and machines belong to cluster lab (uid-1); only what the machines show is shown: etcd runs on etcd-0 and etcd-2',
      'error safety.data-gone etcd-1: etcd-1: its data is gone: /var/lib/etcd is empty',
    ]);
  });

  const nothing = { vault: { is: 'absent' }, etcd: known({ endpoints: new Map() }) } as const;

  it('does not say so of an etcd that nobody has a record of', () => {
    const made = report(nothing, refusing('safety.vault-lost'));
    expect(made.etcd.phase).toBeNull();
    expect(told(made)).toEqual([
      'error check.foreign-etcd -: etcd runs on etcd-0, etcd-1 and etcd-2, and neither a vault here nor a record there says whose it is',
    ]);
    expect(made.etcd.members[0]?.problems).toEqual(['etcd runs on the machine and was not asked']);
  });

  it('does not say so of machines that could not be asked: with the vault their host keys are gone, too', () => {
    const made = report({
      ...nothing,
      away: ['etcd-1', 'etcd-2'],
      facts: { 'etcd-0': { ...lost, etcdData: { is: 'absent' } } },
    });
    expect(made.etcd.phase).toBeNull();
    expect(told(made)).toEqual([
      'error status.not-founded -: whether lab has been founded is not known: there is no vault here, and etcd-1 and etcd-2 could not be asked',
      'error host.unreachable etcd-1: it does not answer',
      'error host.unreachable etcd-2: it does not answer',
    ]);
  });
});

describe('a founding that is not finished', () => {
  const half = endpoints({ 'etcd-0': answering(0, leaderless), 'etcd-1': silent(1), 'etcd-2': silent(2) });

  it('is no lost quorum before there was one', () => {
    const made = report({ vault: openVault('founding'), etcd: half });
    expect(told(made)).toEqual([
      'warning status.not-founded -: the founding of lab is not finished: not all members have been seen to vote yet',
    ]);
    expect(made.findings[0]?.action).toMatch(/keelson lock.*keelson apply/);
    expect(made.etcd.quorum).toMatchObject({ healthy: 0, held: null });
  });

  it('is said of a quorum that is away while the members are hardened', () => {
    const made = report({ vault: openVault('founded'), etcd: half });
    expect(told(made)).toContain(
      'error status.quorum-lost -: the founding is not finished, and at this moment there is no quorum: 0 of 3 voters healthy, 2 needed',
    );
    expect(told(made)).toContain(
      'warning status.not-founded -: the founding of lab is not finished: its members are not all hardened and verified',
    );
  });

  it('is told from one that has not begun', () => {
    const facts = { 'etcd-0': lost, 'etcd-1': lost, 'etcd-2': lost };
    const begun = openVault('founding');
    const vault =
      begun.is === 'open' ? { ...begun, identity: { ...begun.identity, etcd: { phase: 'new' as const } } } : begun;
    expect(told(report({ vault, etcd: known({ endpoints: new Map() }), facts }))).toEqual([
      'warning status.not-founded -: lab has not been founded; an installation was begun',
    ]);
  });
});

describe('certificates', async () => {
  const DAY = 86_400_000;
  const clock = { now: () => new Date(AT), monotonicMs: () => 0, sleep: () => Promise.resolve() };
  const issuer = createIssuer({ clock });
  const ca = await issuer.createCa({ commonName: 'etcd-ca', algorithm: 'ecdsa-p256', validitySeconds: 3650 * 86_400 });
  const leaf = async (days: number) => {
    const spec = { commonName: 'etcd-0', ekus: ['serverAuth'] as const, dns: ['etcd-0'], ips: [] };
    return (await issuer.issue({ ...spec, algorithm: 'ecdsa-p256', validitySeconds: days * 86_400 }, ca)).certificate;
  };
  const year = await leaf(365);
  const twoMonths = await leaf(60);
  const served = (pem: string) =>
    endpoints({ 'etcd-0': answering(0, { served: parseCertificate(pem).fingerprint256 }) });
  const onDisk = (pem: string): Scene => ({
    etcd: served(pem),
    facts: { 'etcd-0': { files: placed(pem, { [etcdCa.certPath]: ca.certificate }) } },
  });
  const peer = '/etc/kubernetes/pki/etcd/peer.crt';
  const without = (path: string, files = placed()) => ({
    ...files,
    at: new Map([...files.at].filter(([at]) => at !== path)),
    text: new Map([...files.text].filter(([at]) => at !== path)),
    publicKeys: new Map([...files.publicKeys].filter(([at]) => at !== path)),
  });
  const refused = { is: 'failed', reason: 'tls', message: 'internal error' } as const;

  it.each([
    {
      files: placed(goodLeaf, { [peer]: 'spoilt\n' }),
      why: 'peer.crt on etcd-0 cannot be used: the file holds no certificate',
    },
    { files: without(peer), why: 'peer.crt on etcd-0 cannot be used: the certificate is missing' },
    {
      files: without('/etc/kubernetes/pki/etcd/peer.key'),
      why: 'peer.crt on etcd-0 cannot be used: its private key is missing',
    },
    {
      files: { ...placed(), publicKeys: new Map([...placed().publicKeys].map(([path]) => [path, '00'])) },
      why: 'server.crt and peer.crt on etcd-0 cannot be used: its private key is another’s',
    },
  ])('that no connection can be made with are an error: $why', ({ files, why }) => {
    const damaged = { ...answering(0), servedPeer: refused };
    const made = report({ etcd: endpoints({ 'etcd-0': damaged }), facts: { 'etcd-0': { files } } });
    expect(made.healthy).toBe(false);
    expect(made.findings[0]).toMatchObject({ severity: 'error', code: 'status.certificate-damaged', host: 'etcd-0' });
    expect(made.findings[0]?.message).toContain(why);
    expect(made.findings[0]?.action).toContain('keelson apply');
    expect(made.findings.filter((f) => f.code === 'status.certificate-served')).toEqual([]);
    expect(made.certificates.find((c) => c.host === 'etcd-0' && c.path === peer)?.served ?? false).toBe(false);
  });

  it('of another CA, and the CA’s own file, are looked at, too', () => {
    const vault = openVault('handed-over', { caCertificate: someCa.certificate });
    const files = placed(year, { [etcdCa.certPath]: ca.certificate });
    const right = { files: placed(goodLeaf, { [etcdCa.certPath]: someCa.certificate }) };
    const made = report({ vault, facts: { 'etcd-0': { files }, 'etcd-1': right, 'etcd-2': right } });
    const found = told(made).filter((text) => text.includes('certificate-damaged'));
    expect(found).toEqual([
      'error status.certificate-damaged etcd-0: server.crt and peer.crt on etcd-0 cannot be used: it is not signed by this cluster’s CA; ca.crt on etcd-0 cannot be used: it is another CA’s; new connections to its member fail, or its next start, and those that are open hide it',
      'warning status.certificate-damaged etcd-0: healthcheck-client.crt and apiserver-etcd-client.crt on etcd-0 cannot be used: it is not signed by this cluster’s CA',
    ]);
  });

  const later = (days: number) => new Date(Date.parse(AT) + days * DAY).toISOString();

  it('are shown as they are on disk and as they are served', () => {
    const made = report(onDisk(year));
    const onFirst = made.certificates.filter((c) => c.host === 'etcd-0');
    expect(made.findings).toEqual([]);
    expect(
      onFirst.map(({ path, daysLeft, served: same }) => [path.replace('/etc/kubernetes/pki/', ''), daysLeft, same]),
    ).toEqual([
      ['etcd/ca.crt', 3650, null],
      ['etcd/server.crt', 365, true],
      ['etcd/peer.crt', 365, true],
      ['etcd/healthcheck-client.crt', 365, null],
      ['apiserver-etcd-client.crt', 365, null],
    ]);
    expect(onFirst[1]).toMatchObject({
      host: 'etcd-0',
      subject: 'CN=etcd-0',
      issuer: 'CN=etcd-ca',
      notAfter: later(365),
    });
  });

  it.each([
    [334, []],
    [
      335.5,
      [
        'warning server.crt, peer.crt, healthcheck-client.crt and apiserver-etcd-client.crt on etcd-0 expire in 29 days, on 2027-01-01',
      ],
    ],
    [
      359,
      [
        'error server.crt, peer.crt, healthcheck-client.crt and apiserver-etcd-client.crt on etcd-0 expire in 6 days, on 2027-01-01',
      ],
    ],
    [
      370,
      ['error server.crt, peer.crt, healthcheck-client.crt and apiserver-etcd-client.crt on etcd-0 expired 5 days ago'],
    ],
    [-2, ['error the CA’s certificate is valid only from', 'error server.crt']],
  ])('after %s days', (days, says) => {
    const found = report(onDisk(year), empty, later(days)).findings.map((f) => `${f.severity} ${f.message}`);
    expect(found).toHaveLength(says.length);
    for (const [n, text] of says.entries()) expect(found[n]).toContain(text);
  });

  it('of a short life are not near their end from the beginning', () => {
    expect(report(onDisk(twoMonths), empty, later(39)).findings).toEqual([]);
    expect(report(onDisk(twoMonths), empty, later(41)).findings[0]).toMatchObject({
      severity: 'warning',
      code: 'status.certificate-expiring',
    });
    expect(report(onDisk(twoMonths), empty, later(55)).findings[0]).toMatchObject({
      severity: 'error',
      code: 'status.certificate-expiring',
    });
  });

  it('that differ from those served are an error', () => {
    const made = report({ ...onDisk(year), etcd: served(twoMonths) });
    expect(told(made)).toEqual([
      'error status.certificate-served etcd-0: etcd-0 serves another certificate than /etc/kubernetes/pki/etcd/server.crt and /etc/kubernetes/pki/etcd/peer.crt',
    ]);
    expect(made.healthy).toBe(false);
  });
});
