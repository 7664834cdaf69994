import { describe, expect, it } from 'vitest';
import { configDigest } from './digest.ts';
import { parseConfig } from './parse.ts';
import { configInvalid, formatProblem } from './problem.ts';
import type { ClusterConfig } from './schema.ts';

const example = `apiVersion: keelson.dev/v1alpha1
kind: Cluster
metadata:
  name: lab
spec:
  kubernetesVersion: v1.36.3
  ssh:                              # defaults; each host may override
    user: root
    port: 22
    identityFile: ~/.ssh/id_ed25519
  software:
    source: bundle                  # packages | bundle | preinstalled
    bundle: ./bundle                # relative to this file
  kubelet:                          # any KubeletConfiguration field, merged over ours
    failCgroupV1: false
    failSwapOn: false
  etcd:
    topology: external
  hosts:
    - { name: etcd-0, address: 10.77.0.10, roles: [etcd] }
    - { name: etcd-1, address: 10.77.0.11, roles: [etcd] }
    - { name: etcd-2, address: 10.77.0.12, roles: [etcd] }
`;

function accepted(text: string): ClusterConfig {
  const parsed = parseConfig(text, 'cluster.yaml');
  expect(parsed.ok ? [] : parsed.problems.map(formatProblem)).toEqual([]);
  if (!parsed.ok) throw new Error('refused');
  return parsed.config;
}

function refused(text: string): string[] {
  const parsed = parseConfig(text, 'cluster.yaml');
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

function withSpec(lines: string, hosts = ['10.77.0.10', '10.77.0.11', '10.77.0.12']): string {
  const list = hosts.map((address, n) => `    - { name: etcd-${n}, address: "${address}", roles: [etcd] }\n`).join('');
  return `apiVersion: keelson.dev/v1alpha1\nkind: Cluster\nmetadata: { name: lab }\nspec:\n  kubernetesVersion: v1.36.3\n${lines}  hosts:\n${list}`;
}

describe('what is accepted', () => {
  it('is the documented example, with every default filled in', () => {
    const ssh = { user: 'root', port: 22, identityFile: '~/.ssh/id_ed25519' };
    expect(accepted(example)).toEqual({
      apiVersion: 'keelson.dev/v1alpha1',
      kind: 'Cluster',
      metadata: { name: 'lab' },
      spec: {
        kubernetesVersion: 'v1.36.3',
        ssh,
        software: {
          source: 'bundle',
          bundle: './bundle',
          repository: { url: 'https://pkgs.k8s.io/core:/stable:/v1.36/deb/' },
        },
        kubelet: { failCgroupV1: false, failSwapOn: false },
        etcd: {
          topology: 'external',
          ports: { client: 2379, peer: 2380, metrics: 2381 },
          dataDir: '/var/lib/etcd',
          serverCertSANs: [],
          peerCertSANs: [],
          extraArgs: [],
        },
        kubeProxy: {},
        kubeadm: { ignorePreflightErrors: [] },
        network: {
          podSubnet: '10.244.0.0/16',
          serviceSubnet: '10.96.0.0/12',
          dnsDomain: 'cluster.local',
          cni: { kind: 'flannel', manifests: [] },
        },
        runtime: {},
        pki: {
          algorithm: 'ecdsa-p256',
          leafValidity: '8760h',
          caValidity: '87600h',
          caKeyPlacement: 'vault',
        },
        vault: { recipients: [] },
        timeouts: {
          connect: '10s',
          hostReturn: '5m',
          lostCommand: '2m',
          memberHealthy: '2m',
          nodeReady: '5m',
          drain: '10m',
        },
        concurrency: { hosts: 10, joins: 10, connects: 8 },
        hosts: [0, 1, 2].map((n) => ({
          name: `etcd-${n}`,
          address: `10.77.0.1${n}`,
          roles: ['etcd'],
          labels: {},
          ssh,
        })),
      },
    });
  });

  it('is every field at once', () => {
    const config = accepted(
      withSpec(
        `  ssh: { user: admin, port: 2222, identityFile: /keys/id, proxyJump: "jump@[fd00::1]:22,b.example.com", become: sudo }
  software: { source: packages, repository: { url: "http://10.77.0.1:8080/k8s", signingKey: ../keys/k8s.asc } }
  kubelet: { evictionHard: { memory.available: 100Mi }, maxPods: 10 }
  etcd:
    topology: external
    ports: { client: 12379, peer: 12380, metrics: 12381 }
    dataDir: /data/etcd.d
    quotaBackendBytes: 8Gi
    heartbeatIntervalMs: 200
    electionTimeoutMs: 2000
    imageRepository: registry.example.com:5000/k8s
    imageTag: 3.6.8-0
    serverCertSANs: ["*.etcd.example.com", FD00::10]
    peerCertSANs: [etcd]
    extraArgs: [{ name: feature-gates, value: "InitialCorruptCheck=true,StopGRPCServiceOnDefrag=true" }]
    allowEvenMembers: the third room is built next month
  runtime: { criSocket: unix:///run/crio/crio.sock, cgroupDriver: cgroupfs }
  pki: { algorithm: rsa-2048, leafValidity: 24h, caValidity: 48h, caKeyPlacement: first-host, ca: { certificate: ca.crt, key: ~/ca.key } }
  vault: { recipients: [age1365tafg53anr5cy58ejc3rsw39whmxu0mk53mn88gvlj6tyzpezqga6clm] }
  timeouts: { connect: 1m30s, hostReturn: 1h, lostCommand: 10s, memberHealthy: 5m }
  concurrency: { hosts: 3, connects: 2 }
`,
        ['10.77.0.10', '10.77.0.11'],
      ),
    );
    expect(config.spec.etcd.quotaBackendBytes).toBe(8 * 1024 ** 3);
    expect(config.spec.etcd.serverCertSANs).toEqual(['*.etcd.example.com', 'fd00::10']);
    expect(config.spec.software.repository.url).toBe('http://10.77.0.1:8080/k8s/');
  });

  it('has the public repository of the version’s minor', () => {
    const text = withSpec('').replace('v1.36.3', 'v1.33.13');
    expect(accepted(text).spec.software.repository.url).toBe('https://pkgs.k8s.io/core:/stable:/v1.33/deb/');
  });

  it('has IPv6 addresses in their one form', () => {
    const config = accepted(withSpec('', ['FD00:0:0::A', 'fd00::b', '2001:db8::1']));
    expect(config.spec.hosts.map(({ address }) => address)).toEqual(['fd00::a', 'fd00::b', '2001:db8::1']);
  });

  it.each([1, 3, 5, 7])('is a cluster of %i members', (count) => {
    accepted(
      withSpec(
        '',
        Array.from({ length: count }, (_, n) => `10.77.0.${n + 1}`),
      ),
    );
  });

  it('is a text with a byte order mark, Windows’ line ends, anchors and aliases', () => {
    accepted(`\ufeff${example}`);
    accepted(example.replaceAll('\n', '\r\n'));
    const shared = example
      .replace('    - { name: etcd-0', '    - &first { name: etcd-0')
      .replace('roles: [etcd] }', 'roles: &roles [etcd] }');
    accepted(shared.replace('10.77.0.11, roles: [etcd]', '10.77.0.11, roles: *roles'));
  });

  it('says where a value stands', () => {
    const parsed = parseConfig(example, 'cluster.yaml');
    if (!parsed.ok) throw new Error('refused');
    expect(parsed.source.file).toBe('cluster.yaml');
    expect(parsed.source.at(['spec', 'hosts', 1, 'address'])).toEqual({ line: 21, column: 32 });
    expect(parsed.source.at(['spec', 'hosts'])).toEqual({ line: 19, column: 3 });
    expect(parsed.source.at(['spec', 'pki', 'algorithm'])).toEqual({ line: 5, column: 1 });
  });
});

describe('a whole cluster', () => {
  const stacked = `apiVersion: keelson.dev/v1alpha1
kind: Cluster
metadata: { name: lab }
spec:
  software: { source: bundle, bundle: ./bundle }
  kubernetesVersion: v1.36.3
  etcd: { topology: stacked }
  controlPlane:
    endpoint: 10.77.0.100:8443           # a DNS name is preferred; kubeadm's controlPlaneEndpoint
    loadBalancer:
      kind: haproxy-keepalived           # haproxy-keepalived | kube-vip | external
      hosts: control-plane               # or load-balancer: hosts with that role
      virtualIP: 10.77.0.100
    certificates: upload                 # upload | manual
  kubelet: { failCgroupV1: false, failSwapOn: false }       # any KubeletConfiguration field, merged over ours
  kubeProxy: { conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s } }
  kubeadm: { ignorePreflightErrors: [SystemVerification] }  # nodeRegistration of init and joins; "all" is refused
  network: { podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12, cni: { kind: flannel } }  # flannel | manifest | none
  hosts:
    - { name: cp-0, address: 10.77.0.20, roles: [control-plane] }
    - { name: cp-1, address: 10.77.0.21, roles: [control-plane] }
    - { name: cp-2, address: 10.77.0.22, roles: [control-plane] }
    - { name: worker-0, address: 10.77.0.30, roles: [worker], labels: {zone: a}, taints: [] }
`;
  const etcd = [0, 1, 2].map((n) => `    - { name: etcd-${n}, address: 10.77.0.1${n}, roles: [etcd] }\n`).join('');
  const external = `${stacked.replace('topology: stacked', 'topology: external')}${etcd}`;

  function faults(text: string): string[] {
    const parsed = parseConfig(text, 'cluster.yaml');
    return parsed.ok ? [] : parsed.problems.filter(({ code }) => code !== 'config.not-yet').map(formatProblem);
  }

  it.each([
    ['stacked', stacked],
    ['with an external etcd', external],
  ])('%s has no fault', (_, text) => {
    expect(faults(text)).toEqual([]);
  });

  it.each([
    ['stacked', stacked],
    ['with an external etcd', external],
  ])('%s is judged by all rules', (_, text) => {
    expect(faults(text.replace('10.77.0.100:8443', '10.77.0.100:6443'))).toHaveLength(1);
    expect(faults(text.replace('podSubnet: 10.244', 'podSubnet: 10.96'))).toEqual([
      expect.stringMatching(/^cluster\.yaml:18:\d+: spec\.network\.podSubnet: .* overlaps serviceSubnet/),
    ]);
  });

  it('of one control plane and workers has every default filled in', () => {
    const one = stacked.replace(/ {2}controlPlane:\n( {4}.*\n)*/, '').replace(/ {4}- \{ name: cp-[12].*\n/g, '');
    const { spec } = accepted(one);
    expect(spec.controlPlane).toBeUndefined();
    expect(spec.network).toEqual({
      podSubnet: '10.244.0.0/16',
      serviceSubnet: '10.96.0.0/12',
      dnsDomain: 'cluster.local',
      cni: { kind: 'flannel', manifests: [] },
    });
    expect(spec.hosts.map(({ name, labels, taints }) => [name, labels, taints])).toEqual([
      ['cp-0', {}, undefined],
      ['worker-0', { zone: 'a' }, []],
    ]);
  });

  it('takes what its control plane can be told', () => {
    const one = stacked
      .replace(/ {2}controlPlane:\n( {4}.*\n)*/, '  controlPlane: { endpoint: api.example.com, apiServerPort: 7443 }\n')
      .replace(/ {4}- \{ name: cp-[12].*\n/g, '');
    expect(accepted(one).spec.controlPlane).toMatchObject({
      endpoint: 'api.example.com',
      apiServerPort: 7443,
      certificates: 'upload',
      apiServer: { extraArgs: [], extraVolumes: [], certSANs: [] },
      scheduler: { extraArgs: [], extraVolumes: [] },
    });
  });
});

describe('how a host is logged in to', () => {
  const hosts = (common: string, own: string): string =>
    withSpec(`  ssh: ${common}\n`).replace('etcd-1, address', `etcd-1, ssh: ${own}, address`);
  const sshOf = (common: string, own: string) => accepted(hosts(common, own)).spec.hosts[1]?.ssh;

  it.each([
    ['the common fields', '{ user: a, port: 23 }', '{}', { user: 'a', port: 23, become: 'sudo' }],
    [
      'its own fields',
      '{ user: a, port: 23 }',
      '{ user: b, port: 24, proxyJump: j }',
      { user: 'b', port: 24, proxyJump: 'j', become: 'sudo' },
    ],
    ['no sudo as root', '{ user: a, become: sudo }', '{ user: root }', { user: 'root', port: 22 }],
    ['sudo as root when it says so', '{}', '{ become: sudo }', { user: 'root', port: 22, become: 'sudo' }],
    ['sudo as another user', '{}', '{ user: b }', { user: 'b', port: 22, become: 'sudo' }],
  ])('is %s', (_, common, own, expected) => {
    expect(sshOf(common, own)).toEqual(expected);
  });
});

describe('what is refused before it is read as YAML', () => {
  it.each([
    ['a NUL', `${example}\0`, 'cluster.yaml:23:1: document: holds the control character U+0000; remove it'],
    [
      'an escape sequence',
      example.replace('lab', '\x1b[31mlab'),
      'cluster.yaml:4:9: document: holds the control character U+001B; remove it',
    ],
    [
      'what is not UTF-8',
      example.replace('lab', new TextDecoder().decode(Uint8Array.of(0xe9))),
      'cluster.yaml:4:9: document: is not UTF-8 text; save the file as UTF-8',
    ],
    [
      'half a character',
      example.replace('lab', '\ud800'),
      'cluster.yaml:4:9: document: is not UTF-8 text; save the file as UTF-8',
    ],
    [
      'more than a megabyte',
      `${example}#${'x'.repeat(1024 * 1024)}`,
      'cluster.yaml:1:1: document: is larger than 1 MiB; check that this is the right file',
    ],
    [
      'more than a megabyte in UTF-8',
      `${example}#${'é'.repeat(600_000)}`,
      'cluster.yaml:1:1: document: is larger than 1 MiB; check that this is the right file',
    ],
  ])('is %s', (_, text, line) => {
    expect(refused(text)).toEqual([line]);
  });

  it('is not a comment just below a megabyte', () => {
    accepted(`${example}#${'x'.repeat(1024 * 1024 - example.length - 1)}`);
  });
});

describe('the list of problems', () => {
  it('is in the order of the file and ends after a hundred', () => {
    const keys = Array.from({ length: 40 }, (_, n) => `x${n}: 1`);
    const text = example.replaceAll(/\{ (name: etcd-\d)/g, `{ ${keys.join(', ')}, $1`);
    const parsed = parseConfig(text, 'cluster.yaml');
    const problems = parsed.ok ? [] : parsed.problems;
    expect(problems).toHaveLength(101);
    expect(problems.map(({ line, column }) => line * 10_000 + column)).toEqual(
      problems.map(({ line, column }) => line * 10_000 + column).toSorted((a, b) => a - b),
    );
    expect(problems.at(-1)).toMatchObject({ code: 'config.invalid', message: 'has more problems from here on' });
  });

  it('becomes one error, with a finding for each', () => {
    const parsed = parseConfig('kind: Cluster\n', 'cluster.yaml');
    const error = configInvalid('cluster.yaml', parsed.ok ? [] : parsed.problems);
    expect(error).toMatchObject({ code: 'config.invalid', exitCode: 1 });
    expect(error.message).toContain('cluster.yaml has 3 problems:\ncluster.yaml:1:1: apiVersion: is missing; add it');
    expect(error.details.findings).toHaveLength(3);
    expect(error.details.findings?.[1]).toMatchObject({ code: 'config.missing-field', severity: 'error' });
  });
});

describe('configDigest', () => {
  it('is the same for another way of writing', () => {
    const other = example
      .replace(/^ {2}etcd:\n {4}topology: external\n/m, '')
      .replace('    user: root\n    port: 22\n', '')
      .replace('10.77.0.10, roles: [etcd]', '"10.77.0.10", roles: ["etcd"]')
      .replace('failCgroupV1: false\n    failSwapOn: false', 'failSwapOn: false\n    failCgroupV1: false');
    expect(other.length).toBeLessThan(example.length);
    expect(configDigest(accepted(other))).toBe(configDigest(accepted(example)));
    expect(configDigest(accepted(example))).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('is another for any change', () => {
    const changes = [
      ['lab', 'lab2'],
      ['10.77.0.12', '10.77.0.13'],
      ['failSwapOn: false', 'failSwapOn: true'],
      ['./bundle ', './b '],
    ] as const;
    const digests = changes.map(([from, to]) => configDigest(accepted(example.replace(from, to))));
    expect(new Set([configDigest(accepted(example)), ...digests]).size).toBe(changes.length + 1);
  });
});
