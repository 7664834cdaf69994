import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusterJsonSchema, type JsonSchema, schemaAt } from './json-schema.ts';
import { parseConfig } from './parse.ts';
import { type ConfigProblem, formatProblem } from './problem.ts';

const base = {
  apiVersion: 'keelson.dev/v1alpha1',
  kind: 'Cluster',
  metadata: { name: 'lab' },
  spec: {
    kubernetesVersion: 'v1.36.3',
    hosts: [0, 1, 2].map((n) => ({ name: `etcd-${n}`, address: `10.77.0.1${n}`, roles: ['etcd'] })),
  },
};
const baseText = JSON.stringify(base, null, 1);

/** For fields that only a control plane or a node has. */
const withControlPlane = {
  ...base,
  spec: {
    ...base.spec,
    software: { source: 'preinstalled' },
    etcd: { topology: 'stacked' },
    hosts: [{ name: 'cp-0', address: '10.77.0.20', roles: ['control-plane'] }],
  },
};
const ofNodes = new Set(['controlPlane', 'network', 'kubeProxy', 'kubeadm', 'labels', 'taints', 'zone', 'patches']);

type Path = readonly (string | number)[];

function stringFields(schema: JsonSchema, path: Path): Path[] {
  if (schema.items !== undefined) return stringFields(schema.items, [...path, 0]);
  const own = schema.type === 'string' || schema.anyOf?.some(({ type }) => type === 'string') === true ? [path] : [];
  return [
    ...own,
    ...Object.entries(schema.properties ?? {}).flatMap(([key, field]) => stringFields(field, [...path, key])),
  ];
}

/** Words for people and arguments of etcd: carried as data, on one line. */
const dataFields = new Set([
  'spec.etcd.allowEvenMembers',
  'spec.etcd.extraArgs.0.value',
  ...['apiServer', 'controllerManager', 'scheduler'].map((name) => `spec.controlPlane.${name}.extraArgs.0.value`),
]);
/** Whose names are the author's. */
const mappings: readonly { path: Path; name: string; value: unknown }[] = [
  { path: ['spec', 'hosts', 0, 'labels'], name: 'example.com/room', value: 'a' },
  { path: ['spec', 'controlPlane', 'featureGates'], name: 'NodeLocalCRISocket', value: true },
  { path: ['spec', 'kubelet'], name: 'maxPods', value: 20 },
  { path: ['spec', 'kubeProxy'], name: 'mode', value: 'nftables' },
];
const LABEL: Path = ['spec', 'hosts', 0, 'labels', 'room'];
const fields = [...stringFields(clusterJsonSchema(), []), LABEL];
const grammarFields = fields.filter((path) => !dataFields.has(path.join('.')));

function withValue(path: Path, value: unknown): string {
  const root: Record<string, unknown> = structuredClone(
    path.some((p) => ofNodes.has(String(p))) ? withControlPlane : base,
  );
  const { spec } = root as { spec: Record<string, Record<string, unknown>> };
  if (path.includes('loadBalancer')) {
    const loadBalancer = { kind: 'haproxy-keepalived', virtualIP: '10.77.0.100' };
    spec.controlPlane = { endpoint: 'api.example.com:8443', loadBalancer };
  }
  if (path.includes('manifests')) spec.network = { cni: { kind: 'manifest' } };
  let at = root as Record<string | number, unknown>;
  for (const [n, part] of path.slice(0, -1).entries()) {
    // An item has the fields that it needs from the list's example.
    const list = schemaAt(path.slice(0, n + 1))?.examples?.[0];
    at[part] ??= typeof path[n + 1] === 'number' ? (structuredClone(list) ?? []) : {};
    at = at[part] as Record<string | number, unknown>;
  }
  at[path.at(-1) ?? ''] = value;
  // What its neighbours need, so that the field alone decides.
  if (value === 'bundle') spec.software = { source: value, bundle: 'b' };
  if (path.includes('bundle')) spec.software = { ...spec.software, source: 'bundle' };
  if (path.includes('ca')) spec.pki = { ca: { certificate: 'a', key: 'b', [String(path.at(-1))]: value } };
  return JSON.stringify(root);
}

function exampleOf(path: Path): string {
  if (path === LABEL) return 'room-2';
  const schema = schemaAt(path);
  const list = path.at(-1) === 0 ? schemaAt(path.slice(0, -1))?.examples?.[0] : undefined;
  return String(schema?.const ?? (Array.isArray(list) ? list[0] : schema?.examples?.[0]));
}

/** Right in itself, whether keelson makes it yet or not. */
function faultsOf(text: string): readonly ConfigProblem[] {
  const parsed = parseConfig(text, 'cluster.yaml');
  return parsed.ok ? [] : parsed.problems.filter(({ code }) => code !== 'config.not-yet');
}

function isAccepted(text: string): boolean {
  return faultsOf(text).length === 0;
}

const hostile = [
  '-oProxyCommand=touch canary',
  '-',
  '--',
  '-F/dev/null',
  ';touch canary',
  'a;touch canary',
  '$(touch canary)',
  '`touch canary`',
  'a|b',
  'a&b',
  'a>b',
  '<a',
  'a\nb',
  'a\r\nb',
  '\n',
  'a b',
  ' a',
  'a ',
  'a\tb',
  '../x/../y',
  'a/../b',
  '/..',
  '..',
  '.',
  '/../etc',
  '%h',
  '%%',
  '%s%n',
  '${HOME}',
  '$HOME',
  "'",
  '"',
  '\\',
  'a\\nb',
  '\u0000',
  'a\u0000b',
  '\u001b[31m',
  '\u202e',
  '\u200b',
  '\u2028',
  '\ud800',
  '*',
  '?',
  '{a,b}',
  '!',
  '#',
  'a#b',
  'ａ',
  'еtcd',
  '[',
  ']',
  '~',
  '~root/x',
  'x'.repeat(100_000),
  '%0a',
  '&amp;',
  '{{ x }}',
  '<script>',
];

/** In a list of jump hosts each one begins anew. */
function isDangerous(path: Path, value: string): boolean {
  return dangerous.test(value) || (path.at(-1) === 'proxyJump' && /[,@]-/.test(value));
}

// What no accepted value of a grammar field may hold, whichever field it is.
const dangerous = /[\s;&|<>$`"'\\(){}!?%^#\p{C}]|^-|\/-|[^/.]\/\.\.(\/|$)|^\/\.\.(\/|$)|^\.{1,2}$/u;

describe('the places that are tried below', () => {
  // Else they could be refused for another reason than the value.
  it.each(fields.map((path) => ({ name: path.join('.'), path })))('$name takes its example', ({ path }) => {
    expect(faultsOf(withValue(path, exampleOf(path))).map(formatProblem)).toEqual([]);
  });
});

describe('hostile strings', () => {
  it('finds the fields that hold text', () => {
    const names = fields.map((path) => path.join('.'));
    expect(names).toContain('spec.ssh.proxyJump');
    expect(names).toContain('spec.hosts.0.ssh.identityFile');
    expect(names).toContain('spec.etcd.extraArgs.0.name');
    expect(names).toContain('spec.vault.recipients.0');
    expect(names).toContain('spec.controlPlane.loadBalancer.interface');
    expect(names).toContain('spec.controlPlane.scheduler.extraVolumes.0.hostPath');
    expect(names).toContain('spec.hosts.0.taints.0.key');
    expect(fields.length).toBeGreaterThan(65);
  });

  it.each(grammarFields.map((path) => ({ name: path.join('.'), path })))('$name holds none of them', ({ path }) => {
    const example = exampleOf(path);
    const half = Math.floor(example.length / 2);
    const values = hostile.flatMap((h) => [
      h,
      h + example,
      example + h,
      example.slice(0, half) + h + example.slice(half),
    ]);
    const taken = values.filter((value) => isDangerous(path, value) && isAccepted(withValue(path, value)));
    expect(taken).toEqual([]);
    expect(isAccepted(withValue(path, 'x'.repeat(100_000)))).toBe(false);
  });

  it.each(mappings.map((mapping) => ({ where: mapping.path.join('.'), ...mapping })))(
    'the names of $where hold none of them',
    ({ path, name, value }) => {
      expect(faultsOf(withValue([...path, name], value)).map(formatProblem)).toEqual([]);
      const names = hostile.flatMap((h) => [h, h + name, name + h, name.slice(0, 4) + h + name.slice(4)]);
      const taken = names.filter((n) => isDangerous(path, n) && isAccepted(withValue([...path, n], value)));
      expect(taken).toEqual([]);
    },
  );

  it('whatever they are made of', () => {
    const piece = fc.oneof(
      fc.constantFrom(...hostile.slice(0, -1)),
      fc.constantFrom('a', '/', '.', ':', '1', 'h', 'v1.36.3', '10.77.0.9', 'etcd', '~/', '@', ',', '-', '_'),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...grammarFields), fc.array(piece, { maxLength: 4 }), (path, pieces) => {
        const value = pieces.join('');
        if (isAccepted(withValue(path, value))) expect(isDangerous(path, value)).toBe(false);
      }),
      { numRuns: 1200 },
    );
  });

  it.each(['a\nb', 'a\u0000b', '\u001b[31m', '\u2028', '\u202e'])(
    '%j is refused even where any words are taken',
    (value) => {
      for (const path of fields) expect(isAccepted(withValue(path, value))).toBe(false);
    },
  );

  it('of words and arguments are carried as they are', () => {
    const value = 'a; `b` | "c" \\ %h ../x';
    const parsed = parseConfig(withValue(['spec', 'etcd', 'extraArgs', 0, 'value'], value), 'cluster.yaml');
    expect(parsed.ok && parsed.config.spec.etcd.extraArgs).toEqual([{ name: 'snapshot-count', value }]);
  });
});

describe('any text', () => {
  const check = (text: string): void => {
    const parsed = parseConfig(text, 'cluster.yaml');
    if (parsed.ok) return;
    expect(parsed.problems.length).toBeGreaterThan(0);
    for (const problem of parsed.problems) {
      expect(formatProblem(problem)).toMatch(/^cluster\.yaml:[1-9]\d*:[1-9]\d*: [^\p{C}\p{Zl}\p{Zp}]+$/u);
    }
  };

  it('is answered, with problems on one line each', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), check), { numRuns: 1000 });
  });

  it('that looks like YAML is answered', () => {
    const token = fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '- ',
      '? ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '&a ',
      '*a',
      '!!str ',
      '!x ',
      '|',
      '>',
      '"',
      "'",
      '#',
      '%YAML 1.1\n',
      '---\n',
      '...\n',
      '<<: ',
      '\t',
      '__proto__',
      'constructor',
      'spec: ',
      'hosts: ',
      '\n  ',
      '1',
      'null',
      '.nan',
      '~',
      'etcd: ',
      'kubelet: ',
      'toString: ',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 60 }), (tokens) => check(tokens.join(''))),
      { numRuns: 1200 },
    );
  });

  it('that is a damaged configuration is answered', () => {
    const cut = fc.record({
      at: fc.nat(baseText.length),
      remove: fc.nat(20),
      insert: fc.string({ unit: 'binary', maxLength: 6 }),
    });
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 3 }), (cuts) => {
        check(
          cuts.reduce((text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove), baseText),
        );
      }),
      { numRuns: 800 },
    );
  });

  it('with names that every object has is answered', () => {
    check(
      '{"spec": {"ssh": {"user": {"toString": 0}, "constructor": 1}, "kubelet": {"constructor": {"prototype": 1}}}}',
    );
    check('{"toString": 1, "hasOwnProperty": 2, "metadata": {"valueOf": 3, "name": {"valueOf": 4, "toJSON": 5}}}');
  });

  it('of any JSON value in any place is answered', () => {
    const places = [[], ['spec'], ...fields.map((path) => path.slice(0, -1)), ...fields];
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.jsonValue({ maxDepth: 4 }), (path, value) => {
        let root: unknown = value;
        for (const part of [...path].reverse()) root = typeof part === 'number' ? [root] : { [part]: root };
        check(
          JSON.stringify(
            typeof root === 'object' && root !== null && !Array.isArray(root) ? { ...base, ...root } : root,
          ),
        );
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a megabyte', () => {
  const fill = (piece: string): string => piece.repeat(Math.floor((1024 * 1024 - 100) / piece.length));
  const numbered = (line: (n: number) => string): string => {
    let text = '';
    for (let n = 0; text.length < 1024 * 1024 - 200; n++) text += line(n);
    return text;
  };
  const head = 'spec:\n  hosts:\n';

  // Without the limits several of these take minutes. A wrong escape is the dearest character: 4 s for a whole megabyte.
  it.each([
    ['brackets', fill('[')],
    ['deep lists', fill('- ')],
    ['maps in lists', fill('[{a: ')],
    ['documents', fill('---\n')],
    ['different keys', numbered((n) => `k${n}: 1\n`)],
    ['the same key', fill('k: 1\n')],
    ['aliases', `a: &a x\n${numbered((n) => `k${n}: *a\n`)}`],
    ['anchors', numbered((n) => `k${n}: &a${n} x\n`)],
    ['wrong escapes', `a: "${fill('\\x').slice(0, 256 * 1024)}"`],
    ['one word', `a: ${fill('x')}`],
    ['wrong hosts', head + numbered((n) => `    - {name: A${n}, address: x, roles: [z], q: 1}\n`)],
    ['hosts', head + numbered((n) => `    - {name: a${n}, address: 10.0.0.1, roles: [etcd]}\n`)],
    ['long names', `spec:\n  etcd:\n    serverCertSANs:\n${numbered((n) => `      - ${'a'.repeat(60)}.${n}!\n`)}`],
    ['directives', `${numbered((n) => `%TAG !a${n}! tag:x\n`)}---\na: 1\n`],
  ])('of %s is refused in bounded time', (_, text) => {
    const started = performance.now();
    expect(isAccepted(text)).toBe(false);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  it('of aliases that unfold without end is refused', () => {
    const bomb = Array.from(
      { length: 30 },
      (_, n) =>
        `k${n}: &k${n} [${Array(10)
          .fill(n === 0 ? 'x' : `*k${n - 1}`)
          .join(', ')}]\n`,
    ).join('');
    const started = performance.now();
    expect(isAccepted(bomb)).toBe(false);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
