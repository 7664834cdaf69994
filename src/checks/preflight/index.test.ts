import { describe, expect, it } from 'vitest';
import { disk, disks, GiB, openVault, runsEtcd, type Scene, scene, unit } from '../../../test/checks/scene.ts';
import { bundle } from '../../../test/scenarios/sim/bundle.ts';
import type { ErrorCode } from '../../model/codes.ts';
import { checks, preflightFindings } from './index.ts';

/** `SEVERITY HOST: MESSAGE` of one check. */
function found(code: ErrorCode, options: Scene): string[] {
  const check = checks.find((c) => c.code === code);
  if (check === undefined) throw new Error(`there is no check ${code}`);
  return check.judge(scene(options)).map((f) => `${f.severity} ${f.host ?? '-'}: ${f.message}`);
}

const withBundle = { source: 'bundle', bundle: { directory: '/bundle', manifest: bundle } } as const;
const packages = { source: 'packages', repository: { url: 'https://packages.example/', signingKey: '' } } as const;
const machine = (change: object) => {
  const fact = scene().view.facts.hosts.get('etcd-0' as never)?.machine;
  if (fact?.is !== 'known') throw new Error('the scene has no machine');
  return { machine: { ...fact.value, ...change } };
};
const one = (change: object): Scene => ({ facts: { 'etcd-0': machine(change) } });
const withoutRuntime = (config: string): Scene => {
  const fact = scene().view.facts.hosts.get('etcd-0' as never)?.files;
  if (fact?.is !== 'known') throw new Error('the scene has no files');
  const files = { ...fact.value, text: new Map([['/etc/containerd/config.toml', config]]) };
  return {
    software: packages,
    facts: { 'etcd-0': { ...machine({ mayLowerOomScore: false }), runtime: { is: 'absent' }, files } },
  };
};
const tools = (entries: Record<string, [path: string, version: string]>) => ({
  tools: new Map(Object.entries(entries).map(([name, [path, version]]) => [name, { path, version, stamp: '' }])),
});
const listener = (address: string, port: number, process: string | null = 'nginx', pid: number | null = 9) => ({
  address,
  port,
  process,
  pid,
});

/** In node.test.ts. */
const ofNodes: readonly ErrorCode[] = ['check.processors', 'check.memory', 'check.networks'];

interface Case {
  code: ErrorCode;
  /** In words, for the test's name. */
  when: string;
  bad: Scene;
  says: readonly string[];
  /** As close as it gets without a finding. */
  good: Scene;
}

const cases: readonly Case[] = [
  {
    code: 'check.systemd',
    when: 'another init runs the machine',
    bad: one({ systemd: '' }),
    says: ['error etcd-0: etcd-0 is not run by systemd'],
    good: one({ systemd: '239' }),
  },
  {
    code: 'check.architecture',
    when: 'the bundle is for another processor',
    bad: { software: withBundle, ...one({ architecture: 'aarch64' }) },
    says: ['error etcd-0: etcd-0 is arm64; the bundle is for amd64'],
    good: { software: packages, ...one({ architecture: 'aarch64' }) },
  },
  {
    code: 'check.architecture',
    when: 'nobody builds Kubernetes for the processor',
    bad: one({ architecture: 'riscv64' }),
    says: ['error etcd-0: etcd-0 is riscv64; keelson supports amd64 and arm64'],
    good: one({ architecture: 'x86_64' }),
  },
  {
    code: 'check.os',
    when: 'packages are wanted where there is no apt',
    bad: {
      software: packages,
      ...one({ os: { id: 'fedora', version: '43', name: 'Fedora Linux 43' }, missingTools: ['apt-get'] }),
    },
    says: ['error etcd-0: etcd-0 runs Fedora Linux 43, which has no apt-get; spec.software.source is packages'],
    good: { software: packages, ...one({ missingTools: [] }) },
  },
  {
    code: 'check.os',
    when: 'the system was not tested',
    bad: {
      facts: {
        'etcd-0': machine({ os: { id: 'fedora', version: '43', name: 'Fedora Linux 43' } }),
        'etcd-1': machine({ os: { id: 'debian', version: '13', name: 'Debian 13' } }),
      },
    },
    says: [
      'warning etcd-0: etcd-0 runs Fedora Linux 43; keelson is tested on Debian 12',
      'info etcd-1: etcd-1 runs Debian 13; keelson is tested on Debian 12',
    ],
    good: one({ missingTools: ['apt-get'] }),
  },
  {
    code: 'check.tools',
    when: 'programs are missing',
    bad: one({ missingTools: ['flock', 'openssl', 'ss', 'apt-get'] }),
    says: [
      'error etcd-0: etcd-0 lacks flock and openssl',
      'warning etcd-0: etcd-0 lacks ss: ports, or ways between machines, are not checked there',
    ],
    good: one({ missingTools: ['apt-get'] }),
  },
  {
    code: 'check.cgroup',
    when: 'the kubelet refuses cgroup v1',
    bad: one({ cgroup: 1 }),
    says: ['error etcd-0: etcd-0 uses cgroup v1, with which the kubelet v1.36.3 does not start'],
    good: one({ cgroup: 2 }),
  },
  {
    code: 'check.cgroup',
    when: 'cgroup v1 is allowed, and has no future',
    bad: { spec: '  kubelet: { failCgroupV1: false }', ...one({ cgroup: 1 }) },
    says: ['warning etcd-0: etcd-0 uses cgroup v1, which later kubelets do not support'],
    good: { spec: '  kubelet: { failCgroupV1: false }' },
  },
  {
    code: 'check.cgroup-driver',
    when: 'configuration and runtime differ',
    bad: {
      spec: '  runtime: { cgroupDriver: systemd }',
      facts: {
        'etcd-0': {
          runtime: { is: 'containerd', cgroupDriver: 'cgroupfs', sandboxImage: '', restrictsOomScore: false },
        },
      },
    },
    says: ['error etcd-0: containerd on etcd-0 uses cgroupfs; spec.runtime.cgroupDriver says systemd'],
    good: { spec: '  runtime: { cgroupDriver: systemd }' },
  },
  {
    code: 'check.cgroup-driver',
    when: 'two managers would share the cgroups',
    bad: {
      facts: {
        'etcd-0': {
          runtime: { is: 'containerd', cgroupDriver: 'cgroupfs', sandboxImage: '', restrictsOomScore: false },
        },
      },
    },
    says: ['warning etcd-0: containerd on etcd-0 uses cgroupfs: it and systemd would both manage the cgroups'],
    good: {
      software: withBundle,
      facts: {
        'etcd-0': {
          runtime: { is: 'containerd', cgroupDriver: 'cgroupfs', sandboxImage: '', restrictsOomScore: false },
        },
      },
    },
  },
  {
    code: 'check.oom-score',
    when: 'containerd would lower what root may not',
    bad: { software: { source: 'preinstalled' }, ...one({ mayLowerOomScore: false }) },
    says: [
      'error etcd-0: root on etcd-0 may not lower oom_score_adj, and containerd would: no pod of etcd would start',
    ],
    good: { software: withBundle, ...one({ mayLowerOomScore: false }) },
  },
  {
    code: 'check.oom-score',
    when: 'containerd is not there yet, and no configuration of it is',
    bad: withoutRuntime(''),
    says: [
      'error etcd-0: root on etcd-0 may not lower oom_score_adj, and containerd would: no pod of etcd would start',
    ],
    good: withoutRuntime("[plugins.'io.containerd.cri.v1.runtime']\n  restrict_oom_score_adj = true\n"),
  },
  {
    code: 'check.swap',
    when: 'the kubelet refuses swap',
    bad: one({ swapKiB: 2 * 1024 * 1024 }),
    says: ['error etcd-0: etcd-0 has 2 GiB of swap, with which the kubelet does not start'],
    good: one({ swapKiB: 0 }),
  },
  {
    code: 'check.swap',
    when: 'swap is allowed, and bad for etcd',
    bad: { spec: '  kubelet: { failSwapOn: false }', ...one({ swapKiB: 1024 }) },
    says: ['info etcd-0: etcd-0 has 1 MiB of swap: an etcd that is swapped out misses heartbeats'],
    good: { spec: '  kubelet: { failSwapOn: false }' },
  },
  {
    code: 'check.runtime',
    when: 'a preinstalled runtime is missing or stopped',
    bad: {
      facts: {
        'etcd-0': tools({ kubelet: ['/usr/bin/kubelet', '1.36.3'] }),
        'etcd-1': { units: new Map([['containerd.service', unit('failed')]]) },
      },
    },
    says: [
      'error etcd-0: etcd-0 has no containerd; spec.software.source is preinstalled',
      'error etcd-1: containerd does not run on etcd-1',
    ],
    good: { software: packages, facts: { all: tools({}) } },
  },
  {
    code: 'check.runtime',
    when: 'the bundle’s runtime would stand beside another',
    bad: {
      software: withBundle,
      facts: { 'etcd-0': tools({ containerd: ['/usr/bin/containerd', '1.6.20'] }), all: tools({}) },
    },
    says: [
      'warning etcd-0: etcd-0 already has containerd 1.6.20 at /usr/bin/containerd; the bundle’s will run in its place',
    ],
    good: { software: withBundle, facts: { all: tools({ containerd: ['/usr/local/bin/containerd', '2.4.2'] }) } },
  },
  {
    code: 'check.versions',
    when: 'preinstalled versions do not fit',
    bad: {
      facts: {
        'etcd-0': tools({ kubelet: ['/usr/bin/kubelet', '1.36.2'], kubeadm: ['/usr/bin/kubeadm', '1.37.0'] }),
        'etcd-1': tools({ kubelet: ['/usr/bin/kubelet', '1.36.3'], kubeadm: ['/usr/bin/kubeadm', '1.35.4'] }),
        'etcd-2': tools({ kubelet: ['/usr/bin/kubelet', '1.36.3'] }),
      },
    },
    says: [
      'error etcd-0: the kubelet on etcd-0 is 1.36.2; spec.kubernetesVersion is 1.36.3',
      'warning etcd-0: kubeadm on etcd-0 is 1.37.0; it may make another manifest than 1.36.3 does',
      'error etcd-1: kubeadm on etcd-1 is 1.35.4; it cannot manage 1.36.3, only its own minor version and the one below',
      'error etcd-2: etcd-2 has no kubeadm; spec.software.source is preinstalled',
    ],
    good: {},
  },
  {
    code: 'check.versions',
    when: 'packages would have to go back',
    bad: { software: packages, facts: { 'etcd-0': tools({ kubelet: ['/usr/bin/kubelet', '1.36.10'] }) } },
    says: ['error etcd-0: /usr/bin/kubelet on etcd-0 is 1.36.10; apt does not go back to 1.36.3'],
    good: { software: packages, facts: { 'etcd-0': tools({ kubelet: ['/usr/bin/kubelet', '1.36.2'] }) } },
  },
  {
    code: 'check.untested-version',
    when: 'nodes would have a version that nobody tried',
    bad: {
      spec: '  etcd: { topology: stacked }',
      kubernetesVersion: 'v1.35.4',
      hosts: [{ name: 'cp-0', address: '10.77.0.20', role: 'control-plane' }],
    },
    says: ['warning -: control planes and workers of v1.35.4 were not tested with this keelson, those of v1.36 were'],
    good: { kubernetesVersion: 'v1.35.4' },
  },
  {
    code: 'check.images',
    when: 'kubeadm asks for an image that the bundle lacks',
    bad: {
      software: {
        source: 'bundle',
        bundle: {
          directory: '/b',
          manifest: { ...bundle, images: bundle.images.filter((i) => i.name.includes('pause')) },
        },
      },
      away: ['etcd-1', 'etcd-2'],
    },
    says: [
      'error etcd-0: kubeadm on etcd-0 asks for registry.k8s.io/etcd:3.6.8-0; the bundle holds registry.k8s.io/pause:3.10.2',
    ],
    good: { software: withBundle, facts: { all: { images: null } } },
  },
  {
    code: 'check.images',
    when: 'an image has to be pulled',
    bad: { facts: { 'etcd-0': { images: ['registry.k8s.io/pause:3.10.2'] } } },
    says: ['info etcd-0: etcd-0 does not have registry.k8s.io/etcd:3.6.8-0 yet: its runtime will pull it'],
    good: {},
  },
  {
    code: 'check.port',
    when: 'others have the ports',
    bad: {
      preflight: {
        'etcd-0': { listeners: [listener('*', 2379), listener('127.0.0.1', 10250, 'kubelet')] },
        'etcd-1': { listeners: [listener('10.77.0.11', 2380, 'etcd', 4), listener('127.0.0.1', 10248, null, null)] },
      },
    },
    says: [
      'error etcd-0: port 2379 on etcd-0, for etcd’s clients, is taken by nginx (pid 9)',
      'error etcd-1: port 2380 on etcd-1, for etcd’s members, is taken by etcd (pid 4)',
      'error etcd-1: port 10248 on etcd-1, for the kubelet’s health, is taken by an unknown program',
    ],
    good: {
      facts: { 'etcd-0': runsEtcd() },
      preflight: {
        'etcd-0': { listeners: [listener('10.77.0.10', 2379, 'etcd', 77), listener('127.0.0.1', 10250, 'kubelet')] },
        // Another address, and the other family: both can listen.
        'etcd-1': { listeners: [listener('127.0.0.1', 2379), listener('::', 2380), listener('10.77.0.11', 10250)] },
      },
    },
  },
  {
    code: 'check.port',
    when: 'the configured ports are taken',
    bad: {
      spec: '  etcd: { ports: { metrics: 9100 } }',
      preflight: { 'etcd-0': { listeners: [listener('0.0.0.0', 9100), listener('0.0.0.0', 2381)] } },
    },
    says: ['error etcd-0: port 9100 on etcd-0, for etcd’s metrics, is taken by nginx (pid 9)'],
    good: {
      spec: '  kubelet: { healthzPort: 0 }',
      preflight: { 'etcd-0': { listeners: [listener('127.0.0.1', 10248)] } },
    },
  },
  {
    code: 'check.address',
    when: 'the address is not the machine’s',
    bad: {
      preflight: { 'etcd-0': { peers: { self: { is: 'failed', why: 'Connection refused' }, others: new Map() } } },
    },
    says: ['error etcd-0: etcd-0 cannot listen on 10.77.0.10, its address in cluster.yaml (Connection refused)'],
    good: {
      facts: { 'etcd-0': runsEtcd(), 'etcd-2': machine({ missingTools: ['systemd-socket-activate'] }) },
      preflight: {
        // etcd is down; the port is taken; nothing could listen.
        'etcd-0': { peers: { self: { is: 'failed', why: 'Connection refused' }, others: new Map() } },
        'etcd-1': {
          peers: { self: { is: 'failed', why: 'no answer' }, others: new Map() },
          listeners: [listener('*', 2380)],
        },
        'etcd-2': { peers: { self: { is: 'failed', why: 'Connection refused' }, others: new Map() } },
      },
    },
  },
  {
    code: 'check.forwarding',
    when: 'sshd forbids it',
    bad: { preflight: { 'etcd-0': { forwarding: { is: 'refused', why: 'administratively prohibited' } } } },
    says: ['error etcd-0: sshd on etcd-0 does not forward connections to etcd (administratively prohibited)'],
    good: {},
  },
  {
    code: 'check.peers',
    when: 'one machine does not reach another',
    bad: {
      preflight: {
        'etcd-0': {
          peers: {
            self: { is: 'reached' },
            others: new Map([
              ['10.77.0.11', { is: 'failed', why: 'no answer' }],
              ['10.77.0.12', { is: 'reached' }],
            ]),
          },
        },
      },
    },
    says: ['error etcd-0: etcd-0 does not reach etcd-1 on port 2380 (no answer)'],
    // Nobody listened there.
    good: {
      preflight: {
        'etcd-0': {
          peers: {
            self: { is: 'reached' },
            others: new Map([['10.77.0.11', { is: 'failed', why: 'Connection refused' }]]),
          },
        },
        'etcd-1': { peers: { self: { is: 'failed', why: 'Connection refused' }, others: new Map() } },
      },
    },
  },
  {
    code: 'check.peers',
    when: 'nobody reaches one machine',
    bad: {
      preflight: {
        'etcd-0': {
          peers: { self: { is: 'reached' }, others: new Map([['10.77.0.11', { is: 'failed', why: 'no answer' }]]) },
        },
        'etcd-2': {
          peers: { self: { is: 'reached' }, others: new Map([['10.77.0.11', { is: 'failed', why: 'no answer' }]]) },
        },
      },
    },
    says: ['error etcd-1: no other machine reaches etcd-1 on port 2380 (no answer)'],
    good: { away: ['etcd-1'] },
  },
  {
    code: 'check.clock',
    when: 'nothing is founded yet',
    bad: {
      preflight: {
        'etcd-0': { clock: { earliestMs: 1_500, latestMs: 1_700 } },
        'etcd-1': { clock: { earliestMs: -40_100, latestMs: -40_000 } },
      },
    },
    says: [
      'warning etcd-0: the clock of etcd-0 is 1.5 s ahead of this computer’s; more than 1 s is too much',
      'error etcd-1: the clock of etcd-1 is 40 s behind this computer’s; more than 30 s is refused',
    ],
    // A long round trip leaves it open.
    good: {
      preflight: {
        'etcd-0': { clock: { earliestMs: -200, latestMs: 2_000 } },
        'etcd-1': { clock: { earliestMs: 900, latestMs: 3_000 } },
      },
    },
  },
  {
    code: 'check.clock',
    when: 'the cluster runs',
    bad: {
      vault: openVault('handed-over'),
      preflight: {
        'etcd-0': { clock: { earliestMs: 40_000, latestMs: 40_010 } },
        'etcd-1': { clock: { earliestMs: -601_000, latestMs: -600_000 } },
      },
    },
    says: [
      'warning etcd-0: the clock of etcd-0 is 40 s ahead of this computer’s; more than 30 s is too much',
      'error etcd-1: the clock of etcd-1 is 10 min behind this computer’s; more than 5 min is refused',
    ],
    good: { vault: openVault('founded'), preflight: { 'etcd-0': { clock: { earliestMs: 29_000, latestMs: 29_010 } } } },
  },
  {
    code: 'check.host-key',
    when: 'two machines share one',
    bad: { preflight: { 'etcd-2': { hostKeys: ['ecdsa-sha2-nistp256 AAAB', 'ssh-ed25519 AAAA0'] } } },
    says: ['error etcd-2: etcd-0 and etcd-2 have the same ssh-ed25519 host key: SSH cannot tell them apart'],
    good: { preflight: { 'etcd-2': { hostKeys: [] } } },
  },
  {
    code: 'check.hostname',
    when: 'machines go by other names',
    bad: { facts: { 'etcd-0': machine({ hostname: 'etcd-1' }), 'etcd-1': machine({ hostname: 'Box.example.com' }) } },
    says: [
      'warning etcd-0: etcd-0 calls itself etcd-1, which is another machine’s name in cluster.yaml',
      'info etcd-1: etcd-1 calls itself Box.example.com',
    ],
    good: {
      facts: { 'etcd-0': machine({ hostname: 'ETCD-0.example.com' }), 'etcd-1': machine({ hostname: 'etcd-1' }) },
    },
  },
  {
    code: 'check.disk-space',
    when: 'there is too little room',
    bad: {
      preflight: {
        'etcd-0': { disks: disks({ '/var/lib/etcd': { mount: '/data', sizeBytes: GiB, availableBytes: 0.25 * GiB } }) },
        'etcd-1': {
          disks: disks({ '/var/lib/etcd': { mount: '/data', sizeBytes: 4 * GiB, availableBytes: 2 * GiB } }),
        },
      },
    },
    says: [
      'error etcd-0: /data on etcd-0 has 256 MiB free; 512 MiB are needed for etcd’s data',
      'warning etcd-1: /data on etcd-1 has 2 GiB free; 3 GiB may be needed in time for etcd’s data',
    ],
    good: {
      preflight: {
        'etcd-0': {
          disks: disks({ '/var/lib/etcd': { mount: '/data', sizeBytes: 4 * GiB, availableBytes: 3 * GiB } }),
        },
      },
    },
  },
  {
    code: 'check.disk-space',
    when: 'the kubelet would begin to clear up',
    bad: {
      preflight: {
        'etcd-0': {
          disks: disks({ '/var/lib/containerd': { mount: '/images', sizeBytes: 100 * GiB, availableBytes: 14 * GiB } }),
        },
        'etcd-1': { disks: disks({ all: { availableBytes: 9.5 * GiB } }) },
      },
    },
    says: [
      'warning etcd-0: /images on etcd-0 is 14 % free; below 15 % the kubelet removes images that no pod uses at the moment',
      'warning etcd-1: / on etcd-1 is 9 % free; below 10 % the kubelet reports disk pressure',
      'warning etcd-1: / on etcd-1 is 9 % free; below 15 % the kubelet removes images that no pod uses at the moment',
    ],
    good: { preflight: { 'etcd-0': { disks: disks({ all: { availableBytes: 16 * GiB } }) } } },
  },
  {
    code: 'check.disk-space',
    when: 'what a bundle brings does not fit beside the data',
    bad: {
      software: withBundle,
      facts: { all: { images: null } },
      preflight: { 'etcd-0': { disks: disks({ all: { sizeBytes: 2 * GiB, availableBytes: 0.7 * GiB } }) } },
    },
    says: [
      'error etcd-0: / on etcd-0 has 716 MiB free; 959 MiB are needed: 512 MiB for etcd’s data, 252 MiB for programs, 48 MiB for image archives and 126 MiB for images',
    ],
    good: {
      software: withBundle,
      spec: '  etcd: { quotaBackendBytes: 100Mi }',
      facts: { all: { artefacts: new Map(bundle.files.map((f) => [f.install, f.sha256])) } },
      preflight: { 'etcd-0': { disks: disks({ all: { sizeBytes: 4 * GiB, availableBytes: 1.4 * GiB } }) } },
    },
  },
  {
    code: 'check.disk-space',
    when: 'the inodes run out',
    bad: {
      preflight: {
        'etcd-0': { disks: disks({ all: { freeInodes: 200_000 } }) },
        'etcd-1': { disks: disks({ all: { freeInodes: 10 } }) },
      },
    },
    says: [
      'warning etcd-0: / on etcd-0 has 200000 of 6000000 inodes free',
      'error etcd-1: / on etcd-1 has 10 of 6000000 inodes free',
    ],
    // btrfs has no fixed number.
    good: { preflight: { 'etcd-0': { disks: disks({ all: { inodes: 0, freeInodes: 0 } }) } } },
  },
  {
    code: 'check.file-system',
    when: 'it is read-only, or not on a disk',
    bad: {
      preflight: {
        'etcd-0': {
          disks: disks({
            '/etc/kubernetes': { mount: '/etc', writable: false },
            '/var/lib/etcd': { mount: '/var/lib/etcd', type: 'tmpfs' },
          }),
        },
        'etcd-1': { disks: disks({ '/var/lib/etcd': { type: 'nfs' } }) },
      },
    },
    says: [
      'error etcd-0: /etc on etcd-0, which holds /etc/kubernetes, is read-only',
      'error etcd-0: /var/lib/etcd on etcd-0 is in memory (tmpfs): a restart of the machine would lose the member’s data',
      'warning etcd-1: /var/lib/etcd on etcd-1 is on nfs: etcd needs a disk of the machine’s own',
    ],
    good: { preflight: { 'etcd-0': { disks: new Map([['/run', disk({ mount: '/run', type: 'tmpfs' })]]) } } },
  },
  {
    code: 'check.fsync',
    when: 'the disk is slow',
    bad: { preflight: { 'etcd-0': { fsync: [...Array.from({ length: 195 }, () => 2), 48, 48, 48, 48, 48] } } },
    says: [
      'warning etcd-0: 1 of 100 synchronous writes to /var/lib/etcd on etcd-0 takes 48 ms or more (half of them 2 ms); etcd wants less than 10 ms',
    ],
    // One slow write of 200 is not 1 of 100.
    good: { preflight: { 'etcd-0': { fsync: [...Array.from({ length: 199 }, () => 2), 48] } } },
  },
  {
    code: 'check.foreign-etcd',
    when: 'another etcd runs',
    bad: {
      facts: { 'etcd-1': runsEtcd() },
      preflight: {
        'etcd-0': { listeners: [listener('127.0.0.1', 12379, 'etcd')] },
        'etcd-1': { listeners: [listener('10.77.0.11', 2379, 'etcd'), listener('*', 12380, 'etcd')] },
      },
    },
    says: [
      'error etcd-0: an etcd that is not this cluster’s runs on etcd-0, on 127.0.0.1:12379',
      'error etcd-1: an etcd that is not this cluster’s runs on etcd-1, on *:12380',
    ],
    good: {
      facts: { 'etcd-1': runsEtcd() },
      preflight: {
        'etcd-1': { listeners: [listener('10.77.0.11', 2379, 'etcd'), listener('127.0.0.1', 2381, 'etcd')] },
      },
    },
  },
  {
    code: 'check.foreign-node',
    when: 'the machine serves another cluster',
    bad: {
      preflight: {
        'etcd-0': { nodeFiles: ['/etc/kubernetes/kubelet.conf'], listeners: [listener('*', 6443, 'kube-apiserver')] },
      },
    },
    says: [
      'error etcd-0: etcd-0 is a machine of a Kubernetes cluster: it has /etc/kubernetes/kubelet.conf and runs kube-apiserver',
    ],
    good: { preflight: { 'etcd-0': { listeners: [listener('127.0.0.1', 10250, 'kubelet')] } } },
  },
];

it('says what to write for a machine with cgroup v1', () => {
  const found = preflightFindings(scene(one({ cgroup: 1 }))).find((f) => f.code === 'check.cgroup');
  expect(found?.action).toMatch(/^Write kubelet: \{ failCgroupV1: false \} under spec in cluster\.yaml, or /);
  // What it says to write is taken, and is enough.
  const heeded = scene({ spec: '  kubelet: { failCgroupV1: false }', ...one({ cgroup: 1 }) });
  expect(preflightFindings(heeded).filter((f) => f.code === 'check.cgroup' && f.severity === 'error')).toEqual([]);
});

describe('each check', () => {
  it.each(cases)('$code: $when', ({ code, bad, says, good }) => {
    expect(found(code, bad)).toEqual(says);
    expect(found(code, good)).toEqual([]);
  });

  it('has a case, here or among those of nodes', () => {
    const tested = new Set([...cases.map((c) => c.code), ...ofNodes, 'check.unknown']);
    expect(checks.map((c) => c.code).filter((code) => !tested.has(code))).toEqual([]);
  });
});

it('finds nothing on good machines, whatever the software comes from', () => {
  const bare = tools({});
  expect(preflightFindings(scene())).toEqual([]);
  expect(
    preflightFindings(
      scene({ software: withBundle, facts: { all: { ...bare, runtime: { is: 'absent' }, images: null } } }),
    ),
  ).toEqual([]);
  expect(preflightFindings(scene({ software: packages, facts: { all: bare } }))).toEqual([]);
});

it('says nothing of machines that cannot be reached: their silence is told elsewhere, once', () => {
  expect(preflightFindings(scene({ away: ['etcd-0', 'etcd-1', 'etcd-2'] }))).toEqual([]);
});

it('names what could not be checked, together where the reason is one', () => {
  const input = scene();
  const facts = input.preflight.get('etcd-1' as never);
  if (facts === undefined) throw new Error('the scene has no etcd-1');
  const unknown = { is: 'unknown', because: 'only 3 test writes succeeded:\n\u001b[31mdisk full' } as const;
  const preflight = new Map([...input.preflight, ['etcd-1' as never, { ...facts, fsync: unknown, disks: unknown }]]);
  expect(preflightFindings({ ...input, preflight })).toMatchObject([
    {
      code: 'check.unknown',
      severity: 'warning',
      host: 'etcd-1',
      message:
        'not checked on etcd-1: the file systems, the speed of the disk (only 3 test writes succeeded: [31mdisk full)',
    },
  ]);
});
