import { describe, expect, it } from 'vitest';
import { KeelsonError } from '../model/errors.ts';
import { readKubeManifests } from './kube-manifests.ts';

function problemsOf(text: string): string[] {
  try {
    readKubeManifests(text, 'cni.yaml');
  } catch (error) {
    if (!(error instanceof KeelsonError)) throw error;
    expect(error).toMatchObject({ code: 'kube.manifest', details: { where: 'cni.yaml' } });
    return error.message.split('\n').slice(1);
  }
  return [];
}

const configMap = (name: string, rest = '') => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${rest}`;

describe('readKubeManifests', () => {
  it('reads all documents with their places, and leaves empty ones out', () => {
    const text = `# a comment alone\n---\n${configMap('a')}---\n---\n\n${configMap('b', 'data: {x: "1"}\n')}---\n# end\n`;
    expect(readKubeManifests(text, 'cni.yaml')).toEqual([
      { object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }, where: 'cni.yaml:3' },
      {
        object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b' }, data: { x: '1' } },
        where: 'cni.yaml:10',
      },
    ]);
    expect(readKubeManifests('', 'cni.yaml')).toEqual([]);
  });

  it('takes a list apart', () => {
    const item = (name: string) => `- apiVersion: v1\n  kind: Namespace\n  metadata: {name: ${name}}\n`;
    const read = readKubeManifests(`apiVersion: v1\nkind: List\nitems:\n${item('a')}${item('b')}`, 'l.yaml');
    expect(read.map(({ object, where }) => [object.metadata.name, where])).toEqual([
      ['a', 'l.yaml:4'],
      ['b', 'l.yaml:7'],
    ]);
  });

  it('reads JSON', () => {
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } };
    expect(readKubeManifests(JSON.stringify(object, null, 2), 'a.json')).toEqual([{ object, where: 'a.json:1' }]);
  });

  it.each([
    ['0644', 420],
    ['0o644', 420],
    ['644', 644],
    ['0', 0],
    ['08', 8],
    ['"0644"', '0644'],
    ['yes', true],
    ['Off', false],
    ['"yes"', 'yes'],
    ['y', 'y'],
    ['true', true],
    ['1:30', '1:30'],
    ['2026-01-01', '2026-01-01'],
    ['~', null],
  ])('reads %s as kubectl does', (written, value) => {
    const [read] = readKubeManifests(configMap('a', `spec: {value: ${written}}\n`), 'a.yaml');
    expect(read?.object.spec).toEqual({ value });
  });

  it('has keys that are text, anchors and merge keys', () => {
    const text = configMap('a', 'base: &base {on: 1, 1: x}\nspec:\n  <<: *base\n  other: *base\n');
    const base = { on: 1, 1: 'x' };
    expect(readKubeManifests(text, 'a.yaml')[0]?.object).toMatchObject({ base, spec: { ...base, other: base } });
  });

  it('names what is wrong, each with its line', () => {
    const text = [
      'kind: ConfigMap',
      'metadata:',
      '  labels:',
      '    a: true',
      '    b: "x"',
      '---',
      'apiVersion: /v1',
      'kind: daemonset',
      'metadata:',
      '  name: 12',
      '  namespace: Kube System',
      '---',
      '- a list',
      '---',
      'just text',
    ].join('\n');
    expect(problemsOf(text)).toEqual([
      'cni.yaml:1: ConfigMap: apiVersion is missing; for example apps/v1',
      'cni.yaml:3: ConfigMap: metadata.name is missing; for example kube-flannel',
      'cni.yaml:4: ConfigMap: metadata.labels.a is not text; put it in quotes',
      'cni.yaml:7: daemonset: apiVersion cannot be "/v1"; for example apps/v1',
      'cni.yaml:8: daemonset: kind cannot be "daemonset"; for example DaemonSet',
      'cni.yaml:10: daemonset: metadata.name is not text; put it in quotes',
      'cni.yaml:11: daemonset: metadata.namespace cannot be "Kube System"; for example kube-system',
      'cni.yaml:13: is no object, but another value',
      'cni.yaml:15: is no object, but another value',
    ]);
  });

  it('names what is no YAML, a key or an object that is given twice, and aliases to nothing', () => {
    expect(problemsOf(`${configMap('a')}---\na: [1\n`)).toEqual([expect.stringMatching(/^cni\.yaml:\d: /)]);
    expect(problemsOf(configMap('a', 'data: {}\ndata: {}\n'))).toEqual(['cni.yaml:6: Map keys must be unique']);
    expect(problemsOf(`${configMap('a')}---\n${configMap('a')}`)).toEqual([
      'cni.yaml:6: ConfigMap a: is also at cni.yaml:1',
    ]);
    expect(problemsOf(configMap('a', 'data: *nothing\n'))).toEqual([expect.stringContaining('nothing')]);
  });

  it('does not unfold without end', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(', ')}]`,
    );
    expect(problemsOf(configMap('a', `l0: &l0 [x]\n${levels.join('\n')}\n`))).toEqual([
      expect.stringContaining('Excessive alias count'),
    ]);
    expect(problemsOf('x'.repeat(16 * 1024 * 1024 + 1))).toEqual(['cni.yaml: is longer than any manifest']);
  });

  it('shows the first of many problems', () => {
    const problems = problemsOf(Array(25).fill('a: 1\n').join('---\n'));
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toBe('and 55 more');
  });
});
