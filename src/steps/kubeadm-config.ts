import { parseAllDocuments } from 'yaml';

/** What a machine's own kubeadmcfg.yaml says of etcd; null for what it does not say, or when it cannot be read. */
export interface KubeadmConfigOn {
  dataDir: string | null;
  initialCluster: string | null;
}

interface Document {
  etcd?: { local?: { dataDir?: unknown; extraArgs?: unknown } };
}

export function kubeadmConfigOn(text: string): KubeadmConfigOn {
  const local = documentsOf(text).find((d) => d?.etcd?.local !== undefined)?.etcd?.local;
  const args = Array.isArray(local?.extraArgs) ? (local.extraArgs as { name?: unknown; value?: unknown }[]) : [];
  return {
    dataDir: stringOr(local?.dataDir),
    initialCluster: stringOr(args.find((arg) => arg.name === 'initial-cluster')?.value),
  };
}

function documentsOf(text: string): (Document | null)[] {
  try {
    return parseAllDocuments(text).map((document) => document.toJS() as Document | null);
  } catch {
    return [];
  }
}

function stringOr(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
