import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CERTIFICATE_MODE, etcdCa } from '../desired/certificates.ts';
import { desire } from '../desired/desire.ts';
import { paths } from '../desired/paths.ts';
import type { Desired, DesiredHost } from '../desired/types.ts';
import { askManifest, manifestOf } from '../facts/manifests.ts';
import type { Fact, HostFacts, MachineFacts } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import type { FileSpec } from '../model/file.ts';
import { hostRecordText } from '../model/host-record.ts';
import { type HostId, OPERATOR } from '../model/ids.ts';
import { Secret } from '../model/secret.ts';
import type { ReadHost } from '../ports/host.ts';
import type { Vault } from '../ports/vault.ts';
import { kubeletFiles } from '../steps/kubelet-service.ts';
import { sourceFiles } from '../steps/packages.ts';
import { runtimeFiles } from '../steps/software.ts';
import type { View } from '../steps/types.ts';
import { vaultReadme } from '../vault/readme.ts';
import type { Subject } from './run.ts';

export interface RenderedFile {
  /** A machine of the configuration, or `the operator`. */
  host: string;
  /** Where it will be on that machine; the operator's lie below the vault's folder. */
  path: string;
  mode: string;
  /** Below the folder; null for what cannot be made here. */
  file: string | null;
  /** Why there is no file, or what in it is not final. */
  note?: string;
}

export interface RenderReport {
  directory: string;
  files: readonly RenderedFile[];
}

export interface RenderOptions {
  desired: Desired;
  /** The bundle's kubeadm on this machine; without, manifests are named and not made. */
  bundleKubeadm: ReadHost | null;
  directory: string;
  /** Write into a folder that holds something. */
  force: boolean;
}

export interface RenderClusterOptions extends Omit<RenderOptions, 'desired'> {
  subject: Subject;
  vault: Pick<Vault, 'read'>;
}

/** What the configuration, and the vault as far as there is one, say about every file. */
export async function renderCluster(options: RenderClusterOptions, signal: AbortSignal): Promise<RenderReport> {
  const { config, software, configuredCa } = options.subject;
  const desired = desire(config, await options.vault.read(), software, configuredCa);
  return renderFiles({ ...options, desired }, signal);
}

type Rendered = Omit<FileSpec, 'content'> & { content: string | null; note?: string };

/** Writes every file of every machine below a folder of the operator's. No machine is asked, and no private key is made. */
export async function renderFiles(options: RenderOptions, signal: AbortSignal): Promise<RenderReport> {
  const { desired, directory, force } = options;
  await checkFolder(directory, force);
  const files: RenderedFile[] = [];
  for (const host of desired.hosts.values()) {
    for (const { path, mode, content, note } of [
      recordFile(desired, host.id),
      ...(await filesOf(host, options, signal)),
    ]) {
      const file = content === null ? null : join('hosts', host.id, path);
      if (file !== null && content !== null) await write(join(directory, file), content);
      files.push({ host: host.id, path, mode, file, ...(note === undefined ? {} : { note }) });
    }
  }
  for (const { path, mode, content, note } of vaultFiles(desired)) {
    const file = content === null ? null : join('operator', path);
    if (file !== null && content !== null) await write(join(directory, file), content);
    files.push({ host: OPERATOR, path, mode, file, ...(note === undefined ? {} : { note }) });
  }
  await write(join(directory, 'files.txt'), overview(files));
  return { directory, files };
}

async function checkFolder(directory: string, force: boolean): Promise<void> {
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new KeelsonError('usage', `${directory} is not a folder that can be written`, {
      where: directory,
      cause: error,
    });
  });
  if (entries.length === 0 || force) return;
  throw new KeelsonError('usage', `${directory} is not empty`, {
    where: directory,
    action: 'Name a new folder, or give --force.',
  });
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, content, { mode: 0o600 });
}

function recordFile(desired: Desired, on: HostId): Rendered {
  const machine = desired.machines.find((m) => m.id === on);
  if (machine === undefined) throw new Error(`${on} is not in the configuration`);
  return {
    path: paths.record,
    mode: '644',
    content: hostRecordText({ ...machine.record, machineId: 'read-on-the-machine' }),
    note: 'the machine id is read on the machine',
  };
}

async function filesOf(
  host: DesiredHost,
  { desired, bundleKubeadm }: RenderOptions,
  signal: AbortSignal,
): Promise<Rendered[]> {
  const view = emptyMachine(desired, host);
  const { software } = desired;
  const specs = [
    ...(software.source === 'bundle' ? runtimeFiles(view, host.id) : []),
    ...(software.source === 'packages' ? sourceFiles(view) : []),
    ...kubeletFiles(view, host.id),
  ];
  const kubelet =
    software.source === 'bundle'
      ? undefined
      : 'the machine’s own kubelet path and cgroup driver are asked on the machine';
  return [
    ...specs.map(({ path, mode, content }): Rendered => {
      const text = content instanceof Secret ? null : content;
      const note = path === paths.kubeletConfig || path === paths.kubeletDropIn ? kubelet : undefined;
      return { path, mode, content: text, ...(note === undefined ? {} : { note }) };
    }),
    ...certificateFiles(host, desired),
    { path: paths.kubeadmConfig, mode: '600', content: host.kubeadmConfig.running, ...tokenNote(desired) },
    await manifestFile(host, desired, bundleKubeadm, signal),
  ];
}

function vaultFiles({ cluster, caCertificate }: Desired): Rendered[] {
  const sealed = 'sealed with age; never rendered';
  return [
    { path: 'README.txt', mode: '600', content: vaultReadme(cluster.name) },
    { path: 'cluster.age', mode: '600', content: null, note: sealed },
    {
      path: 'etcd-ca.crt',
      mode: '600',
      content: caCertificate,
      ...(caCertificate === null ? { note: 'made by the first apply' } : {}),
    },
    { path: 'etcd-ca.key.age', mode: '600', content: null, note: sealed },
    { path: 'recipients.txt', mode: '600', content: null, note: 'written with the sealed files' },
    { path: 'inventory.json', mode: '600', content: null, note: 'what was applied last' },
  ];
}

function tokenNote({ cluster }: Desired): { note?: string } {
  return cluster.token === null ? { note: 'the cluster’s token and uid are made by the first apply' } : {};
}

function certificateFiles(host: DesiredHost, { caCertificate, config }: Desired): Rendered[] {
  const { algorithm, leafValidity } = config.spec.pki;
  const key = 'a private key: made by apply, never rendered';
  return [
    {
      path: etcdCa.certPath,
      mode: CERTIFICATE_MODE,
      content: caCertificate,
      ...(caCertificate === null ? { note: 'made by the first apply' } : {}),
    },
    ...(host.holdsCaKey ? [{ path: etcdCa.keyPath, mode: '600', content: null, note: key }] : []),
    ...host.certificates.flatMap((c): Rendered[] => {
      const names = [...c.dns, ...c.ips].join(', ');
      const about = `issued by apply: CN=${c.commonName}, ${c.ekus.join(' and ')}${names === '' ? '' : `, for ${names}`}, ${algorithm}, ${leafValidity}`;
      return [
        { path: c.certPath, mode: CERTIFICATE_MODE, content: null, note: about },
        { path: c.keyPath, mode: '600', content: null, note: key },
      ];
    }),
  ];
}

async function manifestFile(
  host: DesiredHost,
  desired: Desired,
  kubeadm: ReadHost | null,
  signal: AbortSignal,
): Promise<Rendered> {
  const [result] = kubeadm === null ? [] : await kubeadm.runAll([askManifest(host.kubeadmConfig.running, [])], signal);
  const made = result === undefined ? null : manifestOf(result, host.kubeadmConfig.running, []);
  if (made?.is === 'made') return { path: paths.manifest, mode: '600', content: made.text, ...tokenNote(desired) };
  if (made?.is === 'failed')
    throw new KeelsonError('etcd.kubeadm-refuses', `kubeadm refuses the configuration of ${host.id}`, {
      host: host.id,
      output: made.output,
    });
  const { kubernetesVersion } = desired.config.spec;
  return {
    path: paths.manifest,
    mode: '600',
    content: null,
    note: `made on the machine by kubeadm ${kubernetesVersion} from ${paths.kubeadmConfig}`,
  };
}

/** A machine on which nothing is yet: what is asked of real ones has here the answer of a fresh one. */
function emptyMachine(desired: Desired, host: DesiredHost): View {
  const unknown: Fact<never> = { is: 'unknown', because: 'no machine is asked' };
  const known = <T>(value: T): Fact<T> => ({ is: 'known', value, at: '' });
  const machine: MachineFacts = {
    machineId: '',
    bootId: '',
    hostname: host.id,
    architecture: '',
    kernel: '',
    os: { id: '', version: '', name: '' },
    systemd: '',
    cgroup: 2,
    swapKiB: 0,
    missingTools: [],
    clockSkewMs: 0,
    mayLowerOomScore: true,
  };
  const facts: HostFacts = {
    machine: known(machine),
    record: unknown,
    files: unknown,
    units: unknown,
    tools: known(new Map()),
    runtime: known({ is: 'absent' }),
    images: unknown,
    manifests: unknown,
    etcdProcess: unknown,
    artefacts: unknown,
    etcdData: unknown,
    node: unknown,
    balancer: unknown,
    endpoint: unknown,
  };
  return { desired, facts: { hosts: new Map([[host.id, facts]]), etcd: unknown, kube: unknown, vault: unknown } };
}

function overview(files: readonly RenderedFile[]): string {
  const lines = files.map(
    ({ host, path, mode, file, note }) =>
      `${host}  ${mode}  ${path}${file === null ? '  (not here)' : ''}${note === undefined ? '' : `  # ${note}`}`,
  );
  return `# Every file that keelson places on the machines, with its mode; owner and group are root.\n${lines.join('\n')}\n`;
}
