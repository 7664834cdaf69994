import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { errorCodes } from '../../src/model/codes.ts';
import { outputs, staleOutputs, writeOutput } from './outputs.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'keelson-generate-'));
});
afterAll(() => rmSync(root, { recursive: true }));

describe('generated files', () => {
  it('are stale when missing or changed, and not when just written', () => {
    expect(staleOutputs(root, outputs)).toEqual(outputs);
    for (const output of outputs) writeOutput(root, output);
    expect(staleOutputs(root, outputs)).toEqual([]);
    const file = join(root, 'docs/reference/errors.md');
    writeFileSync(file, readFileSync(file, 'utf8').replace('lock.held', 'lock.hold'));
    expect(staleOutputs(root, outputs).map(({ path }) => path)).toEqual(['docs/reference/errors.md']);
  });
});

function made(path: string): string {
  return outputs.find((output) => output.path === path)?.make() ?? '';
}

describe('the JSON Schema', () => {
  const schema = z.fromJSONSchema(JSON.parse(made('schema/cluster.schema.json')));
  const host = (n: number) => ({ name: `etcd-${n}`, address: `10.77.0.1${n}`, roles: ['etcd'] });
  const example = {
    apiVersion: 'keelson.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'lab' },
    spec: {
      kubernetesVersion: 'v1.36.3',
      ssh: { user: 'root', port: 22 },
      software: { source: 'bundle' },
      kubelet: { failCgroupV1: false, failSwapOn: false },
      etcd: { topology: 'external', quotaBackendBytes: '8Gi', serverCertSANs: ['etcd.example.com'] },
      hosts: [host(0), host(1), host(2)],
    },
  };

  it('takes the documented example', () => {
    expect(schema.safeParse(example).error?.issues).toBeUndefined();
  });

  it.each([
    ['an unknown key', { ...example, extra: 1 }],
    ['a missing one', { ...example, metadata: {} }],
    ['an unknown source', { ...example, spec: { ...example.spec, software: { source: 'floppy' } } }],
    ['a port that is text', { ...example, spec: { ...example.spec, ssh: { port: '22' } } }],
    ['a name that is no label', { ...example, metadata: { name: 'A B' } }],
  ])('refuses %s', (_, value) => {
    expect(schema.safeParse(value).success).toBe(false);
  });
});

describe('the references', () => {
  it('name every code, once', () => {
    const text = made('docs/reference/errors.md');
    for (const name of Object.keys(errorCodes)) expect(text.split(`| \`${name}\` |`)).toHaveLength(2);
  });

  it('give every area of the catalogue a title', () => {
    expect(made('docs/reference/errors.md')).not.toMatch(/^## [a-z](?!tcd$)(?!luster\.yaml$)/m);
  });

  it('have a row for every field', () => {
    const text = made('docs/reference/config.md');
    const fields = [
      'apiVersion',
      'kubernetesVersion',
      'proxyJump',
      'quotaBackendBytes',
      'hostKey',
      'recipients',
      'memberHealthy',
    ];
    for (const field of fields) expect(text).toMatch(new RegExp(`^\\| \`${field}\` \\| .* \\| \\S.* \\|$`, 'm'));
    expect(text).toMatch(/^\| `connect` \| text \| `10s` \| `10s` \| For one SSH connect\. \|$/m);
  });
});
