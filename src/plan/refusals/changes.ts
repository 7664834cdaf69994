import type { Finding } from '../../model/finding.ts';
import { tryParseCertificate } from '../../model/x509.ts';
import { isFounded } from '../../ports/vault.ts';
import { refusal } from '../finding.ts';
import { machineChanges } from './machine-changes.ts';
import type { PlanRefusal } from './types.ts';

/** After the founding these are operations of their own; until keelson can do them it refuses rather than half does them. */
export const changes: PlanRefusal = (view, intent) => {
  const { desired, facts } = view;
  if (intent.kind !== 'apply' || !isFounded(desired.cluster.phase)) return [];
  const inventory =
    facts.vault.is === 'known' && facts.vault.value.is !== 'absent' ? facts.vault.value.inventory : undefined;
  if (inventory === undefined) return [];
  const { spec } = desired.config;
  const found: Finding[] = [];
  for (const { id: host } of desired.machines) {
    const record = facts.hosts.get(host)?.record;
    if (
      record?.is !== 'known' ||
      record.value.is !== 'record' ||
      record.value.record.clusterName === desired.cluster.name
    )
      continue;
    found.push(
      refusal(
        'change.name',
        `${host} belongs to cluster ${record.value.record.clusterName}; cluster.yaml calls it ${desired.cluster.name}`,
        host,
      ),
    );
  }
  found.push(...machineChanges(inventory.hosts, desired.machines));
  const ports = (p: { client: number; peer: number; metrics: number }): string =>
    `client ${p.client}, peer ${p.peer}, metrics ${p.metrics}`;
  if (ports(inventory.ports) !== ports(spec.etcd.ports))
    found.push(
      refusal('change.ports', `the ports are ${ports(inventory.ports)}; cluster.yaml says ${ports(spec.etcd.ports)}`),
    );
  if (inventory.dataDir !== spec.etcd.dataDir)
    found.push(
      refusal('change.data-dir', `the data directory is ${inventory.dataDir}; cluster.yaml says ${spec.etcd.dataDir}`),
    );
  if (inventory.algorithm !== spec.pki.algorithm)
    found.push(refusal('change.algorithm', `keys are ${inventory.algorithm}; cluster.yaml says ${spec.pki.algorithm}`));
  if (inventory.kubernetesVersion !== spec.kubernetesVersion) {
    found.push(
      refusal(
        'change.kubernetes-version',
        `the machines have ${inventory.kubernetesVersion}; cluster.yaml says ${spec.kubernetesVersion}`,
      ),
    );
  }
  const { configuredCa, caCertificate } = desired;
  if (configuredCa !== null && caCertificate !== null && fingerprint(configuredCa) !== fingerprint(caCertificate)) {
    found.push(refusal('change.ca', 'the CA that cluster.yaml names is not the one that the members trust'));
  }
  if (caCertificate !== null && fingerprint(caCertificate) !== inventory.caFingerprint256) {
    found.push(refusal('change.ca', 'the vault’s CA is not the one that the members trust'));
  }
  return found;
};

function fingerprint(pem: string): string | null {
  return tryParseCertificate(pem)?.fingerprint256 ?? null;
}
