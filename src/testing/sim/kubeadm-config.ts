import { parseAllDocuments } from 'yaml';
import { remembered } from '../../model/remembered.ts';
import type { SimTaint } from './kubelet.ts';

interface NameValue {
  name: string;
  value: string;
}

export interface Registration {
  name?: string;
  taints?: readonly SimTaint[];
  kubeletExtraArgs?: readonly NameValue[];
  ignorePreflightErrors?: readonly string[];
}

interface LocalEndpoint {
  advertiseAddress?: string;
  bindPort?: number;
}

/** The kinds that `kubeadm --config` may hold, as far as they matter here. */
export type KubeadmDocument =
  | {
      kind: 'InitConfiguration';
      bootstrapTokens?: readonly { token?: string; ttl?: string }[];
      certificateKey?: string;
      localAPIEndpoint?: LocalEndpoint;
      nodeRegistration?: Registration;
    }
  | ClusterDocument
  | {
      kind: 'JoinConfiguration';
      discovery?: { bootstrapToken?: { apiServerEndpoint?: string; token?: string; caCertHashes?: readonly string[] } };
      nodeRegistration?: Registration;
      controlPlane?: { localAPIEndpoint?: LocalEndpoint; certificateKey?: string };
    }
  | { kind: 'KubeletConfiguration' | 'KubeProxyConfiguration' };

export interface ClusterDocument {
  kind: 'ClusterConfiguration';
  kubernetesVersion?: string;
  controlPlaneEndpoint?: string;
  etcd?: {
    local?: {
      dataDir?: string;
      imageRepository?: string;
      imageTag?: string;
      extraArgs?: readonly NameValue[];
    };
    external?: { endpoints: readonly string[]; caFile: string; certFile: string; keyFile: string };
  };
}

export interface KubeadmConfig {
  of: <K extends KubeadmDocument['kind']>(kind: K) => Extract<KubeadmDocument, { kind: K }> | undefined;
  /** The document's own text: what kubeadm keeps in a ConfigMap. */
  text: (kind: KubeadmDocument['kind']) => string;
}

const KINDS: readonly string[] = [
  'InitConfiguration',
  'ClusterConfiguration',
  'JoinConfiguration',
  'KubeletConfiguration',
  'KubeProxyConfiguration',
];

/** null where kubeadm refuses the text: a document that is no YAML, or of no kind that it knows. */
export const readKubeadmConfig = remembered((text): { config: KubeadmConfig | null } => {
  const documents = parseAllDocuments(text).map((document) => ({
    text: document.toString({ lineWidth: 0 }).replace(/^# [^\n]*\n/, ''),
    value: document.errors.length === 0 ? (document.toJS() as KubeadmDocument | null) : null,
  }));
  if (documents.some(({ value }) => value === null || !KINDS.includes(value.kind))) return { config: null };
  const find = (kind: string) => documents.find(({ value }) => value?.kind === kind);
  return {
    config: {
      of: <K extends KubeadmDocument['kind']>(kind: K) =>
        find(kind)?.value as Extract<KubeadmDocument, { kind: K }> | undefined,
      text: (kind) => find(kind)?.text ?? '',
    },
  };
});
