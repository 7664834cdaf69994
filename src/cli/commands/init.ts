import { KeelsonError } from '../../model/errors.ts';
import type { ClusterAnswers, ConfigProblem } from '../../operations/init.ts';
import type { Handler } from '../define.ts';
import type { Prompter } from '../prompter.ts';
import type { Session } from '../session.ts';
import { document } from '../views/json/document.ts';

type Host = ClusterAnswers['hosts'][number];
type Given = Readonly<Record<string, unknown>>;

const TOPOLOGIES = ['external', 'stacked'] as const;
const SOURCES = ['packages', 'bundle', 'preinstalled'] as const;

export const init: Handler = async (session, _args, options) => {
  const { checkAbsent, clusterFile, writeClusterFile } = await import('../../operations/init.ts');
  const { file } = session.options;
  const force = options.force === true;
  if (file !== '-' && !force) await checkAbsent(file);
  const answers = await answersOf(session, options);
  const text = clusterFile(answers, file === '-' ? 'cluster.yaml' : file, (problem) => inFlags(problem, answers));
  if (file === '-') {
    session.io.stdout.write(text);
    return 0;
  }
  await writeClusterFile(file, text, force);
  await session.print(document('Init', { file }), () => [
    `${file} was written.`,
    'next: look at it, then keelson hosts trust',
  ]);
  return 0;
};

const FLAGS: readonly (readonly [field: RegExp, flag: string])[] = [
  [/^metadata\.name$/, '--name'],
  [/^spec\.kubernetesVersion$/, '--kubernetes-version'],
  [/^spec\.ssh\.user$/, '--user'],
  [/^spec\.software\.bundle$/, '--bundle'],
  [/^spec\.software/, '--source'],
];

const HOST_FLAGS = { etcd: '--host', 'control-plane': '--control-plane', worker: '--worker' } as const;

/** A problem of the file, which has not been written, in the words of the flags. */
function inFlags({ code, path, message, action }: ConfigProblem, answers: ClusterAnswers): string {
  const what = message.replace(/spec\.hosts\[(\d+)\](?:\.\w+)?/g, (_path, index) => machineOf(Number(index), answers));
  const instead = code === 'config.not-yet' ? NOT_YET.find(([field]) => field.test(path))?.[1] : ACTIONS[code];
  return `${flagOf(path, code, answers)}: ${what}; ${instead ?? action}`;
}

/** Where the file's own advice names a field that no flag is for. */
const ACTIONS: Partial<Record<ConfigProblem['code'], string>> = {
  'config.even-members':
    'use an odd number; for an even one, make the file with one machine less, then add the last one there, and the reason as spec.etcd.allowEvenMembers',
  'config.control-plane-endpoint':
    'give --endpoint with the name or address and port of what leads to all control planes',
};

const NOT_YET: readonly (readonly [field: RegExp, action: string])[] = [
  [/^spec\.hosts$/, 'give --control-plane once, and as many --worker as you like'],
  [/^spec\.controlPlane$/, 'give --control-plane once, then add the others and their loadBalancer to the file'],
  [/^spec\.software/, 'give --bundle DIR, or --source preinstalled where all that a node needs is installed'],
  [/^spec(\.etcd\.topology)?$/, 'leave --host out, or give --host alone'],
];

/** As it was counted among its kind. */
function machineOf(index: number, { hosts }: ClusterAnswers): string {
  const role = hosts[index]?.role ?? 'etcd';
  const number = hosts.slice(0, index + 1).filter((host) => host.role === role).length;
  return `machine ${number}${hosts.every((host) => host.role === role) ? '' : ` of ${HOST_FLAGS[role]}`}`;
}

/** Which flag a field of the file was made from; of machines, which one. */
function flagOf(path: string, code: ConfigProblem['code'], answers: ClusterAnswers): string {
  const host = /^spec\.hosts\[(\d+)\]\.?(.*)$/.exec(path);
  if (host !== null) {
    const role = answers.hosts[Number(host[1])]?.role ?? 'etcd';
    const number = machineOf(Number(host[1]), answers).replace(/ of .*/, '');
    return `${HOST_FLAGS[role]}, ${number}${host[2] === '' ? '' : `, its ${host[2]}`}`;
  }
  if (path.startsWith('spec.controlPlane') || code === 'config.control-plane-endpoint') return '--endpoint';
  if (path.startsWith('spec.hosts')) return answers.topology === 'stacked' ? '--control-plane' : '--host';
  if (path.startsWith('spec.etcd') || path === 'spec') return '--topology';
  return FLAGS.find(([field]) => field.test(path))?.[1] ?? path;
}

/** A folder that nobody named is not guessed; one that belongs to no bundle is not passed over. */
function checkBundle(source: ClusterAnswers['source'], bundle: string | undefined): void {
  if (source === 'bundle' && bundle === undefined)
    throw new KeelsonError('usage', '--source bundle needs --bundle DIR, the folder of the bundle', {
      action: 'Give --bundle DIR, or another --source: packages, preinstalled.',
    });
  if (source !== 'bundle' && bundle !== undefined)
    throw new KeelsonError('usage', `--bundle goes with --source bundle, not with --source ${source}`, {
      action: 'Leave one of the two out.',
    });
}

async function answersOf(session: Session, given: Given): Promise<ClusterAnswers> {
  const { DEFAULT_KUBERNETES_VERSION } = await import('../../operations/init.ts');
  const name = word(given.name);
  const hosts = hostsOf(given);
  // A worker alone is no cluster.
  const machines = hosts.some(({ role }) => role !== 'worker');
  const preset = {
    kubernetesVersion: word(given.kubernetesVersion) ?? DEFAULT_KUBERNETES_VERSION,
    user: word(given.user) ?? 'root',
    source: source(given.source) ?? (given.bundle === undefined ? 'packages' : 'bundle'),
    ...(word(given.bundle) === undefined ? {} : { bundle: word(given.bundle) ?? '' }),
  } as const;
  const complete = name !== undefined && machines;
  // At a terminal the folder is asked for with what else is missing.
  if (complete || preset.source !== 'bundle') checkBundle(preset.source, word(given.bundle));
  const endpoint = word(given.endpoint);
  const topology = { ...topologyOf(given, hosts), ...(endpoint === undefined ? {} : { endpoint }) };
  if (complete) return { name, hosts, ...topology, ...preset };
  return askRest(session, { name, hosts, machines }, preset, given);
}

function hostsOf(given: Given): readonly Host[] {
  return (['etcd', 'control-plane', 'worker'] as const).flatMap((role) => {
    const words = given[OPTIONS[role]] as readonly string[] | undefined;
    return (words ?? []).map((text) => parseHost(text, role));
  });
}

/** As commander names them. */
const OPTIONS = { etcd: 'host', 'control-plane': 'controlPlane', worker: 'worker' } as const;

/** Machines of their own for etcd are there to be used. */
function topologyOf(given: Given, hosts: readonly Host[]): Pick<ClusterAnswers, 'topology'> {
  const said = TOPOLOGIES.find((topology) => topology === given.topology);
  return {
    topology: said ?? (hosts.length > 0 && hosts.every(({ role }) => role !== 'etcd') ? 'stacked' : 'external'),
  };
}

type Preset = Omit<ClusterAnswers, 'name' | 'hosts' | 'topology' | 'endpoint'>;

interface Known {
  name: string | undefined;
  hosts: readonly Host[];
  /** The flags have said which machines there are. */
  machines: boolean;
}

/** Only what no flag has said. */
async function askRest(session: Session, known: Known, preset: Preset, given: Given): Promise<ClusterAnswers> {
  const missing = [
    known.name === undefined ? '--name NAME' : '',
    known.machines ? '' : '--host NAME=ADDRESS (once for each machine of etcd) or --control-plane NAME=ADDRESS',
  ];
  const prompter = session.ask(missing.filter((flag) => flag !== '').join(' and '));
  const ask = async (flag: string, question: string, initial: string): Promise<string> =>
    word(given[flag]) ?? (await prompter.text(question, initial));
  const name = known.name ?? (await prompter.text('Name of the cluster', 'lab', required));
  const kubernetesVersion = await ask('kubernetesVersion', 'Version of Kubernetes', preset.kubernetesVersion);
  const hosts = known.machines ? known.hosts : await askMachines(prompter, known.hosts);
  const topology = topologyOf(given, hosts);
  const hasNodes = hosts.some(({ role }) => role !== 'etcd');
  const endpoint = hasNodes
    ? await ask('endpoint', 'Name and port of the API server, or nothing for the control plane’s address', '')
    : (word(given.endpoint) ?? '');
  const user = await ask('user', 'SSH login name on the machines', preset.user);
  const sources = hasNodes ? SOURCES.filter((one) => one !== 'packages') : SOURCES;
  const first = hasNodes && given.source === undefined ? 'bundle' : preset.source;
  const from = source(await ask('source', `Where programs come from: ${sources.join(', ')}`, first)) ?? first;
  const bundle =
    from === 'bundle' ? await ask('bundle', 'Folder of the bundle', preset.bundle ?? './bundle') : undefined;
  return {
    name,
    kubernetesVersion,
    hosts,
    ...topology,
    ...(endpoint === '' ? {} : { endpoint }),
    user,
    source: from,
    ...(bundle === undefined ? {} : { bundle }),
  };
}

/** A cluster of control planes and workers, or an etcd alone. `workers` are those that flags have named. */
async function askMachines(prompter: Prompter, workers: readonly Host[]): Promise<readonly Host[]> {
  const ask = async (role: Host['role'], question: string, initial: string, empty: boolean) =>
    parseHosts(await prompter.text(question, initial, (answer) => wrongHosts(answer, role, empty)), role, empty);
  const controlPlanes = await ask(
    'control-plane',
    'Control plane: NAME=ADDRESS, or nothing for an etcd alone',
    '',
    true,
  );
  if (controlPlanes.length === 0) {
    return await ask('etcd', 'Machines for etcd: NAME=ADDRESS, three or five, with blanks between', 'etcd-0=', false);
  }
  const question = 'Workers: NAME=ADDRESS, with blanks between, or nothing';
  return [...controlPlanes, ...(workers.length > 0 ? workers : await ask('worker', question, '', true))];
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function source(value: unknown): ClusterAnswers['source'] | undefined {
  return SOURCES.find((s) => s === value);
}

function required(answer: string): string | undefined {
  return answer.trim() === '' ? 'A name is needed.' : undefined;
}

function wrongHosts(answer: string, role: Host['role'], empty: boolean): string | undefined {
  try {
    parseHosts(answer, role, empty);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function parseHosts(answer: string, role: Host['role'], empty: boolean): Host[] {
  const words = answer.split(/[\s,]+/).filter((w) => w !== '');
  if (words.length === 0 && !empty)
    throw new KeelsonError('usage', `${HOST_FLAGS[role]}: at least one machine is needed`);
  return words.map((text) => parseHost(text, role));
}

function parseHost(text: string, role: Host['role']): Host {
  const [, name, address] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || address === undefined) {
    throw new KeelsonError('usage', `${HOST_FLAGS[role]} ${JSON.stringify(text)} is not NAME=ADDRESS`, {
      action: 'Write a machine like cp-0=10.77.0.20.',
    });
  }
  return { name, address, role };
}
