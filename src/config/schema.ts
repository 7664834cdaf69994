import { z } from 'zod';
import { ControlPlane } from './control-plane.ts';
import {
  ageRecipient,
  byteQuantity,
  certificateSan,
  criSocket,
  dataDirectory,
  dnsLabel,
  duration,
  flagName,
  flagValue,
  hostKeyFingerprint,
  imageRepository,
  imageTag,
  kubeletFields,
  kubeProxyFields,
  kubernetesVersion,
  labelKey,
  labelValue,
  loginName,
  machineAddress,
  operatorPath,
  preflightError,
  proxyJump,
  reason,
  repositoryUrl,
  wholeNumber,
} from './grammar.ts';
import { Network } from './network.ts';
import { said } from './said.ts';

// Description, default and example stand on each field: the JSON Schema and docs/reference/config.md are generated from here.
// What fields must be together is in rules/. Nothing below changes what a field means; it only fills in defaults and gives
// addresses and sizes their one form.

export const API_VERSION = 'keelson.dev/v1alpha1';

/** Where a field that was not given is read by a rule: the rules see the file before the defaults are filled in. */
export const defaults = {
  ports: { client: 2379, peer: 2380, metrics: 2381, apiServer: 6443 },
  leafValidity: '8760h',
  caValidity: '87600h',
  sshPort: 22,
} as const;

const port = wholeNumber(1, 65_535);

const sshFields = {
  identityFile: operatorPath.optional().meta({
    description: 'Private key to log in with. Without it ssh decides: the agent, ssh_config, its default keys.',
    examples: ['~/.ssh/id_ed25519'],
  }),
  proxyJump: proxyJump.optional().meta({
    description: 'Jump hosts on the way, as ssh -J takes them; `none` switches one from ssh_config off.',
    examples: ['jump@bastion.example.com:22'],
  }),
  become: z
    .literal('sudo')
    .optional()
    .meta({
      description: 'How the user becomes root. By default `sudo` for every user but root.',
      examples: ['sudo'],
    }),
};

const Ssh = z
  .strictObject({
    user: loginName.default('root').meta({ description: 'Login name on the machines.', examples: ['admin'] }),
    port: port.default(defaults.sshPort).meta({ description: 'Port of sshd.', examples: [2222] }),
    ...sshFields,
  })
  .meta({ description: 'How machines are logged in to. Each host may override each field.' });

const HostSsh = z
  .strictObject({
    user: loginName.optional().meta({ description: 'Login name on this machine.', examples: ['admin'] }),
    port: port.optional().meta({ description: 'Port of sshd on this machine.', examples: [2222] }),
    ...sshFields,
    hostKey: hostKeyFingerprint.optional().meta({
      description: 'Fingerprint that the machine’s host key must have; `keelson hosts trust` records no other.',
      examples: ['SHA256:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg'],
    }),
  })
  .meta({ description: 'What differs on this machine from `spec.ssh`.' });

const Software = z
  .strictObject({
    source: z
      .enum(['packages', 'bundle', 'preinstalled'])
      .default('packages')
      .meta({
        description:
          'Where the programs come from: `packages` installs the distribution’s packages from a repository; `bundle` copies a folder of programs and images with checksums, for sites without internet; `preinstalled` installs nothing and checks what is there.',
        examples: ['bundle'],
      }),
    bundle: operatorPath.optional().meta({
      description: 'Folder of the bundle, relative to this file. Needed with `source: bundle`, and refused without.',
      examples: ['./bundle'],
    }),
    repository: z
      .strictObject({
        url: repositoryUrl.optional().meta({
          description:
            'Debian repository of the kubelet’s and kubeadm’s packages. By default the public one of Kubernetes for the minor version.',
          examples: ['https://pkgs.example.com/kubernetes/v1.36/deb/'],
        }),
        signingKey: operatorPath.optional().meta({
          description:
            'File with the ASCII-armoured public key that signs the repository. By default `Release.key` is fetched from the repository.',
          examples: ['./kubernetes.asc'],
        }),
      })
      .optional()
      .meta({ description: 'The package repository, with `source: packages` alone.' }),
  })
  .meta({ description: 'Where Kubernetes’ programs come from.' });

const Kubelet = kubeletFields.meta({
  description:
    'Any field of KubeletConfiguration (kubelet.config.k8s.io/v1beta1), merged over keelson’s own. What keelson and kubeadm decide is refused; the container runtime’s fields are in `spec.runtime`.',
  examples: [{ failSwapOn: false, maxPods: 20 }],
});

const ExtraArg = z.strictObject({
  name: flagName.meta({ description: 'Name of an etcd flag, without dashes in front.', examples: ['snapshot-count'] }),
  value: flagValue.meta({ description: 'Its value, always a string.', examples: ['10000'] }),
});

const Etcd = z
  .strictObject({
    topology: z
      .enum(['external', 'stacked'])
      .default('external')
      .meta({
        description:
          'Where etcd runs. `external`: on machines of its own, with the role etcd. `stacked`: on the control planes, made by kubeadm.',
        examples: ['external'],
      }),
    ports: z
      .strictObject({
        client: port.default(defaults.ports.client).meta({ description: 'Port for clients.', examples: [2379] }),
        peer: port.default(defaults.ports.peer).meta({ description: 'Port for the other members.', examples: [2380] }),
        metrics: port.default(defaults.ports.metrics).meta({
          description: 'Port for metrics and probes, on the loopback address alone.',
          examples: [2381],
        }),
      })
      .prefault({})
      .meta({ description: 'TCP ports of each member.' }),
    dataDir: dataDirectory.default('/var/lib/etcd').meta({
      description: 'Data directory on each machine.',
      examples: ['/data/etcd'],
    }),
    quotaBackendBytes: byteQuantity({ min: '1Mi', max: '64Gi' })
      .optional()
      .meta({
        description:
          'Size at which the database takes no more writes; etcd’s own default is 2Gi, and more than 8Gi is not advised.',
        examples: ['8Gi'],
      }),
    heartbeatIntervalMs: wholeNumber(1, 10_000)
      .optional()
      .meta({
        description:
          'Time between two heartbeats of the leader, about the round trip between members; etcd’s own default is 100.',
        examples: [100],
      }),
    electionTimeoutMs: wholeNumber(10, 50_000)
      .optional()
      .meta({
        description:
          'Time without heartbeat after which members elect a leader, at least 5 times the heartbeat; etcd’s own default is 1000.',
        examples: [1000],
      }),
    imageRepository: imageRepository.optional().meta({
      description: 'Repository of etcd’s image. By default kubeadm’s.',
      examples: ['registry.example.com/k8s'],
    }),
    imageTag: imageTag.optional().meta({
      description: 'Tag of etcd’s image. By default kubeadm’s for the Kubernetes version.',
      examples: ['3.6.8-0'],
    }),
    serverCertSANs: z
      .array(certificateSan)
      .default([])
      .meta({
        description: 'Further names and addresses in each member’s server certificate.',
        examples: [['etcd.example.com']],
      }),
    peerCertSANs: z
      .array(certificateSan)
      .default([])
      .meta({
        description: 'Further names and addresses in each member’s peer certificate.',
        examples: [['etcd.example.com']],
      }),
    extraArgs: z
      .array(ExtraArg)
      .default([])
      .meta({
        description:
          'Further flags of etcd, after kubeadm’s. Refused are those that keelson decides or that would undo safety.',
        examples: [[{ name: 'snapshot-count', value: '10000' }]],
      }),
    allowEvenMembers: reason.optional().meta({
      description:
        'Why this cluster has an even number of members, which tolerates no more failures than one less. Without a reason an even number is refused.',
      examples: ['the third room is built next month'],
    }),
  })
  .meta({ description: 'The etcd cluster.' });

const Runtime = z
  .strictObject({
    criSocket: criSocket.optional().meta({
      description: 'Socket of the container runtime. By default containerd’s.',
      examples: ['unix:///run/containerd/containerd.sock'],
    }),
    cgroupDriver: z
      .enum(['systemd', 'cgroupfs'])
      .optional()
      .meta({
        description: 'Must be the runtime’s. By default the runtime is asked.',
        examples: ['systemd'],
      }),
  })
  .meta({ description: 'The container runtime on the machines.' });

// The last moment that a certificate can name is in the year 9999; a century is already more than anybody can want.
const validity = duration({ min: '1h', max: '876000h' });

const Pki = z
  .strictObject({
    algorithm: z
      .enum(['ecdsa-p256', 'rsa-2048'])
      .default('ecdsa-p256')
      .meta({
        description: 'Kind of every key that keelson makes.',
        examples: ['rsa-2048'],
      }),
    leafValidity: validity.default(defaults.leafValidity).meta({
      description: 'How long leaf certificates are valid.',
      examples: ['8760h'],
    }),
    caValidity: validity.default(defaults.caValidity).meta({
      description: 'How long the CA is valid; no leaf may outlive it.',
      examples: ['87600h'],
    }),
    caKeyPlacement: z
      .enum(['vault', 'first-host'])
      .default('vault')
      .meta({
        description:
          'Where the CA’s private key is: sealed in the vault alone, or on the first machine too, as the Kubernetes documentation has it.',
        examples: ['first-host'],
      }),
    ca: z
      .strictObject({
        certificate: operatorPath.meta({
          description: 'PEM file of the CA’s certificate.',
          examples: ['./pki/ca.crt'],
        }),
        key: operatorPath.meta({
          description: 'PEM file of its private key, without a passphrase.',
          examples: ['./pki/ca.key'],
        }),
      })
      .optional()
      .meta({ description: 'A CA of your own for etcd. By default keelson makes one.' }),
  })
  .meta({ description: 'Certificates.' });

const Vault = z
  .strictObject({
    recipients: z
      .array(ageRecipient)
      .default([])
      .meta({
        description:
          'age recipients that can open the vault. Your own identity, which is made on first use, can open it besides; once the list names it, too, the list is everybody. A change is made by the next apply.',
        examples: [['age1365tafg53anr5cy58ejc3rsw39whmxu0mk53mn88gvlj6tyzpezqga6clm']],
      }),
  })
  .meta({ description: 'The folder that keeps keys and identity of the cluster, sealed.' });

const wait = duration({ min: '1s', max: '24h' });

const Timeouts = z
  .strictObject({
    connect: wait.default('10s').meta({ description: 'For one SSH connect.', examples: ['10s'] }),
    hostReturn: wait.default('5m').meta({
      description: 'How long a machine that went away during a run is waited for.',
      examples: ['5m'],
    }),
    lostCommand: wait.default('2m').meta({
      description: 'How long a command whose connection was lost may still run on its machine before it is stopped.',
      examples: ['2m'],
    }),
    memberHealthy: wait.default('2m').meta({
      description: 'How long members may take to become healthy.',
      examples: ['2m'],
    }),
    nodeReady: wait.default('5m').meta({
      description: 'How long a node may take to become Ready after it joined, and an API server to answer.',
      examples: ['5m'],
    }),
    drain: wait.default('10m').meta({
      description: 'How long pods may take to leave a node before it is removed.',
      examples: ['10m'],
    }),
  })
  .meta({ description: 'How long is waited for what.' });

const Concurrency = z
  .strictObject({
    hosts: wholeNumber(1, 100)
      .default(10)
      .meta({ description: 'Machines worked on at a time.', examples: [10] }),
    joins: wholeNumber(1, 100)
      .default(10)
      .meta({ description: 'Workers that join at a time; control planes join one by one.', examples: [10] }),
    connects: wholeNumber(1, 100)
      .default(8)
      .meta({
        description: 'SSH connects at a time. sshd’s default (MaxStartups 10:30:100) begins to refuse at 10.',
        examples: [8],
      }),
  })
  .meta({ description: 'How much is done at a time.' });

const Kubeadm = z
  .strictObject({
    ignorePreflightErrors: z
      .array(preflightError)
      .default([])
      .meta({
        description:
          'Checks of kubeadm’s preflight that may fail, by name. `all` is refused: it would hide every fault.',
        examples: [['SystemVerification']],
      }),
    patches: operatorPath.optional().meta({
      description:
        'Folder with patches of kubeadm’s manifests for every machine, as `kubeadm --patches` takes them; relative to this file.',
      examples: ['./patches'],
    }),
  })
  .meta({ description: 'How kubeadm is run on control planes and workers.' });

const Taint = z.strictObject({
  key: labelKey.meta({ description: 'Key of the taint.', examples: ['dedicated'] }),
  value: labelValue.default('').meta({ description: 'Its value.', examples: ['ingress'] }),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).meta({
    description: 'What happens to pods that do not tolerate it.',
    examples: ['NoSchedule'],
  }),
});

const roles = ['etcd', 'control-plane', 'worker', 'load-balancer'] as const;
export type Role = (typeof roles)[number];

const Host = z.strictObject({
  name: dnsLabel.meta({
    description: 'Name of the machine, of its node or etcd member, and in its certificates.',
    examples: ['etcd-0'],
  }),
  address: machineAddress.meta({
    description: 'IPv4 or IPv6 address for SSH and for the other members; one family in a cluster.',
    examples: ['10.77.0.10'],
  }),
  roles: z
    .array(z.enum(roles))
    .min(1, said('is empty', 'name the machine’s role, such as [etcd] or [worker]'))
    .meta({
      description:
        'What the machine does: `etcd` is a member of an external etcd, `control-plane`, `worker`, or `load-balancer` with haproxy and keepalived alone. A machine has one role.',
      examples: [['etcd']],
    }),
  labels: z
    .record(labelKey, labelValue)
    .default({})
    .meta({ description: 'Labels of the node.', examples: [{ zone: 'a' }] }),
  taints: z
    .array(Taint)
    .optional()
    .meta({
      description:
        'Taints of the node. By default a control plane takes no ordinary pods, and a worker has none; `[]` lets a control plane take them.',
      examples: [[{ key: 'dedicated', value: 'ingress', effect: 'NoSchedule' }]],
    }),
  zone: labelValue.optional().meta({
    description: 'Failure zone of the node, its label topology.kubernetes.io/zone.',
    examples: ['room-2'],
  }),
  patches: operatorPath.optional().meta({
    description: 'Folder with patches of kubeadm’s manifests for this machine, before those of `spec.kubeadm.patches`.',
    examples: ['./patches/cp-0'],
  }),
  ssh: HostSsh.prefault({}),
});

const Spec = z
  .strictObject({
    kubernetesVersion: kubernetesVersion.meta({
      description:
        'Exact version of kubelet and kubeadm; it decides etcd’s version too. 1.33 to 1.36, tested with 1.36.',
      examples: ['v1.36.3'],
    }),
    ssh: Ssh.prefault({}),
    software: Software.prefault({}),
    kubelet: Kubelet.default({}),
    etcd: Etcd.prefault({}),
    controlPlane: ControlPlane.optional(),
    kubeProxy: kubeProxyFields.default({}).meta({
      description:
        'Any field of KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1), for the kube-proxy of all nodes.',
      examples: [{ mode: 'nftables' }],
    }),
    kubeadm: Kubeadm.prefault({}),
    network: Network.prefault({}),
    runtime: Runtime.prefault({}),
    pki: Pki.prefault({}),
    vault: Vault.prefault({}),
    timeouts: Timeouts.prefault({}),
    concurrency: Concurrency.prefault({}),
    hosts: z.array(Host).meta({
      description:
        'The machines. Of etcd’s, or with `topology: stacked` of the control planes, an odd number, at most 7.',
    }),
  })
  .meta({ description: 'What the cluster must be.' });

/** cluster.yaml as its author writes it, shape alone. */
export const ClusterFile = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).meta({ description: 'Version of this format.', examples: [API_VERSION] }),
    kind: z.literal('Cluster').meta({ description: 'Always `Cluster`.', examples: ['Cluster'] }),
    metadata: z
      .strictObject({
        name: dnsLabel.meta({ description: 'Name of the cluster and of its vault’s folder.', examples: ['lab'] }),
      })
      .meta({ description: 'What the cluster is called.' }),
    spec: Spec,
  })
  .meta({ title: 'keelson cluster.yaml', description: 'A cluster, as keelson makes and keeps it.' });

/** The configuration as the rest of keelson sees it: every default filled in, so that nobody else needs to know one. */
export const ClusterConfig = ClusterFile.transform((file) => ({ ...file, spec: complete(file.spec) }));
export type ClusterConfig = z.output<typeof ClusterConfig>;

function complete(spec: z.output<typeof Spec>) {
  const { repository } = spec.software;
  return {
    ...spec,
    software: {
      ...spec.software,
      repository: { ...repository, url: withSlash(repository?.url ?? publicRepository(spec.kubernetesVersion)) },
    },
    hosts: spec.hosts.map((host) => ({ ...host, ssh: completeSsh(spec.ssh, host.ssh) })),
  };
}

function completeSsh(common: z.output<typeof Ssh>, own: z.output<typeof HostSsh>) {
  const merged = { ...common, ...own };
  const user = own.user ?? common.user;
  // Whoever logs in as root here needs no sudo, even where the other machines do.
  const become = own.become ?? (user === 'root' && own.user !== undefined ? undefined : common.become);
  return {
    ...merged,
    user,
    port: own.port ?? common.port,
    become: become ?? (user === 'root' ? undefined : 'sudo'),
  } as const;
}

function publicRepository(version: string): string {
  return `https://pkgs.k8s.io/core:/stable:/${version.split('.').slice(0, 2).join('.')}/deb/`;
}

/** A flat Debian repository is a folder. */
function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
