import { z } from 'zod';
import { dnsDomain, imageReference, networkPrefix, operatorPath } from './grammar.ts';

export const networkDefaults = { podSubnet: '10.244.0.0/16', serviceSubnet: '10.96.0.0/12' } as const;

/** The cluster's own networks and who makes them. */
export const Network = z
  .strictObject({
    podSubnet: networkPrefix.default(networkDefaults.podSubnet).meta({
      description: 'Addresses of pods. It may overlap neither the services’ nor the machines’ network.',
      examples: ['10.244.0.0/16'],
    }),
    serviceSubnet: networkPrefix.default(networkDefaults.serviceSubnet).meta({
      description: 'Addresses of Services.',
      examples: ['10.96.0.0/12'],
    }),
    dnsDomain: dnsDomain.default('cluster.local').meta({
      description: 'DNS domain of Services.',
      examples: ['cluster.local'],
    }),
    cni: z
      .strictObject({
        kind: z
          .enum(['flannel', 'manifest', 'none'])
          .default('flannel')
          .meta({
            description:
              'Who makes the pod network: `flannel` as keelson renders it, `manifest` files of yours, `none` nobody, so that nodes stay NotReady until you do.',
            examples: ['flannel'],
          }),
        manifests: z
          .array(operatorPath)
          .default([])
          .meta({
            description: 'Files that are applied in order, relative to this file. Needed with `kind: manifest`.',
            examples: [['./cni/calico.yaml']],
          }),
        image: imageReference.optional().meta({
          description: 'Image of flannel, where it does not come from its own registry. Its VXLAN is UDP port 8472.',
          examples: ['registry.example.com/flannel:v0.27.4'],
        }),
      })
      .prefault({})
      .meta({ description: 'The pod network.' }),
  })
  .meta({ description: 'Networks inside the cluster.' });
