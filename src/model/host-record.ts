/** `/etc/keelson/host.json`: whose machine this is. Written before anything else. */
export interface HostRecord {
  clusterUid: string;
  clusterName: string;
  host: string;
  machineId: string;
  /** Set once the cluster is founded: a wiped data directory is then never an empty machine. Hexadecimal. */
  etcdClusterId?: string;
}

export function hostRecordText(record: HostRecord): string {
  return `${JSON.stringify({ apiVersion: 'keelson.dev/v1alpha1', kind: 'HostRecord', ...record }, null, 2)}\n`;
}

/** null when the text is no host record of this version. */
export function parseHostRecord(text: string): HostRecord | null {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
  if (value === null || typeof value !== 'object' || value.kind !== 'HostRecord') return null;
  const { clusterUid, clusterName, host, machineId, etcdClusterId } = value;
  if (![clusterUid, clusterName, host, machineId].every((v) => typeof v === 'string')) return null;
  if (etcdClusterId !== undefined && typeof etcdClusterId !== 'string') return null;
  return {
    clusterUid: clusterUid as string,
    clusterName: clusterName as string,
    host: host as string,
    machineId: machineId as string,
    ...(etcdClusterId === undefined ? {} : { etcdClusterId }),
  };
}
