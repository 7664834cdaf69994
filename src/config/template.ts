import { flow } from './flow.ts';
import { clusterJsonSchema, type JsonSchema } from './json-schema.ts';
import { notYetFields } from './rules/not-yet.ts';
import { API_VERSION } from './schema.ts';

/** What `keelson init` has been told. Nothing is checked here: parse the text that comes out. */
export interface ClusterAnswers {
  name: string;
  /** `v1.36.3` */
  kubernetesVersion: string;
  hosts: readonly { name: string; address: string; role: 'etcd' | 'control-plane' | 'worker' }[];
  topology: 'external' | 'stacked';
  /** `api.example.com:6443` */
  endpoint?: string;
  /** Login name. */
  user: string;
  sshPort?: number;
  identityFile?: string;
  proxyJump?: string;
  source: 'packages' | 'bundle' | 'preinstalled';
  /** Folder of the bundle, with `source: bundle`. */
  bundle?: string;
}

type Given = Readonly<Record<string, unknown>>;

/**
 * A cluster.yaml with the answers filled in, and every other field in a comment with what it is for and its default or an
 * example. A commented field has no blank after the `#`; taking the `#` away is enough.
 */
export function clusterTemplate(answers: ClusterAnswers): string {
  const { properties = {} } = clusterJsonSchema();
  const { metadata = {}, spec = {} } = properties;
  const lines = [
    '# A cluster as keelson makes and keeps it. Next: keelson hosts trust, keelson check, keelson plan, keelson apply.',
    '# Fields in comments show their default or an example; take away the # to set one.',
    `apiVersion: ${API_VERSION}`,
    'kind: Cluster',
    'metadata:',
    ...fieldLines(metadata, { name: answers.name }, '  '),
    'spec:',
    ...fieldLines(omitted(spec, answers), givenSpec(answers), '  '),
    ...hostLines(spec.properties?.hosts ?? {}, answers),
  ];
  return `${lines.join('\n')}\n`;
}

function givenSpec(answers: ClusterAnswers): Given {
  const { user, sshPort, identityFile, proxyJump, source } = answers;
  return {
    kubernetesVersion: answers.kubernetesVersion,
    ssh: defined({ user, port: sshPort, identityFile, proxyJump }),
    software: defined({ source, bundle: source === 'bundle' ? (answers.bundle ?? './bundle') : undefined }),
    etcd: { topology: answers.topology },
    ...(answers.endpoint === undefined ? {} : { controlPlane: { endpoint: answers.endpoint } }),
  };
}

/** Sections that say nothing of an etcd alone. */
const OF_CONTROL_PLANES = ['controlPlane', 'kubeProxy', 'kubeadm', 'network'];

/** Fields that the chosen source and the machines do not have, and the hosts, which are written by themselves. */
function omitted(spec: JsonSchema, answers: ClusterAnswers): JsonSchema {
  const { hosts: _hosts, software = {}, ...others } = made(spec, 'spec').properties ?? {};
  const nodes = answers.hosts.some(({ role }) => role !== 'etcd') || answers.endpoint !== undefined;
  const rest = Object.fromEntries(
    Object.entries(others).filter(([name]) => nodes || !OF_CONTROL_PLANES.includes(name)),
  );
  const { bundle, repository, ...common } = software.properties ?? {};
  const own = answers.source === 'packages' ? { repository } : answers.source === 'bundle' ? { bundle } : {};
  const order = { kubernetesVersion: {}, ssh: {}, software: {} };
  const properties = { ...order, ...rest, software: { ...software, properties: defined({ ...common, ...own }) } };
  return { properties: properties as Record<string, JsonSchema> };
}

/** Without what is refused wherever it stands, or unless another field has another value. */
function made(schema: JsonSchema, path: string): JsonSchema {
  if (schema.properties === undefined) return schema;
  const properties = Object.entries(schema.properties)
    .map(([key, field]) => ({ key, at: `${path}.${key}`, field }))
    .filter(({ at }) => !notYetFields.includes(at) && at !== 'spec.network.cni.manifests')
    .map(({ key, at, field }) => [key, made(field, at)] as const);
  return { ...schema, properties: Object.fromEntries(properties) };
}

/** `dead` stands before every line of a section that is in a comment as a whole. */
function fieldLines(section: JsonSchema, given: Given | undefined, indent: string, dead = ''): string[] {
  return Object.entries(section.properties ?? {}).flatMap(([key, field]) => {
    const value = given?.[key];
    const hash = value === undefined && dead === '' ? '#' : '';
    // With the section itself in a comment, the # of its lines stands where the section's name begins.
    const [live, inner] = dead === '' ? [indent, `${indent}  `] : [`${dead}${indent}`, `${indent}  `];
    const prose = wrapped(field.description ?? '', 100 - live.length).map((text) => `${live}# ${text}`);
    if (field.properties === undefined || field.required !== undefined) {
      return [...prose, `${live}${hash}${key}: ${flow(value ?? shownValue(field))}`];
    }
    const header = `${live}${hash}${key}:`;
    if (value !== undefined) return [...prose, header, ...fieldLines(field, value as Given, inner)];
    const [deadAt, from] = dead === '' ? [`${indent}#`, '  '] : [dead, inner];
    return [...prose, header, ...fieldLines(field, undefined, from, deadAt)];
  });
}

function hostLines(list: JsonSchema, answers: ClusterAnswers): string[] {
  const { ssh = {}, labels, taints, zone } = list.items?.properties ?? {};
  const head = wrapped(list.description ?? '', 98).map((text) => `  # ${text}`);
  const hosts = answers.hosts.flatMap(({ name, address, role }, index) => {
    const isFirst = answers.hosts.findIndex((host) => host.role === role) === index;
    const ofNode = role === 'etcd' ? {} : { labels, taints, zone };
    const shown = defined({ ...ofNode, ...(index === 0 ? { ssh } : {}) }) as Record<string, JsonSchema>;
    return [
      `    - name: ${flow(name)}`,
      `      address: ${flow(address)}`,
      `      roles: [${role}]`,
      ...(isFirst ? fieldLines({ properties: shown }, undefined, '      ') : []),
    ];
  });
  return [...head, hosts.length === 0 ? '  hosts: []' : '  hosts:', ...hosts];
}

function shownValue(field: JsonSchema): unknown {
  if (field.properties !== undefined) {
    return Object.fromEntries(Object.entries(field.properties).map(([key, inner]) => [key, shownValue(inner)]));
  }
  const { default: preset } = field;
  const isEmpty = preset === undefined || (typeof preset === 'object' && Object.keys(preset ?? {}).length === 0);
  return isEmpty ? (field.examples?.[0] ?? preset) : preset;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
