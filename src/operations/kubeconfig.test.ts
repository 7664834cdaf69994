import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ClusterConfig } from '../config/schema.ts';
import { chainsTo, parseCertificate } from '../model/x509.ts';
import { createIssuer } from '../pki/issuer.ts';
import { type KubeconfigRequest, kubectlFile, makeKubeconfig } from './kubeconfig.ts';
import { systemClock } from './local.ts';

const issuer = createIssuer({ clock: systemClock });
const ca = { commonName: 'kubernetes', algorithm: 'ecdsa-p256', validitySeconds: 90 * 86_400 } as const;
const ours = await issuer.createCa(ca);
const another = await issuer.createCa(ca);

function configOf(name: string, roles = ['control-plane']): ClusterConfig {
  return ClusterConfig.parse({
    apiVersion: 'keelson.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name },
    spec: {
      kubernetesVersion: 'v1.36.3',
      software: { source: 'preinstalled' },
      etcd: { topology: 'stacked' },
      pki: { leafValidity: '720h' },
      controlPlane: { endpoint: 'api.lab.example:8443' },
      hosts: [{ name: 'cp-0', address: '10.77.0.20', roles }],
    },
  });
}

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keelson-kubeconfig-'));
  file = join(folder, 'config');
});
afterEach(() => rmSync(folder, { recursive: true }));

function make(more: Partial<KubeconfigRequest> = {}, { name = 'lab', roles = ['control-plane'], pair = ours } = {}) {
  return makeKubeconfig(
    {
      config: configOf(name, roles),
      vault: { clusterKey: async () => ({ public: pair.certificate, key: pair.key }) },
      issuer,
      clock: systemClock,
    },
    { superAdmin: false, to: { is: 'file', path: file }, ...more },
  );
}

const merge = (use = false): Partial<KubeconfigRequest> => ({ to: { is: 'merge', path: file, use } });
const read = (): string => readFileSync(file, 'utf8');
const refusal = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

function certificateIn(text: string, user: string) {
  const config = parse(text) as { users: { name: string; user: Record<string, string> }[] };
  const pem = config.users.find((u) => u.name === user)?.user['client-certificate-data'] ?? '';
  return Buffer.from(pem, 'base64').toString();
}

describe('a kubeconfig of its own', () => {
  it('is for an administrator whom RBAC allows, signed by the vault’s CA, and for nobody else to read', async () => {
    const report = await make();
    expect(report).toMatchObject({
      file,
      cluster: 'lab',
      user: 'kubernetes-admin',
      groups: ['kubeadm:cluster-admins'],
      context: 'kubernetes-admin@lab',
      current: true,
      server: 'https://api.lab.example:8443',
    });
    const pem = certificateIn(read(), 'kubernetes-admin@lab');
    const certificate = parseCertificate(pem);
    expect(chainsTo(pem, ours.certificate)).toBe(true);
    expect(JSON.stringify(certificate.subject)).toContain('kubernetes-admin');
    expect(JSON.stringify(certificate.subject)).not.toContain('system:masters');
    expect(certificate.ekus).toEqual(['clientAuth']);
    expect(certificate.notAfter).toBe(report.expiresAt);
    expect(Math.round((Date.parse(report.expiresAt) - Date.now()) / 3_600_000)).toBe(720);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['config']);
    expect(parse(read())).toMatchObject({
      kind: 'Config',
      'current-context': 'kubernetes-admin@lab',
      clusters: [{ name: 'lab', cluster: { server: 'https://api.lab.example:8443' } }],
      contexts: [{ name: 'kubernetes-admin@lab', context: { cluster: 'lab', user: 'kubernetes-admin@lab' } }],
    });
  });

  it('tells no key: neither in the report nor in an error', async () => {
    const report = await make();
    expect(JSON.stringify(report)).not.toMatch(/PRIVATE|client-key|LS0tLS/);
  });

  it('goes to standard output, and to no file', async () => {
    let text = '';
    const write = (part: string): void => {
      text += part;
    };
    const report = await make({ to: { is: 'output', write } });
    expect(report.file).toBeNull();
    expect(certificateIn(text, 'kubernetes-admin@lab')).toContain('BEGIN CERTIFICATE');
    expect(existsSync(file)).toBe(false);
  });

  it('replaces an older one of the same cluster, with its mode', async () => {
    await make();
    const before = read();
    chmodSync(file, 0o644);
    await make({ validity: '1h' });
    expect(read()).not.toBe(before);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('replaces nothing else', async () => {
    await make({}, { pair: another });
    const before = read();
    await expect(make()).rejects.toEqual(refusal('kubeconfig.taken', 'its cluster lab is another one'));
    await expect(make({}, { name: 'prod' })).rejects.toEqual(refusal('kubeconfig.taken', 'it also holds lab'));
    writeFileSync(file, 'key: [half\n');
    await expect(make()).rejects.toEqual(refusal('kubeconfig.unreadable', 'it is not YAML'));
    writeFileSync(file, 'kind: Pod\n');
    await expect(make()).rejects.toEqual(refusal('kubeconfig.unreadable', 'it is not of kind Config'));
    expect(before).not.toBe('');
    expect(readdirSync(folder)).toEqual(['config']);
  });

  it('is above all RBAC only when asked for, and then for a day', async () => {
    const report = await make({ superAdmin: true });
    expect(report).toMatchObject({ user: 'kubernetes-super-admin', groups: ['system:masters'] });
    expect(Math.round((Date.parse(report.expiresAt) - Date.now()) / 3_600_000)).toBe(24);
    expect(JSON.stringify(parseCertificate(certificateIn(read(), 'kubernetes-super-admin@lab')).subject)).toContain(
      'system:masters',
    );
  });

  it.each([
    ['a component’s name', { user: 'system:kube-scheduler' }, 'is no name'],
    ['an empty name', { user: '' }, 'is no name'],
    ['two names', { user: 'alice', superAdmin: true }, '--super-admin has a name'],
    ['no duration', { validity: '1 day' }, 'is no duration'],
    ['a moment', { validity: '5s' }, 'is no duration'],
    ['longer than the CA', { validity: '8760h' }, 'the Kubernetes CA has expired'],
  ])('is refused: %s', async (_what, request, message) => {
    await expect(make(request)).rejects.toEqual(refusal('usage', message));
    expect(existsSync(file)).toBe(false);
  });

  it('is refused where there is nothing that it could lead to', async () => {
    await expect(make({}, { roles: ['etcd'] })).rejects.toEqual(refusal('usage', 'no control plane'));
  });
});

const theirs = `# mine, do not touch
apiVersion: v1
kind: Config
preferences: {}
clusters:
- cluster:
    server: https://prod.example:6443   # over there
    certificate-authority: /home/me/prod.crt
  name: prod
contexts:
- context: { cluster: prod, user: me, namespace: web }
  name: prod
current-context: prod
users:
- name: me
  user:
    token: abc
`;

describe('a kubeconfig that holds others', () => {
  it('keeps their text, and gets an entry of each kind', async () => {
    writeFileSync(file, theirs);
    expect(await make(merge())).toMatchObject({ file, current: false });
    const text = read();
    for (const line of theirs.split('\n').filter((l) => l !== ''))
      expect(text.replace(/ +#/g, ' #')).toContain(line.replace(/ +#/g, ' #'));
    expect(parse(text)).toMatchObject({
      'current-context': 'prod',
      clusters: [{ name: 'prod' }, { name: 'lab', cluster: { server: 'https://api.lab.example:8443' } }],
      contexts: [{ name: 'prod' }, { name: 'kubernetes-admin@lab' }],
      users: [{ name: 'me', user: { token: 'abc' } }, { name: 'kubernetes-admin@lab' }],
    });
    expect(text).toContain('\n- name: lab\n');
  });

  it('renews its own entry, and keeps what somebody has added to it', async () => {
    writeFileSync(file, theirs);
    await make(merge());
    writeFileSync(file, read().replace('    cluster: lab\n', '    cluster: lab\n    namespace: mine\n'));
    const before = certificateIn(read(), 'kubernetes-admin@lab');
    await make(merge());
    expect(certificateIn(read(), 'kubernetes-admin@lab')).not.toBe(before);
    const { contexts, clusters, users } = parse(read()) as Record<string, { name: string; context: unknown }[]>;
    expect([contexts?.length, clusters?.length, users?.length]).toEqual([2, 2, 2]);
    expect(contexts?.[1]?.context).toMatchObject({ namespace: 'mine' });
  });

  it('is made current where there is none, or when that is asked for', async () => {
    writeFileSync(file, theirs.replace('current-context: prod', 'current-context: ""'));
    expect(await make(merge())).toMatchObject({ current: true });
    writeFileSync(file, theirs);
    expect(await make(merge(true))).toMatchObject({ current: true });
    expect(parse(read())).toMatchObject({ 'current-context': 'kubernetes-admin@lab' });
  });

  it('may be empty, as kubectl writes an empty one, or not be there', async () => {
    writeFileSync(file, 'apiVersion: v1\nclusters: []\ncontexts: null\ncurrent-context: ""\nkind: Config\nusers: []\n');
    await make(merge());
    expect(parse(read())).toMatchObject({ clusters: [{ name: 'lab' }], contexts: [{}], users: [{}] });
    expect(read()).toContain('clusters:\n- name: lab\n');
    file = join(folder, 'not/there/config');
    expect(await make(merge())).toMatchObject({ current: true });
    expect(statSync(join(folder, 'not')).mode & 0o777).toBe(0o700);
  });

  it('is left as it is when a name in it is another cluster’s', async () => {
    writeFileSync(file, theirs);
    await make(merge(), { pair: another });
    const before = read();
    await expect(make(merge())).rejects.toEqual(refusal('kubeconfig.taken', 'its cluster lab is another one'));
    writeFileSync(file, theirs.replaceAll('prod', 'lab'));
    await expect(make(merge())).rejects.toEqual(refusal('kubeconfig.taken', 'its cluster lab is another one'));
    writeFileSync(file, theirs.replace('name: me', 'name: kubernetes-admin@lab'));
    await expect(make(merge())).rejects.toEqual(refusal('kubeconfig.taken', 'its user kubernetes-admin@lab'));
    writeFileSync(file, theirs.replace('  name: prod\ncurrent', '  name: kubernetes-admin@lab\ncurrent'));
    await expect(make(merge())).rejects.toEqual(refusal('kubeconfig.taken', 'its context kubernetes-admin@lab'));
    expect(before).not.toBe(theirs);
  });

  it('stays a symbolic link, and is written by one at a time', async () => {
    const target = join(folder, 'target');
    writeFileSync(target, theirs);
    symlinkSync(target, file);
    await make(merge());
    expect(readFileSync(target, 'utf8')).toContain('kubernetes-admin@lab');
    writeFileSync(`${file}.lock`, '');
    await expect(make(merge())).rejects.toEqual(refusal('kubeconfig.busy', 'somebody is changing'));
    expect(existsSync(`${file}.lock`)).toBe(true);
  });
});

it('is kubectl’s own file: the first that KUBECONFIG names', () => {
  expect(kubectlFile({ KUBECONFIG: '/a:/b' })).toBe('/a');
  expect(kubectlFile({ KUBECONFIG: ':/b' })).toBe('/b');
  expect(kubectlFile({ KUBECONFIG: '' })).toMatch(/\/\.kube\/config$/);
});
