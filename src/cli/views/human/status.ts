import type { CertificateReport, MemberReport, StatusReport } from '../../../operations/report-types.ts';
import { findingsBlock } from './finding.ts';
import { kubernetesLines } from './kubernetes.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';
import { bytes, count, harmless, moment, wrap } from './text.ts';

export interface StatusViewOptions {
  style: Style;
  columns: number;
  /** Every certificate, also those with nothing to say; ids and URLs of members. */
  verbose: boolean;
}

export function statusLines(report: StatusReport, { style, columns, verbose }: StatusViewOptions): string[] {
  const { etcd } = report;
  const verdict = verdictText(report, style);
  return [
    ...wrap(
      `${style.bold(`Cluster ${report.cluster}`)}: ${verdict}   ${style.dim(`Kubernetes ${report.kubernetesVersion}, ${moment(report.at)}`)}`,
      columns,
    ),
    '',
    `${style.bold('etcd')} ${etcd.topology}${etcd.phase === null ? '' : `, ${etcd.phase}`}${etcd.clusterId === null ? '' : `, cluster id ${etcd.clusterId}`}`,
    ...wrap(quorumText(report, style), columns, '  '),
    ...(etcd.asked || etcd.phase === 'new'
      ? []
      : [style.yellow('  etcd itself could not be asked: this is what machines and configuration show.')]),
    '',
    ...memberTable(report, style, verbose, columns - 2).map((line) => `  ${line}`),
    ...etcd.members.flatMap((m) => problemsOf(m).flatMap((problem) => problemLines(m, problem, style, columns))),
    '',
    ...(report.kubernetes === undefined ? [] : kubernetesLines(report.kubernetes, style, verbose, columns)),
    ...certificateLines(report.certificates, style, verbose, columns - 2),
    ...findingsBlock('Findings', report.findings, style, columns),
  ].slice(0, -1);
}

/** What is merely out of sight: nothing of it says that the cluster is ill. */
const OUT_OF_SIGHT =
  /^(?:host\.(?!key-changed)|check\.unknown$|status\.(?:out-of-reach|member-unknown-health|api-server-unknown)$|vault\.)/;

function verdictText({ healthy, etcd, kubernetes, findings }: StatusReport, style: Style): string {
  if (healthy) return style.green('healthy');
  const errors = findings.some((f) => f.severity === 'error');
  if (etcd.phase === 'new' && !errors) return style.yellow('not founded');
  if ((etcd.phase === 'founding' || etcd.phase === 'founded') && !errors) return style.yellow('founding not finished');
  if (kubernetes?.made === false && !errors) return style.yellow('Kubernetes not made yet');
  const ill =
    etcd.quorum.held === false ||
    etcd.members.some((m) => m.health === 'ill') ||
    findings.some((f) => f.severity === 'error' && !OUT_OF_SIGHT.test(f.code));
  return ill || !errors ? style.red('not healthy') : style.yellow('not known to be healthy');
}

/** One line for a machine that nothing is known of: why is told among the findings. */
function problemsOf({ health, problems }: MemberReport): readonly string[] {
  return health === 'unknown' && problems.length > 1 ? [problems.join('; ')] : problems;
}

function problemLines(member: MemberReport, problem: string, style: Style, columns: number): string[] {
  const mark = member.health === 'ill' ? style.red('✖') : style.yellow('!');
  const [first = '', ...rest] = wrap(`${label(member)}: ${harmless(problem)}`, columns - 4);
  return [`  ${mark} ${first}`, ...rest.map((line) => `    ${line}`)];
}

function quorumText({ etcd }: StatusReport, style: Style): string {
  const { voters, healthy, unknown, needed, held, tolerates, learners } = etcd.quorum;
  const unsure = unknown > 0 ? `, ${unknown} not known` : '';
  const state = `${healthy} of ${count(voters, 'voter')} healthy${unsure}, ${needed} needed`;
  const extra = learners > 0 ? `, ${count(learners, 'learner')}` : '';
  if (!etcd.asked && etcd.phase !== 'new')
    return style.yellow(`quorum: not known; ${needed} of ${count(voters, 'voter')} needed`);
  if (etcd.phase === 'new') return `quorum: none yet; ${needed} of ${count(voters, 'voter')} will be needed`;
  if (held !== true && (etcd.phase === 'founding' || etcd.phase === 'founded'))
    return style.yellow(`quorum: none now, the founding is not finished; ${state}${extra}`);
  if (held === null) return style.yellow(`quorum: not known; ${state}${extra}`);
  if (!held) return style.red(`quorum lost: ${state}${extra}`);
  const spare =
    tolerates === 0 ? style.yellow('tolerates no further failure') : `tolerates ${count(tolerates, 'failure')}`;
  return `quorum: ${state}${extra}; ${spare}; leader ${etcd.leader ?? style.red('none')}`;
}

function label({ name, host, id }: MemberReport): string {
  return name !== '' ? name : (host ?? id ?? '?');
}

function memberTable({ etcd }: StatusReport, style: Style, verbose: boolean, room: number): string[] {
  const unknown = '-';
  return table<MemberReport>(
    [
      { head: 'MEMBER', cell: (m) => `${label(m)}${m.leader ? style.cyan(' ★') : ''}` },
      { head: 'HOST', cell: (m) => m.host ?? style.red('not configured') },
      { head: 'ADDRESS', cell: (m) => m.peerUrls.map(hostOf).join(',') || unknown },
      { head: 'ROLE', cell: (m) => (m.role === 'learner' ? style.yellow(m.role) : m.role) },
      { head: 'HEALTH', cell: (m) => healthText(m, etcd.phase, style) },
      { head: 'VERSION', cell: (m) => m.version ?? unknown },
      { head: 'DB SIZE', cell: (m) => (m.dbSizeBytes === null ? unknown : bytes(m.dbSizeBytes)), align: 'right' },
      { head: 'RAFT INDEX', cell: (m) => m.raftIndex ?? unknown, align: 'right' },
      ...(verbose
        ? [
            { head: 'ID', cell: (m: MemberReport) => m.id ?? unknown },
            { head: 'CLIENT URLS', cell: (m: MemberReport) => m.clientUrls.join(',') || unknown },
          ]
        : []),
    ],
    etcd.members,
    style,
    room,
  );
}

function healthText({ health }: MemberReport, phase: StatusReport['etcd']['phase'], style: Style): string {
  if (health !== 'healthy' && phase === 'new') return 'not yet';
  if (health === 'unknown') return style.yellow('not known');
  return health === 'healthy' ? style.green('healthy') : style.red('ill');
}

/** `https://[fd00::1]:2380` -> `fd00::1`. */
function hostOf(url: string): string {
  return /^\w+:\/\/\[?([^\]/]+?)\]?(?::\d+)?\/?$/.exec(url)?.[1] ?? url;
}

interface HostCertificates {
  host: string;
  certificates: readonly CertificateReport[];
}

function certificateLines(
  certificates: readonly CertificateReport[],
  style: Style,
  verbose: boolean,
  room: number,
): string[] {
  if (certificates.length === 0) return [style.bold('Certificates'), '  none could be read', ''];
  if (verbose) {
    return [
      style.bold('Certificates'),
      ...table<CertificateReport>(
        [
          { head: 'HOST', cell: (c) => c.host },
          { head: 'PATH', cell: (c) => c.path },
          { head: 'SUBJECT', cell: (c) => harmless(c.subject) },
          { head: 'ISSUER', cell: (c) => harmless(c.issuer) },
          { head: 'EXPIRES', cell: (c) => expiry(c, style) },
          { head: 'SERVED', cell: (c) => servedText(c.served, style) },
        ],
        certificates,
        style,
        room,
      ).map((line) => `  ${line}`),
      '',
    ];
  }
  const hosts = [...new Set(certificates.map((c) => c.host))].map((host) => ({
    host,
    certificates: certificates.filter((c) => c.host === host),
  }));
  return [
    style.bold('Certificates'),
    ...table<HostCertificates>(
      [
        { head: 'HOST', cell: (h) => h.host },
        { head: 'FILES', cell: (h) => String(h.certificates.length), align: 'right' },
        { head: 'FIRST TO EXPIRE', cell: (h) => firstToExpire(h.certificates, style) },
        { head: 'SERVED AS ON DISK', cell: (h) => servedOf(h.certificates, style) },
      ],
      hosts,
      style,
      room,
    ).map((line) => `  ${line}`),
    '',
  ];
}

function firstToExpire(certificates: readonly CertificateReport[], style: Style): string {
  const [first, ...others] = certificates;
  if (first === undefined) return '-';
  const least = others.reduce((a, b) => (b.daysLeft < a.daysLeft ? b : a), first);
  return `${expiry(least, style)}  ${style.dim(least.path)}`;
}

function expiry({ daysLeft, notAfter }: CertificateReport, style: Style): string {
  const day = notAfter.slice(0, 10);
  if (daysLeft < 0) return style.red(`${day} (expired)`);
  const text = `${day} (${count(daysLeft, 'day')})`;
  return daysLeft < 30 ? style.yellow(text) : text;
}

/** What members and clients of etcd are shown. */
const SERVED = ['server.crt', 'peer.crt'];
const API_SERVERS = 'apiserver.crt';

/** All must be known to be served as they are: the one does not speak for the other. */
function servedOf(certificates: readonly CertificateReport[], style: Style): string {
  const has = (name: string): boolean => certificates.some((c) => c.path.endsWith(`/${name}`));
  // A worker serves none of these, and a control plane whose etcd is elsewhere only its own.
  const names = [...(SERVED.some(has) ? SERVED : []), ...(has(API_SERVERS) ? [API_SERVERS] : [])];
  const states = names.map((name) => ({ name, on: certificates.find((c) => c.path.endsWith(`/${name}`)) }));
  if (states.every(({ on }) => on === undefined || on.served === null)) return servedText(null, style);
  const wrong = states.filter(({ on }) => on === undefined || on.served === false).map(({ name }) => name);
  if (wrong.length > 0) return style.red(`no: ${wrong.join(', ')}`);
  const unsure = states.filter(({ on }) => on?.served === null).map(({ name }) => name);
  return unsure.length === 0 ? 'yes' : style.yellow(`not known: ${unsure.join(', ')}`);
}

function servedText(served: boolean | null, style: Style): string {
  if (served === null) return '-';
  return served ? 'yes' : style.red('no');
}
