import type { RunEvent, RunEventBody } from '../../model/events.ts';
import type { Finding } from '../../model/finding.ts';
import type { Digest, HostId, RunId, StepId } from '../../model/ids.ts';
import { OPERATOR } from '../../model/ids.ts';
import type { CheckReport, StatusReport } from '../../operations/report-types.ts';
import type { Plan, PlannedStep } from '../../plan/types.ts';
import type { PlanReport } from '../views/plan-report.ts';

// Reports as operations make them, for the goldens of the views.

const host = (n: number): HostId => `etcd-${n}` as HostId;
const id = (text: string): StepId => text.padEnd(16, '0') as StepId;

function step(key: string, on: HostId, title: string, more: Partial<PlannedStep> = {}): PlannedStep {
  return {
    id: id(key),
    kind: key,
    on,
    params: {},
    title,
    risk: 'safe',
    changes: [],
    needs: [],
    why: 'a reason',
    ...more,
  };
}

const restart = (n: number, after: StepId[]): PlannedStep =>
  step(`run-${n}`, host(n), `run etcd member ${host(n)} so that it can never found a second cluster`, {
    risk: 'disruptive',
    changes: [
      {
        summary: 'change /etc/kubernetes/manifests/etcd.yaml',
        diff: [' - etcd', '-    - --snapshot-count=10000', '+    - --snapshot-count=20000', '...'],
      },
      { summary: 'restart etcd' },
    ],
    needs: after,
    quorum: { stay: 2, need: 2 },
  });

export const plan: Plan = {
  digest: `sha256:${'ab'.repeat(32)}` as Digest,
  intent: { kind: 'apply' },
  basis: { config: `sha256:${'cd'.repeat(32)}` as Digest, at: '2026-11-21T10:15:00.000Z' },
  steps: [
    step('record', host(0), 'record on etcd-0 whose machine it is', {
      changes: [
        { summary: 'create /etc/keelson/host.json (644)', diff: ['+{', '+}'] },
        { summary: 'mode of /etc/keelson 755 -> 700' },
      ],
    }),
    restart(1, []),
    restart(0, [id('run-1')]),
    step('inventory', OPERATOR, 'record in the vault what was applied', {
      changes: [{ summary: 'record the changed configuration' }],
      needs: [id('run-0')],
    }),
  ],
};

export const warning: Finding = {
  code: 'host.command-failed',
  severity: 'warning',
  host: host(2),
  message: 'the clock of etcd-2 is 40 s ahead',
  action: 'Start a time service on the machine.',
};

export const refusal: Finding = {
  code: 'safety.quorum',
  severity: 'error',
  host: host(1),
  message: '“run etcd member etcd-1” would leave 1 healthy voters; the quorum is 2',
  action: 'Bring the other members back first; see keelson status.',
};

const hosts = [0, 1, 2].map((n) => ({ host: host(n), address: `10.77.0.1${n}` }));

export const planReport: PlanReport = {
  cluster: 'lab',
  intent: plan.intent,
  basis: plan.basis,
  hosts,
  voters: 3,
  result: { ok: true, plan, warnings: [warning] },
  unfit: [],
};

export const refusedReport: PlanReport = { ...planReport, result: { ok: false, refusals: [refusal], warnings: [] } };
export const emptyReport: PlanReport = {
  ...planReport,
  result: { ok: true, plan: { ...plan, steps: [] }, warnings: [] },
};

export const statusReport: StatusReport = {
  cluster: 'lab',
  at: '2026-11-21T10:15:00.000Z',
  healthy: false,
  kubernetesVersion: 'v1.36.3',
  etcd: {
    clusterId: 'f00dfeed12345678',
    topology: 'external',
    phase: 'handed-over',
    leader: 'etcd-1',
    quorum: { voters: 3, learners: 0, healthy: 2, unknown: 1, needed: 2, held: true, tolerates: 0 },
    asked: true,
    members: [0, 1, 2].map((n) => ({
      name: host(n),
      id: `8e9e05c52164694${n}`,
      host: host(n),
      peerUrls: [`https://10.77.0.1${n}:2380`],
      clientUrls: n === 2 ? ['https://[fd00::2]:2379'] : [`https://10.77.0.1${n}:2379`],
      role: 'voter' as const,
      leader: n === 1,
      healthy: n !== 2,
      health: n === 2 ? ('unknown' as const) : ('healthy' as const),
      version: n === 2 ? null : '3.6.8',
      dbSizeBytes: n === 2 ? null : 2_150_400,
      raftIndex: n === 2 ? null : '18446744073709551615',
      problems: n === 2 ? ['the machine does not answer\u001b[2J'] : [],
    })),
  },
  certificates: [0, 1].flatMap((n) => [
    {
      host: host(n),
      path: '/etc/kubernetes/pki/etcd/server.crt',
      subject: `CN=${host(n)}`,
      issuer: 'CN=etcd-ca',
      notBefore: '2026-11-21T10:00:00Z',
      notAfter: '2026-12-10T10:00:00Z',
      daysLeft: 18,
      served: n === 0,
    },
    {
      host: host(n),
      path: '/etc/kubernetes/pki/etcd/peer.crt',
      subject: `CN=${host(n)}`,
      issuer: 'CN=etcd-ca',
      notBefore: '2026-11-21T10:00:00Z',
      notAfter: '2026-12-10T10:00:00Z',
      daysLeft: 18,
      served: true,
    },
    {
      host: host(n),
      path: '/etc/kubernetes/pki/etcd/ca.crt',
      subject: 'CN=etcd-ca',
      issuer: 'CN=etcd-ca',
      notBefore: '2026-11-21T10:00:00Z',
      notAfter: '2036-11-18T10:00:00Z',
      daysLeft: 3649,
      served: null,
    },
  ]),
  findings: [
    {
      code: 'host.unreachable',
      severity: 'error',
      host: host(2),
      message: 'etcd-2 does not answer',
      action: 'See that the machine is up.',
    },
  ],
};

const cp = (n: number): HostId => `cp-${n}` as HostId;

/** A stacked cluster: one API server is not ready, one worker has gone silent, and nobody is the scheduler. */
export const clusterStatusReport: StatusReport = {
  ...statusReport,
  etcd: {
    ...statusReport.etcd,
    topology: 'stacked',
    leader: 'cp-0',
    quorum: { voters: 1, learners: 0, healthy: 1, unknown: 0, needed: 1, held: true, tolerates: 0 },
    members: statusReport.etcd.members.slice(0, 1).map((m) => ({ ...m, name: 'cp-0', host: cp(0), leader: true })),
  },
  kubernetes: {
    endpoint: '10.77.0.100:8443',
    reached: {
      from: cp(0),
      answers: true,
      problem: null,
      virtualIp: '10.77.0.100',
      holders: [cp(1)],
      allAsked: true,
    },
    made: true,
    asked: true,
    servers: [
      { host: cp(0), address: '10.77.0.20:6443', ready: true, failing: [], version: 'v1.36.3', problem: null },
      { host: cp(1), address: '10.77.0.21:6443', ready: false, failing: ['etcd'], version: null, problem: null },
      {
        host: cp(2),
        address: '10.77.0.22:6443',
        ready: null,
        failing: [],
        version: null,
        problem: 'no answer in 10 s',
      },
    ],
    nodes: [
      {
        name: 'cp-0',
        host: cp(0),
        role: 'control-plane',
        ready: true,
        problem: null,
        kubeletVersion: 'v1.36.3',
        taints: [{ key: 'node-role.kubernetes.io/control-plane', value: '', effect: 'NoSchedule' }],
        unschedulable: false,
      },
      {
        name: 'worker-0',
        host: 'worker-0' as HostId,
        role: 'worker',
        ready: false,
        problem: 'Kubelet stopped posting node status.\u001b[2J',
        kubeletVersion: 'v1.36.3',
        taints: [],
        unschedulable: true,
      },
      {
        name: 'stranger',
        host: null,
        role: 'worker',
        ready: true,
        problem: null,
        kubeletVersion: 'v1.35.1',
        taints: [],
        unschedulable: false,
      },
    ],
    leases: [
      { name: 'kube-controller-manager', holder: 'cp-0_5c1a', renewedAt: '2026-11-21T10:14:59.000Z', held: true },
      { name: 'kube-scheduler', holder: 'cp-1_77b0', renewedAt: '2026-11-21T10:02:00.000Z', held: false },
    ],
  },
  certificates: ['/etc/kubernetes/pki/apiserver.crt', '/etc/kubernetes/admin.conf'].map((path) => ({
    host: cp(0),
    path,
    subject: 'CN=kube-apiserver',
    issuer: 'CN=kubernetes',
    notBefore: '2026-11-21T10:00:00Z',
    notAfter: '2027-11-21T10:00:00Z',
    daysLeft: 364,
    served: path.endsWith('.crt') ? true : null,
  })),
  findings: [],
};

export const checkReport: CheckReport = {
  cluster: 'lab',
  at: '2026-11-21T10:15:00.000Z',
  ready: false,
  hosts: hosts.map(({ host: name, address }, n) => ({
    host: name,
    address,
    reachable: n !== 2,
    about: n === 2 ? null : 'Debian 12, x86_64, systemd 252',
  })),
  findings: [
    warning,
    {
      code: 'host.unreachable',
      severity: 'error',
      host: host(2),
      message: 'etcd-2 does not answer',
      action: 'See that the machine is up.',
    },
  ],
};

const RUN = '20261121t101500z-3f9a1c' as RunId;

/** A run in which one step was already right and another failed. Each event comes one second after the one before. */
export function runEvents(): RunEvent[] {
  const bodies: RunEventBody[] = [
    {
      type: 'run.started',
      command: 'apply',
      cluster: 'lab',
      user: 'ops',
      operator: 'desk',
      fence: 3,
      plan: { digest: plan.digest, steps: plan.steps },
    },
    { type: 'step.started', step: id('record'), attempt: 1 },
    { type: 'step.finished', step: id('record'), outcome: 'already-right' },
    { type: 'step.started', step: id('run-1'), attempt: 1 },
    { type: 'step.note', step: id('run-1'), text: 'waiting for etcd-1 to return' },
    { type: 'step.started', step: id('run-1'), attempt: 2 },
    { type: 'step.finished', step: id('run-1'), outcome: 'changed' },
    { type: 'step.started', step: id('run-0'), attempt: 1 },
    { type: 'run.note', text: 'etcd-2 has been away since the start' },
    {
      type: 'step.finished',
      step: id('run-0'),
      outcome: 'failed',
      error: {
        code: 'step.not-settled',
        message: 'etcd-0 does not answer\u001b[31m',
        action: 'Look at the machine.',
        host: host(0),
        output: 'line 1\nline 2\n',
      },
    },
    {
      type: 'run.finished',
      outcome: 'failed',
      error: {
        code: 'step.not-settled',
        message: 'etcd-0 does not answer',
        action: 'Look at the machine.',
        host: host(0),
      },
    },
  ];
  return bodies.map(
    (body, n) =>
      ({ seq: n + 1, at: new Date(Date.UTC(2026, 10, 21, 10, 15, n)).toISOString(), run: RUN, ...body }) as RunEvent,
  );
}
