import type { ClusterConfig } from '../config/schema.ts';
import { digestOf } from '../model/canonical-json.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { flannelObjects } from '../render/flannel.ts';
import { nodesOf } from './nodes.ts';
import type { Software } from './types.ts';

/** On each object that keelson applies: the digest of what was sent, so that a plan need not compare fields that the server has filled in. */
export const APPLIED = 'keelson.dev/applied';

export const FLANNEL_IMAGE = 'ghcr.io/flannel-io/flannel:v0.26.7';
const FLANNEL_PLUGIN_IMAGE = 'ghcr.io/flannel-io/flannel-cni-plugin:v1.6.2-flannel1';

/** The pod network's objects, in the order in which they are applied. */
export function networkOf(config: ClusterConfig, software: Software): readonly KubeObject[] {
  const { network } = config.spec;
  if (nodesOf(config).length === 0 || network.cni.kind !== 'flannel') return [];
  return flannelObjects({
    image: network.cni.image ?? FLANNEL_IMAGE,
    // The bundle brings the plug-in with the others.
    cniPlugin: software.source === 'bundle' ? { from: 'machine' } : { from: 'image', image: FLANNEL_PLUGIN_IMAGE },
    podSubnets: network.podSubnet.split(','),
  }).map(stamped);
}

function stamped(object: KubeObject): KubeObject {
  const annotations = { ...object.metadata.annotations, [APPLIED]: digestOf(object) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}
