import { describe, expect, it } from 'vitest';
import { openVault } from '../../test/checks/scene.ts';
import { nodesView, stackedConfig } from '../../test/checks/stacked.ts';
import type { FilesFact } from '../facts/types.ts';
import type { FileFact, FileSpec } from '../model/file.ts';
import { hostId } from '../model/ids.ts';
import { parseCertificate } from '../model/x509.ts';
import { createIssuer } from '../pki/issuer.ts';
import type { World } from '../ports/world.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { etcdClientCertificate } from './etcd-client-certificate.ts';
import type { View } from './types.ts';

const on = hostId('cp-1');
const step = etcdClientCertificate.bind({}, on);
const issuer = createIssuer({ clock: manualClock() });
const ca = await issuer.createCa({
  commonName: 'etcd-ca',
  algorithm: 'ecdsa-p256',
  validitySeconds: 10 * 365 * 86_400,
});
const config = stackedConfig({
  source: 'preinstalled',
  etcd: '{ topology: external }',
  hosts: [
    '    - { name: etcd-0, address: 10.77.0.10, roles: [etcd] }',
    '    - { name: etcd-1, address: 10.77.0.11, roles: [etcd] }',
    '    - { name: etcd-2, address: 10.77.0.12, roles: [etcd] }',
  ].join('\n'),
});

function viewOf(files: readonly FileSpec[] = [], key?: string): View {
  const at = new Map(
    files.map(({ path, mode }): [string, FileFact] => [
      path,
      { is: 'file', mode, owner: 'root', group: 'root', size: 1, inode: 1, mtime: 1 },
    ]),
  );
  const text = new Map(files.flatMap(({ path, content }) => (typeof content === 'string' ? [[path, content]] : [])));
  const publicKeys = new Map(key === undefined ? [] : [['/etc/kubernetes/pki/apiserver-etcd-client.key', key]]);
  const fact: FilesFact = { at, text: text as Map<string, string>, entries: [], publicKeys };
  return nodesView(config, {
    vault: openVault('founding', { caCertificate: ca.certificate }),
    hosts: { 'cp-1': { files: fact, machine: { clockSkewMs: 0 } } },
  });
}

async function applied(view: View): Promise<FileSpec[]> {
  const put: FileSpec[] = [];
  const world = {
    signal: new AbortController().signal,
    pki: issuer,
    vault: { etcdCa: async () => ca },
    host: { id: on, putFiles: async (files: readonly FileSpec[]) => void put.push(...files) },
  } as unknown as World;
  await step.apply(world, view);
  return put;
}

function changes(view: View): unknown {
  const check = step.judge(view);
  return check.is === 'needed' ? check.changes.map(({ summary }) => summary) : check.is;
}

const CERTIFICATE = '/etc/kubernetes/pki/apiserver-etcd-client.crt';

describe('a control plane’s client certificate for etcd', () => {
  it('is issued with the CA’s certificate beside it, and never the CA’s key', async () => {
    expect(changes(viewOf())).toEqual([
      `issue ${CERTIFICATE}: it does not exist`,
      'create /etc/kubernetes/pki/etcd/ca.crt (644)',
    ]);
    const put = await applied(viewOf());
    expect(put.map(({ path, mode }) => [path, mode])).toEqual([
      ['/etc/kubernetes/pki/etcd/ca.crt', '644'],
      ['/etc/kubernetes/pki/apiserver-etcd-client.key', '600'],
      [CERTIFICATE, '644'],
    ]);
    const pem = String(put.find(({ path }) => path === CERTIFICATE)?.content);
    expect(parseCertificate(pem)).toMatchObject({
      subject: { commonName: 'kube-apiserver-etcd-client', organizations: [] },
      ekus: ['clientAuth'],
    });
    const key = parseCertificate(pem).publicKeySpkiSha256;
    expect(changes(viewOf(put, key))).toBe('satisfied');
    // A pair that is good is not issued again for its mode.
    const open = put.map((file) => (file.path === CERTIFICATE ? { ...file, mode: '666' } : file));
    expect(changes(viewOf(open, key))).toEqual([`mode of ${CERTIFICATE} 666 -> 644`]);
    expect((await applied(viewOf(open, key))).map(({ path }) => path)).toEqual([
      '/etc/kubernetes/pki/etcd/ca.crt',
      CERTIFICATE,
    ]);
  });
});
