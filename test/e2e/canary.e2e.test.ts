import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { type ClusterYaml, createTestCluster, type TestCluster } from './harness.ts';
import { type Ran, startKeelson } from './keelson-process.ts';

// One path for this computer and for the machines: whatever runs a value as a command, wherever it does, makes this file.
// Its name is short: a value must not be refused for its length alone.
const CANARY = `/tmp/kc${randomBytes(4).toString('hex')}`;

const hostile: Readonly<Record<string, string>> = {
  semicolon: `a; touch ${CANARY}`,
  substitution: `$(touch ${CANARY})`,
  backticks: `\`touch ${CANARY}\``,
  'single quote': `a'; touch ${CANARY}; '`,
  'double quote': `a"; touch ${CANARY}; "`,
  pipe: `a|touch ${CANARY}`,
  newline: `a\ntouch ${CANARY}\n`,
  'carriage return': `a\rtouch ${CANARY}\r`,
  'ssh option': `-oProxyCommand=touch ${CANARY}`,
  'jump to an ssh option': `a,-oProxyCommand=touch ${CANARY}`,
  'path upwards': `../../..${CANARY}/../x`,
  percent: `%h%n$IFS%(touch ${CANARY})`,
  NUL: `a\0touch ${CANARY}`,
  escape: `\u001b]0;touch ${CANARY}\u0007`,
};

interface Schema {
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}
const DATA = [
  'spec.etcd.allowEvenMembers',
  'spec.etcd.extraArgs[0].value',
  ...['apiServer', 'controllerManager', 'scheduler'].map((name) => `spec.controlPlane.${name}.extraArgs[0].value`),
];

type Path = readonly (string | number)[];

/** Every place of cluster.yaml that takes text, as the published schema has them. */
function textFields(schema: Schema, path: Path = []): Path[] {
  if (schema.items !== undefined) return textFields(schema.items, [...path, 0]);
  const here = schema.type === 'string' || schema.anyOf?.some(({ type }) => type === 'string') === true ? [path] : [];
  const below = Object.entries(schema.properties ?? {});
  return [...here, ...below.flatMap(([key, field]) => textFields(field, [...path, key]))];
}

const schemaFile = join(import.meta.dirname, '../../schema/cluster.schema.json');
const fields = textFields(JSON.parse(readFileSync(schemaFile, 'utf8')) as Schema);

const base = (): ClusterYaml => ({
  apiVersion: 'keelson.dev/v1alpha1',
  kind: 'Cluster',
  metadata: { name: 'lab' },
  spec: {
    kubernetesVersion: 'v1.36.3',
    hosts: [0, 1, 2].map((n) => ({ name: `etcd-${n}`, address: `198.51.100.${1 + n}`, roles: ['etcd'] })),
  },
});

function poison(file: ClusterYaml, path: Path, value: string): void {
  let at = file;
  for (const [n, part] of path.slice(0, -1).entries()) {
    at[part] ??= typeof path[n + 1] === 'number' ? [] : {};
    at = at[part];
  }
  at[path.at(-1) ?? ''] = value;
}

/** As the messages write it. */
const written = (path: Path): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .slice(1);

describe('hostile text in cluster.yaml', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'keelson-canary-'));
    mkdirSync(join(folder, 'home'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function keelson(args: readonly string[], file: ClusterYaml): Promise<Ran> {
    const ran = await startKeelson([...args, '-f', '-'], {
      cwd: folder,
      env: { HOME: join(folder, 'home') },
      stdin: stringify(file),
    }).done;
    expect(existsSync(CANARY)).toBe(false);
    return ran;
  }

  it('is tried in every field that takes text', () => {
    const names = fields.map(written);
    expect(names).toContain('spec.hosts[0].ssh.proxyJump');
    expect(names).toContain('spec.etcd.extraArgs[0].value');
    expect(names.length).toBeGreaterThan(35);
  });

  it.each(Object.entries(hostile))('%s: plan and apply refuse it in each field, by its place', async (_, value) => {
    const file = base();
    for (const path of fields) poison(file, path, value);
    file.spec.kubelet = { [value]: 1 };
    for (const command of [['plan'], ['apply', '--yes']]) {
      const ran = await keelson(command, file);
      expect(ran.exitCode).toBe(1);
      expect(ran.stderr).toContain('is not a field of KubeletConfiguration');
      const taken = fields.map(written).filter((name) => !ran.stderr.includes(`: ${name}: `));
      // Words for people, and an argument that no shell ever sees: the machines below show how they are carried.
      expect(taken.filter((name) => !DATA.includes(name))).toEqual([]);
      if (/[\0\r\n\u001b]/.test(value)) expect(taken).toEqual([]);
      // What is quoted in a message cannot steer a terminal either.
      expect(ran.stderr).not.toMatch(/[\0\r\u001b]/);
    }
  });
});

describe('text that is allowed, however odd', () => {
  const reason = `it's; touch ${CANARY} "x" $(touch ${CANARY}) \`touch ${CANARY}\` | %h ../ -oProxyCommand=touch`;
  const argument = `it's; touch ${CANARY}|"x" \`touch ${CANARY}\` & %h ../ $HOME -oProxyCommand=touch \\`;
  const provider = `${reason}\ntouch ${CANARY}\n--- \r\t# {{ x }}: &a *a !!x`;
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({
      name: 'e2e-canary',
      // Two, so that a reason is needed.
      machines: [{ name: '0-a' }, { name: 'b--9' }],
      config: (file, lab) => {
        file.metadata.name = 'x--0';
        file.spec.etcd = {
          allowEvenMembers: reason,
          dataDir: '/data/etcd_1.x/d-',
          extraArgs: [{ name: 'host-whitelist', value: argument }],
          serverCertSANs: ['*.x--y.example.com'],
        };
        file.spec.kubelet.providerID = provider;
        // As a letter, a sign that is no letter in ASCII, and all that a path may hold besides.
        const keys = mkdtempSync(join(tmpdir(), 'keelson-ключ@+=,:-'));
        copyFileSync(lab.identityFile, join(keys, 'é_.key'));
        file.spec.ssh.identityFile = join(keys, 'é_.key');
        keyFolder = keys;
      },
    });
    await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
  });
  let keyFolder: string | undefined;
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    if (keyFolder !== undefined) rmSync(keyFolder, { recursive: true, force: true });
  });

  async function expectNoCanary(): Promise<void> {
    expect(existsSync(CANARY)).toBe(false);
    for (const machine of cluster.machines()) {
      const { stdout } = await machine.exec(['find', '/', '-xdev', '-name', `${CANARY.slice('/tmp/'.length)}*`]);
      expect(stdout).toBe('');
      expect((await machine.exec(['ls', '-A', '/tmp'])).stdout).not.toContain(CANARY.slice('/tmp/'.length));
    }
  }

  it('is shown by plan and rendered, and runs nothing', async () => {
    await cluster.keelsonEnds(2, ['plan', '--detailed-exitcode']);
    await cluster.keelsonEnds(0, ['render', join(cluster.folder, 'rendered')]);
    await expectNoCanary();
  });

  it('reaches the machines as data, character by character', async () => {
    await cluster.keelsonEnds(0, ['apply', '--yes']);
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
    await cluster.keelsonEnds(0, ['status']);
    for (const machine of cluster.machines()) {
      const kubelet = parse(await machine.readFile('/etc/keelson/kubelet.yaml')) as ClusterYaml;
      expect(kubelet.providerID).toBe(provider);
      // As the process that runs has it.
      const { stdout } = await machine.exec(['sh', '-c', 'cat "/proc/$(pidof etcd)/cmdline"']);
      expect(stdout.split('\0')).toContain(`--host-whitelist=${argument}`);
    }
    await expectNoCanary();
  });

  it('a canary would have been seen', async () => {
    const machine = cluster.machine('b--9');
    await machine.exec(['touch', CANARY]);
    await expect(expectNoCanary()).rejects.toThrow();
    await machine.exec(['rm', CANARY]);
  });
});
