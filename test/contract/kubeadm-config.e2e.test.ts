import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ensureBundleWithoutStore } from '../../lab/bundle/index.ts';

// The real kubeadm is given the goldens of src/render: what it makes of them, as manifests and flags, is what we meant. Without the
// bundle, which has kubeadm, this fails: it never passes for want of something to ask.

const GOLDEN = join(import.meta.dirname, '../../src/render/__golden__');
const INIT = ['kubeadm-init', 'kubeadm-init-full', 'kubeadm-init-external-ipv6'];
const JOIN = ['kubeadm-join-worker', 'kubeadm-join-control-plane'];

const folder = mkdtempSync(join(tmpdir(), 'keelson-kubeadm-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

let kubeadm: string;
beforeAll(async () => {
  const { dir } = await ensureBundleWithoutStore();
  kubeadm = join(dir, 'files', 'kubeadm');
  mkdirSync(join(folder, 'patches'));
});

/** The golden as a file of its own; the folder of patches, which kubeadm reads, is one that is there. */
function configOf(golden: string, change: (text: string) => string = (text) => text): string {
  const file = join(folder, `${golden}.yaml`);
  const text = readFileSync(join(GOLDEN, `${golden}.yaml.txt`), 'utf8');
  writeFileSync(file, change(text.replace('/etc/keelson/patches', join(folder, 'patches'))));
  return file;
}

function validate(file: string) {
  const { status, stderr } = spawnSync(kubeadm, ['config', 'validate', '--config', file], { encoding: 'utf8' });
  return { status, stderr };
}

/** The files that a phase of init would write. */
function dryRun(golden: string, ...phase: string[]): (name: string) => string {
  const out = join(folder, `${golden}-${phase.join('-')}`);
  execFileSync(kubeadm, ['init', 'phase', ...phase, '--dry-run', '--config', configOf(golden)], {
    env: { ...process.env, KUBEADM_INIT_DRYRUN_DIR: out },
    stdio: 'pipe',
  });
  return (name) => readFileSync(join(out, name), 'utf8');
}

interface Container {
  command: string[];
  image: string;
  volumeMounts: unknown[];
}

function container(manifest: string): Container {
  return parse(manifest).spec.containers[0];
}

it.each([...INIT, ...JOIN])('%s is valid, without a warning', (golden) => {
  expect(validate(configOf(golden))).toEqual({ status: 0, stderr: '' });
});

it('validation would say what is wrong', () => {
  const wrong = configOf('kubeadm-join-control-plane', (text) => text.replace('certificateKey:', 'certificateKeys:'));
  expect(validate(wrong)).toMatchObject({ status: 1, stderr: expect.stringContaining('certificateKeys') });
});

describe('a plain first control plane', () => {
  it('has an API server at its address and a network for pods', () => {
    const read = dryRun('kubeadm-init', 'control-plane', 'all');
    expect(container(read('kube-apiserver.yaml')).command).toEqual(
      expect.arrayContaining([
        '--advertise-address=10.77.0.20',
        '--secure-port=6443',
        '--service-cluster-ip-range=10.96.0.0/12',
        '--etcd-servers=https://127.0.0.1:2379',
      ]),
    );
    expect(container(read('kube-controller-manager.yaml')).command).toContain('--cluster-cidr=10.244.0.0/16');
  });

  it('has an etcd that founds a cluster, where its configuration says nothing else', () => {
    const { command } = container(dryRun('kubeadm-init', 'etcd', 'local')('etcd.yaml'));
    expect(command).toContain('--initial-cluster=cp-0=https://10.77.0.20:2380');
    expect(command.filter((one) => one.startsWith('--initial-cluster-state'))).toEqual([]);
  });

  it('has a kubelet with kubeadm’s own labels and taints alone', () => {
    expect(dryRun('kubeadm-init', 'kubelet-start')('kubeadm-flags.env')).not.toMatch(
      /node-labels|register-with-taints/,
    );
  });
});

describe('a first control plane with everything set', () => {
  it('passes on arguments that stand twice, and mounts their files', () => {
    const read = dryRun('kubeadm-init-full', 'control-plane', 'all');
    const api = container(read('kube-apiserver.yaml'));
    expect(api.command.filter((one) => one.startsWith('--tls-sni-cert-key'))).toEqual([
      '--tls-sni-cert-key=/a.crt,/a.key',
      '--tls-sni-cert-key=/b.crt,/b.key:b.example',
    ]);
    expect(api.command).toEqual(expect.arrayContaining(['--goaway-chance=0.001']));
    expect(api.volumeMounts).toContainEqual({ mountPath: '/etc/kubernetes/audit', name: 'audit', readOnly: true });
    expect(api.image).toBe('mirror.example/k8s/kube-apiserver:v1.36.3');
    expect(container(read('kube-controller-manager.yaml')).command).toEqual(
      expect.arrayContaining(['--node-monitor-grace-period=20s', '--cluster-cidr=10.244.0.0/16,fd00:10:244::/56']),
    );
    expect(container(read('kube-scheduler.yaml')).command).toContain('--v=3');
  });

  it('has an etcd that never founds a second cluster', () => {
    const { command, image } = container(dryRun('kubeadm-init-full', 'etcd', 'local')('etcd.yaml'));
    expect(command).toEqual(
      expect.arrayContaining([
        '--initial-cluster-state=existing',
        '--quota-backend-bytes=4294967296',
        '--data-dir=/srv/etcd',
      ]),
    );
    expect(image).toBe('mirror.example/own/etcd:3.6.8-0');
  });

  it('has a kubelet with the labels it may set and the configuration that was asked for', () => {
    const read = dryRun('kubeadm-init-full', 'kubelet-start');
    const flags = read('kubeadm-flags.env');
    expect(flags).toContain('--node-labels=tier=front,topology.kubernetes.io/zone=a');
    expect(flags).toContain('--node-ip=10.77.0.20');
    expect(flags).toContain('--hostname-override=cp-0');
    expect(parse(read('config.yaml'))).toMatchObject({
      failSwapOn: false,
      failCgroupV1: false,
      cgroupDriver: 'systemd',
      clusterDNS: ['10.96.0.10'],
      clusterDomain: 'k.example',
    });
  });
});

it('with an external etcd the API server asks its members, and there is no etcd manifest', () => {
  const golden = 'kubeadm-init-external-ipv6';
  const { command } = container(dryRun(golden, 'control-plane', 'all')('kube-apiserver.yaml'));
  expect(command).toEqual(
    expect.arrayContaining([
      '--advertise-address=fd00:77::20',
      '--etcd-servers=https://[fd00:77::10]:2379,https://[fd00:77::11]:2379,https://[fd00:77::12]:2379',
      '--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt',
      '--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt',
      '--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key',
    ]),
  );
  expect(() => dryRun(golden, 'etcd', 'local')('etcd.yaml')).toThrow(/ENOENT.*etcd\.yaml/);
});
