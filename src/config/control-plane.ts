import { z } from 'zod';
import {
  argumentName,
  certificateSan,
  endpointAddress,
  featureGateName,
  flagValue,
  hostPath,
  imageReference,
  imageRepository,
  interfaceName,
  machineAddress,
  wholeNumber,
} from './grammar.ts';
import type { ControlPlaneComponentName } from './reserved-arguments.ts';
import { said } from './said.ts';

// The part of cluster.yaml that says how the control plane is made. What must fit together is in rules/.

const extraArgs = (of: ControlPlaneComponentName) =>
  z
    .array(
      z.strictObject({
        name: argumentName(of).meta({
          description: 'Name of a flag, without dashes in front.',
          examples: ['profiling'],
        }),
        value: flagValue.meta({ description: 'Its value, always a string.', examples: ['false'] }),
      }),
    )
    .default([])
    .meta({
      description:
        'Further flags, after kubeadm’s. A name may stand more than once, as with `service-account-issuer`. Refused are those that keelson or kubeadm decides.',
      examples: [[{ name: 'profiling', value: 'false' }]],
    });

const extraVolumes = z
  .array(
    z.strictObject({
      name: z
        .string()
        .regex(
          /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
          said('is not the name of a volume', 'use a DNS label, such as audit'),
        )
        .meta({ description: 'Name of the volume within the pod.', examples: ['audit'] }),
      hostPath: hostPath.meta({ description: 'Path on the machine.', examples: ['/etc/kubernetes/audit'] }),
      mountPath: hostPath.meta({ description: 'Path inside the container.', examples: ['/etc/kubernetes/audit'] }),
      readOnly: z
        .boolean()
        .default(true)
        .meta({ description: 'Mounted read-only.', examples: [true] }),
      pathType: z
        .enum(['Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate'])
        .optional()
        .meta({ description: 'What must be there; by default anything.', examples: ['DirectoryOrCreate'] }),
    }),
  )
  .default([])
  .meta({
    description: 'Folders and files of the machine that the container sees: what a flag names must be mounted.',
    examples: [[{ name: 'audit', hostPath: '/var/log/kubernetes', mountPath: '/var/log/kubernetes', readOnly: false }]],
  });

const component = (of: ControlPlaneComponentName, what: string) =>
  z
    .strictObject({ extraArgs: extraArgs(of), extraVolumes })
    .prefault({})
    .meta({ description: `Settings of the ${what}.` });

const Keepalived = z
  .strictObject({
    virtualRouterID: wholeNumber(1, 255)
      .default(51)
      .meta({ description: 'VRRP’s number of this group: unique on its network segment.', examples: [51] }),
    priority: wholeNumber(20, 250)
      .default(100)
      .meta({
        description: 'Priority of the first machine; each further one has one less.',
        examples: [100],
      }),
    advertInterval: wholeNumber(1, 10)
      .default(1)
      .meta({ description: 'Seconds between two announcements of the holder.', examples: [1] }),
    multicast: z
      .boolean()
      .default(false)
      .meta({
        description: 'Announce to the segment’s multicast group instead of to each peer.',
        examples: [true],
      }),
    checkInterval: wholeNumber(1, 60)
      .default(1)
      .meta({ description: 'Seconds between two checks of the own haproxy and API server.', examples: [1] }),
    fall: wholeNumber(1, 10)
      .default(2)
      .meta({ description: 'Failed checks after which a machine gives the address away.', examples: [2] }),
    rise: wholeNumber(1, 10)
      .default(2)
      .meta({ description: 'Good checks after which it may have it again.', examples: [2] }),
  })
  .prefault({})
  .meta({ description: 'Settings of keepalived, which moves the virtual IP.' });

const LoadBalancer = z
  .strictObject({
    kind: z.enum(['haproxy-keepalived', 'kube-vip', 'external']).meta({
      description:
        'Who brings requests to a live API server: `haproxy-keepalived` keelson’s own, `kube-vip` a static pod on the control planes, `external` one that you keep.',
      examples: ['haproxy-keepalived'],
    }),
    hosts: z
      .enum(['control-plane', 'load-balancer'])
      .default('control-plane')
      .meta({
        description:
          'Where haproxy and keepalived run: on the control planes, or on machines with the role load-balancer.',
        examples: ['control-plane'],
      }),
    virtualIP: machineAddress.optional().meta({
      description:
        'The address that moves between them, in their subnet and used by nothing else. Needed unless `kind` is external.',
      examples: ['10.77.0.100'],
    }),
    interface: interfaceName.optional().meta({
      description: 'Network interface that carries the virtual IP. By default the one with the machine’s address.',
      examples: ['eth0'],
    }),
    runAs: z
      .enum(['service', 'static-pod'])
      .default('service')
      .meta({
        description: 'How haproxy and keepalived run: as system services, or as static pods of the kubelet.',
        examples: ['static-pod'],
      }),
    keepalived: Keepalived,
    images: z
      .strictObject({
        haproxy: imageReference.default('docker.io/library/haproxy:2.8').meta({
          description: 'Image of haproxy, with `runAs: static-pod`.',
          examples: ['registry.example.com/haproxy:2.8'],
        }),
        keepalived: imageReference.default('docker.io/osixia/keepalived:2.0.20').meta({
          description: 'Image of keepalived, with `runAs: static-pod`.',
          examples: ['registry.example.com/keepalived:2.0.20'],
        }),
        kubeVip: imageReference.default('ghcr.io/kube-vip/kube-vip:v1.0.1').meta({
          description: 'Image of kube-vip.',
          examples: ['registry.example.com/kube-vip:v1.0.1'],
        }),
      })
      .prefault({})
      .meta({ description: 'Images of what runs as static pods.' }),
  })
  .meta({ description: 'What stands before the API servers.' });

export const ControlPlane = z
  .strictObject({
    endpoint: endpointAddress.optional().meta({
      description:
        'Where all machines and people reach the API server: kubeadm’s controlPlaneEndpoint. A DNS name is best, because it can move. Needed with more than one control plane, and cannot be changed later. By default the only one’s address.',
      examples: ['api.example.com:6443'],
    }),
    apiServerPort: wholeNumber(1, 65_535)
      .default(6443)
      .meta({ description: 'Port on which each API server listens.', examples: [6443] }),
    loadBalancer: LoadBalancer.optional(),
    certificates: z
      .enum(['upload', 'manual'])
      .default('upload')
      .meta({
        description:
          'How the keys that all control planes share reach them: `upload` through an encrypted Secret in the cluster that lives as long as the join, `manual` placed by keelson. With an external etcd they are always placed, so that each control plane has a client key for etcd of its own.',
        examples: ['manual'],
      }),
    apiServer: z
      .strictObject({
        extraArgs: extraArgs('apiServer'),
        extraVolumes,
        certSANs: z
          .array(certificateSan)
          .default([])
          .meta({
            description: 'Further names and addresses in the API server’s certificate.',
            examples: [['api.example.com']],
          }),
      })
      .prefault({})
      .meta({ description: 'Settings of the API server.' }),
    controllerManager: component('controllerManager', 'controller manager'),
    scheduler: component('scheduler', 'scheduler'),
    featureGates: z
      .record(featureGateName, z.boolean())
      .default({})
      .meta({ description: 'kubeadm’s feature gates.', examples: [{ NodeLocalCRISocket: true }] }),
    imageRepository: imageRepository.optional().meta({
      description: 'Repository of the control plane’s images. By default kubeadm’s.',
      examples: ['registry.example.com/k8s'],
    }),
  })
  .meta({ description: 'The control plane, made with kubeadm.' });
