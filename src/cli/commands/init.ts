import { KeelsonError } from '../../model/errors.ts';
import type { ClusterAnswers, ConfigProblem } from '../../operations/init.ts';
import type { Handler } from '../define.ts';
import type { Session } from '../session.ts';
import { document } from '../views/json/document.ts';

type Host = ClusterAnswers['hosts'][number];
type Given = Readonly<Record<string, unknown>>;

const SOURCES = ['packages', 'bundle', 'preinstalled'] as const;

export const init: Handler = async (session, _args, options) => {
  const { checkAbsent, clusterFile, writeClusterFile } = await import('../../operations/init.ts');
  const { file } = session.options;
  const force = options.force === true;
  if (file !== '-' && !force) await checkAbsent(file);
  const text = clusterFile(await answersOf(session, options), file === '-' ? 'cluster.yaml' : file, inFlags);
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

/** A problem of the file, which has not been written, in the words of the flags. */
function inFlags({ code, path, message, action }: ConfigProblem): string {
  const what = message.replace(/spec\.hosts\[(\d+)\](?:\.\w+)?/g, (_path, index) => `machine ${Number(index) + 1}`);
  return `${flagOf(path)}: ${what}; ${ACTIONS[code] ?? action}`;
}

/** Where the file's own advice names a field that no flag is for. */
const ACTIONS: Partial<Record<ConfigProblem['code'], string>> = {
  'config.even-members':
    'use an odd number; for an even one, make the file with one machine less, then add the last one there, and the reason as spec.etcd.allowEvenMembers',
};

/** Which flag a field of the file was made from; of machines, which one. */
function flagOf(path: string): string {
  const host = /^spec\.hosts\[(\d+)\]\.?(.*)$/.exec(path);
  if (host !== null) return `--host, machine ${Number(host[1]) + 1}${host[2] === '' ? '' : `, its ${host[2]}`}`;
  if (path.startsWith('spec.hosts') || path.startsWith('spec.etcd')) return '--host';
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
  const hosts = given.host === undefined ? undefined : (given.host as readonly string[]).map(parseHost);
  const preset = {
    kubernetesVersion: word(given.kubernetesVersion) ?? DEFAULT_KUBERNETES_VERSION,
    user: word(given.user) ?? 'root',
    source: source(given.source) ?? (given.bundle === undefined ? 'packages' : 'bundle'),
    ...(word(given.bundle) === undefined ? {} : { bundle: word(given.bundle) ?? '' }),
  } as const;
  const complete = name !== undefined && hosts !== undefined;
  // At a terminal the folder is asked for with what else is missing.
  if (complete || preset.source !== 'bundle') checkBundle(preset.source, word(given.bundle));
  if (complete) return { name, hosts, ...preset };
  return askRest(session, { name, hosts }, preset, given);
}

type Preset = Omit<ClusterAnswers, 'name' | 'hosts'>;

/** Only what no flag has said. */
async function askRest(
  session: Session,
  known: { name: string | undefined; hosts: readonly Host[] | undefined },
  preset: Preset,
  given: Given,
): Promise<ClusterAnswers> {
  const missing = [
    known.name === undefined ? '--name NAME' : '',
    known.hosts === undefined ? '--host NAME=ADDRESS (once for each machine)' : '',
  ];
  const prompter = session.ask(missing.filter((flag) => flag !== '').join(' and '));
  const ask = async (flag: string, question: string, initial: string): Promise<string> =>
    word(given[flag]) ?? (await prompter.text(question, initial));
  const name = known.name ?? (await prompter.text('Name of the cluster', 'lab', required));
  const kubernetesVersion = await ask('kubernetesVersion', 'Version of Kubernetes', preset.kubernetesVersion);
  const hosts =
    known.hosts ??
    parseHosts(
      await prompter.text('Machines for etcd: NAME=ADDRESS, three or five, with blanks between', 'etcd-0=', checkHosts),
    );
  const user = await ask('user', 'SSH login name on the machines', preset.user);
  const from =
    source(await ask('source', `Where programs come from: ${SOURCES.join(', ')}`, preset.source)) ?? preset.source;
  const bundle =
    from === 'bundle' ? await ask('bundle', 'Folder of the bundle', preset.bundle ?? './bundle') : undefined;
  return { name, kubernetesVersion, hosts, user, source: from, ...(bundle === undefined ? {} : { bundle }) };
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

function checkHosts(answer: string): string | undefined {
  try {
    parseHosts(answer);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function parseHosts(answer: string): Host[] {
  const words = answer.split(/[\s,]+/).filter((w) => w !== '');
  if (words.length === 0) throw new KeelsonError('usage', '--host: at least one machine is needed');
  return words.map(parseHost);
}

function parseHost(text: string): Host {
  const [, name, address] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || address === undefined) {
    throw new KeelsonError('usage', `--host ${JSON.stringify(text)} is not NAME=ADDRESS`, {
      action: 'Write a machine like etcd-0=10.77.0.10.',
    });
  }
  return { name, address };
}
