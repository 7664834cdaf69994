import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { configOf } from '../../test/scenarios/sim/world.ts';
import { hostId } from '../model/ids.ts';
import type { ClusterIdentity, VaultState } from '../ports/vault.ts';
import { desire, TOKEN_PLACEHOLDER } from './desire.ts';
import type { Desired } from './types.ts';

const config = configOf({ members: 3, source: 'preinstalled' });
const identity: ClusterIdentity = {
  clusterUid: 'uid',
  clusterToken: 'lab-token',
  createdAt: '',
  etcd: { phase: 'founded', clusterId: 'abc' },
};
const open: VaultState = {
  is: 'open',
  identity,
  hasCaKey: true,
  clusterKeys: new Map(),
  reseal: null,
  caCertificate: 'PEM',
};

function flags(desired: Desired, host: string, phase: 'founding' | 'running'): Record<string, string> {
  const text = desired.hosts.get(hostId(host))?.kubeadmConfig[phase] ?? '';
  const [, cluster] = parseAllDocuments(text).map(
    (d) => d.toJS() as { etcd: { local: { extraArgs: { name: string; value: string }[] } } },
  );
  return Object.fromEntries((cluster?.etcd.local.extraArgs ?? []).map((a) => [a.name, a.value]));
}

describe('desire', () => {
  it('lists all members while the cluster is founded, and afterwards only the member itself', () => {
    const desired = desire(config, open, { source: 'preinstalled' });
    expect(flags(desired, 'etcd-1', 'founding')).toMatchObject({
      'initial-cluster-state': 'new',
      'initial-cluster': 'etcd-0=https://10.77.0.10:2380,etcd-1=https://10.77.0.11:2380,etcd-2=https://10.77.0.12:2380',
      'initial-cluster-token': 'lab-token',
    });
    for (const n of [0, 1, 2]) {
      expect(flags(desired, `etcd-${n}`, 'running')).toMatchObject({
        'initial-cluster-state': 'existing',
        'initial-cluster': `etcd-${n}=https://10.77.0.1${n}:2380`,
        name: `etcd-${n}`,
      });
    }
  });

  it('shows a placeholder where only the vault knows, and says that it does not know', () => {
    const desired = desire(config, { is: 'absent' }, { source: 'preinstalled' });
    expect(desired.cluster).toEqual({ name: 'lab', uid: null, token: null, phase: 'new', etcdClusterId: null });
    expect(flags(desired, 'etcd-0', 'founding')['initial-cluster-token']).toBe(TOKEN_PLACEHOLDER);
  });

  it('puts etcd’s cluster id into every record once it is known', () => {
    const records = [...desire(config, open, { source: 'preinstalled' }).machines].map((m) => m.record);
    expect(records.map((r) => [r.clusterUid, r.host, r.etcdClusterId])).toEqual(
      [0, 1, 2].map((n) => ['uid', `etcd-${n}`, 'abc']),
    );
  });

  it('follows ports, addresses of IPv6, and settings of etcd', () => {
    const hosts = config.spec.hosts.map((h, n) => ({ ...h, address: `fd00:77::${n + 1}` }));
    const etcd = {
      ...config.spec.etcd,
      ports: { client: 3379, peer: 3380, metrics: 3381 },
      quotaBackendBytes: 1024,
      heartbeatIntervalMs: 200,
      electionTimeoutMs: 2000,
    };
    const desired = desire({ ...config, spec: { ...config.spec, hosts, etcd } }, open, { source: 'preinstalled' });
    expect(flags(desired, 'etcd-0', 'running')).toMatchObject({
      'listen-peer-urls': 'https://[fd00:77::1]:3380',
      'advertise-client-urls': 'https://[fd00:77::1]:3379',
      'listen-metrics-urls': 'http://[::1]:3381',
      'quota-backend-bytes': '1024',
      'heartbeat-interval': '200',
      'election-timeout': '2000',
    });
  });

  it('gives the CA’s key to the first machine alone, and only when it is asked for', () => {
    const placed = (caKeyPlacement: 'vault' | 'first-host'): boolean[] =>
      [
        ...desire({ ...config, spec: { ...config.spec, pki: { ...config.spec.pki, caKeyPlacement } } }, open, {
          source: 'preinstalled',
        }).hosts.values(),
      ].map((h) => h.holdsCaKey);
    expect(placed('vault')).toEqual([false, false, false]);
    expect(placed('first-host')).toEqual([true, false, false]);
  });
});
