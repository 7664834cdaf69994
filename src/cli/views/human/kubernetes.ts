import type { ApiServerReport, KubernetesReport, LeaseReport, NodeReport } from '../../../operations/report-types.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';
import { count, harmless, wrap } from './text.ts';

/** API servers, nodes, and who of the controller managers and schedulers is at work. */
export function kubernetesLines(report: KubernetesReport, style: Style, verbose: boolean, columns: number): string[] {
  const { endpoint, made, asked, servers, nodes, leases } = report;
  const room = columns - 2;
  const head = `${style.bold('Kubernetes')} endpoint ${endpoint}${holderText(report, style)}`;
  if (made === false) return [head, '  not made yet', ''];
  return [
    head,
    ...(asked ? [] : [style.yellow('  No API server is ready to tell: of the nodes this is what cluster.yaml says.')]),
    '',
    ...serverTable(servers, style, room).map((line) => `  ${line}`),
    ...servers.flatMap((server) => serverProblem(server, style, columns)),
    '',
    ...nodeTable(nodes, style, verbose, room).map((line) => `  ${line}`),
    ...nodes.flatMap((node) => nodeProblem(node, style, columns)),
    ...(leases.length === 0 ? [] : ['', ...leases.map((lease) => `  ${leaseText(lease, style)}`)]),
    '',
  ];
}

function holderText({ reached }: KubernetesReport, style: Style): string {
  if (reached === null || reached.virtualIp === null) return '';
  const { holders, allAsked } = reached;
  if (holders.length === 1) return `, on ${holders[0]}`;
  if (holders.length > 1) return `, ${style.red(`on ${holders.join(' and ')}`)}`;
  return allAsked ? `, ${style.red('on no machine')}` : '';
}

function serverTable(servers: readonly ApiServerReport[], style: Style, room: number): string[] {
  return table<ApiServerReport>(
    [
      { head: 'API SERVER', cell: (s) => s.host },
      { head: 'ADDRESS', cell: (s) => s.address },
      { head: 'READY', cell: (s) => readyText(s.ready, style) },
      { head: 'VERSION', cell: (s) => s.version ?? '-' },
    ],
    servers,
    style,
    room,
  );
}

function nodeTable(nodes: readonly NodeReport[], style: Style, verbose: boolean, room: number): string[] {
  return table<NodeReport>(
    [
      { head: 'NODE', cell: (n) => harmless(n.name) },
      ...(nodes.some((n) => n.host === null || n.host !== n.name)
        ? [{ head: 'HOST', cell: (n: NodeReport) => n.host ?? style.red('not configured') }]
        : []),
      { head: 'ROLE', cell: (n) => n.role },
      { head: 'READY', cell: (n) => readyText(n.ready, style) },
      { head: 'KUBELET', cell: (n) => harmless(n.kubeletVersion ?? '-') },
      { head: 'PODS', cell: (n) => (n.unschedulable ? style.yellow('none new (cordoned)') : taintText(n, verbose)) },
    ],
    nodes,
    style,
    room,
  );
}

function taintText({ ready, taints }: NodeReport, verbose: boolean): string {
  if (ready === null) return '-';
  if (taints.length === 0) return 'any';
  if (!verbose) return count(taints.length, 'taint');
  return harmless(taints.map((t) => `${t.key}${t.value === '' ? '' : `=${t.value}`} ${t.effect}`).join(', '));
}

function readyText(ready: boolean | null, style: Style): string {
  if (ready === null) return style.yellow('not known');
  return ready ? style.green('yes') : style.red('no');
}

function serverProblem({ host, ready, failing, problem }: ApiServerReport, style: Style, columns: number): string[] {
  if (ready === true) return [];
  const failed = failing.length === 0 ? [] : [`${failing.join(', ')} failed`];
  return problemLines(host, problem ?? failed[0] ?? 'it does not say why', ready, style, columns);
}

function nodeProblem({ name, ready, problem }: NodeReport, style: Style, columns: number): string[] {
  return ready === true || problem === null ? [] : problemLines(name, problem, ready, style, columns);
}

function problemLines(what: string, problem: string, ready: boolean | null, style: Style, columns: number): string[] {
  const mark = ready === null ? style.yellow('!') : style.red('✖');
  const [first = '', ...rest] = wrap(`${harmless(what)}: ${harmless(problem)}`, columns - 4);
  return [`  ${mark} ${first}`, ...rest.map((line) => `    ${line}`)];
}

/** `kube-scheduler: cp-0`. */
function leaseText({ name, holder, held }: LeaseReport, style: Style): string {
  const where = harmless(holder ?? '').replace(/_[^_]*$/, '');
  if (held) return `${name}: ${where}`;
  return `${name}: ${style.red(holder === null ? 'nobody' : `nobody, last ${where}`)}`;
}
