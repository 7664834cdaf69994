import { describe, expect, it } from 'vitest';
import { parseConfig } from './parse.ts';
import { formatProblem } from './problem.ts';
import { type ClusterAnswers, clusterTemplate } from './template.ts';

const answers: ClusterAnswers = {
  name: 'prod',
  kubernetesVersion: 'v1.36.3',
  user: 'root',
  source: 'packages',
  topology: 'external',
  hosts: [1, 2, 3].map((n) => ({ name: `etcd-${n}`, address: `10.0.0.1${n}`, role: 'etcd' })),
};

const cluster: ClusterAnswers = {
  ...answers,
  source: 'bundle',
  topology: 'stacked',
  hosts: [
    { name: 'cp-0', address: '10.0.0.20', role: 'control-plane' },
    { name: 'worker-0', address: '10.0.0.30', role: 'worker' },
    { name: 'worker-1', address: '10.0.0.31', role: 'worker' },
  ],
};

function problemsOf(text: string): string[] {
  const parsed = parseConfig(text, 'cluster.yaml');
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

interface CommentedField {
  line: number;
  indent: number;
  key: string;
  isSection: boolean;
}

/** A commented field has no blank after the `#`, or, inside a commented section, an even number of them. */
function commentedFields(lines: readonly string[]): CommentedField[] {
  return lines.flatMap((text, line) => {
    const match = /^( *)#((?: {2})*)([A-Za-z]+):( .+)?$/.exec(text);
    const [, before = '', after = '', key = '', value] = match ?? [];
    return match === null ? [] : [{ line, indent: before.length + after.length, key, isSection: value === undefined }];
  });
}

/** Takes the `#` away from one field and from the sections that it is in. */
function uncommented(lines: readonly string[], fields: readonly CommentedField[], field: CommentedField): string {
  const live = new Set([field.line]);
  let { indent } = field;
  const block = fields.filter(({ line }) => line < field.line).toReversed();
  for (const above of block) {
    if (!lines.slice(above.line, field.line).every((text) => /^ *#/.test(text))) break;
    if (above.indent >= indent || !above.isSection) continue;
    live.add(above.line);
    indent = above.indent;
  }
  return lines.map((text, line) => (live.has(line) ? text.replace('#', '') : text)).join('\n');
}

/** What is wrong in itself, whether keelson makes it yet or not. */
function faultsOf(text: string): string[] {
  const parsed = parseConfig(text, 'cluster.yaml');
  return parsed.ok ? [] : parsed.problems.filter(({ code }) => code !== 'config.not-yet').map(formatProblem);
}

describe.each([
  { what: 'etcd with source packages', given: { ...answers, source: 'packages' } },
  { what: 'etcd with source bundle', given: { ...answers, source: 'bundle' } },
  { what: 'etcd with source preinstalled', given: { ...answers, source: 'preinstalled' } },
  { what: 'a cluster with source bundle', given: cluster },
  {
    what: 'a cluster with an endpoint',
    given: { ...cluster, endpoint: 'api.example.com:8443', source: 'preinstalled' },
  },
] satisfies { what: string; given: ClusterAnswers }[])('the template for $what', ({ given }) => {
  const text = clusterTemplate(given);
  const lines = text.split('\n');
  const fields = commentedFields(lines);

  it('is a configuration with the answers', () => {
    const parsed = parseConfig(text, 'cluster.yaml');
    expect(problemsOf(text)).toEqual([]);
    expect(parsed.ok && parsed.config).toMatchObject({
      metadata: { name: 'prod' },
      spec: {
        kubernetesVersion: 'v1.36.3',
        software: { source: given.source },
        ssh: { user: 'root' },
        etcd: { topology: given.topology },
        hosts: given.hosts.map(({ name, address, role }) => ({ name, address, roles: [role] })),
      },
    });
  });

  it.each(fields.filter(({ isSection }) => !isSection))('takes $key in line $line without its #', (field) => {
    const changed = uncommented(lines, fields, field);
    expect(changed).not.toBe(text);
    expect(faultsOf(changed)).toEqual([]);
    expect(changed.split('\n')[field.line]).toMatch(/^ +[A-Za-z]+: /);
  });
});

describe('clusterTemplate', () => {
  it('shows every field that there is', () => {
    const text = clusterTemplate(answers);
    for (const key of [
      'proxyJump',
      'repository',
      'extraArgs',
      'allowEvenMembers',
      'ca',
      'recipients',
      'memberHealthy',
      'hostKey',
    ]) {
      expect(text).toMatch(new RegExp(`^ *# *${key}: *`, 'm'));
    }
  });

  it('shows what a cluster has', () => {
    const text = clusterTemplate(cluster);
    for (const key of ['endpoint', 'loadBalancer', 'certSANs', 'podSubnet', 'kubeProxy', 'labels', 'taints', 'zone']) {
      expect(text).toMatch(new RegExp(`^ *# *${key}: *`, 'm'));
      expect(clusterTemplate(answers)).not.toMatch(new RegExp(`^ *# *${key}: *`, 'm'));
    }
    // Refused whatever they hold.
    expect(text).not.toMatch(/drain:|joins:|patches:/);
  });

  it('takes an endpoint', () => {
    const parsed = parseConfig(clusterTemplate({ ...cluster, endpoint: 'api.example.com:8443' }), 'cluster.yaml');
    expect(parsed.ok && parsed.config.spec.controlPlane?.endpoint).toBe('api.example.com:8443');
  });

  it('takes all that can be answered', () => {
    const full = {
      ...answers,
      user: 'admin',
      sshPort: 2222,
      identityFile: '~/.ssh/id',
      proxyJump: 'jump.example.com',
      source: 'bundle',
      bundle: '../bundle',
    } as const;
    const parsed = parseConfig(clusterTemplate(full), 'cluster.yaml');
    expect(parsed.ok && parsed.config.spec).toMatchObject({
      ssh: { user: 'admin', port: 2222, identityFile: '~/.ssh/id', proxyJump: 'jump.example.com' },
      software: { source: 'bundle', bundle: '../bundle' },
      hosts: [{ ssh: { user: 'admin', port: 2222, become: 'sudo' } }, {}, {}],
    });
  });

  it('carries an answer as data, whatever it holds', () => {
    const hostile = 'x }\n  pki: { caKeyPlacement: first-host }\n#';
    const text = clusterTemplate({
      ...answers,
      user: hostile,
      name: hostile,
      hosts: [{ name: hostile, address: hostile, role: 'etcd' }],
    });
    expect(problemsOf(text)).toHaveLength(4);
    expect(problemsOf(clusterTemplate({ ...answers, name: '1e3', user: 'null' }))).toEqual([]);
  });

  it('says by itself when there are no hosts yet', () => {
    expect(problemsOf(clusterTemplate({ ...answers, hosts: [] }))).toEqual([
      expect.stringMatching(/spec\.hosts: has no machine with the role etcd; list three or five machines$/),
    ]);
  });
});
