import { formatIp, parseIp } from '../model/ip.ts';
import type { ExtendedKeyUsage } from '../model/x509.ts';

const PKI = '/etc/kubernetes/pki';

/** As kubeadm sets them, whatever the umask. */
export const CERTIFICATE_MODE = '644';
export const KEY_MODE = '600';

export type CertificateName = 'etcd-server' | 'etcd-peer' | 'etcd-healthcheck-client' | 'apiserver-etcd-client';

/** One leaf certificate as it must be on a machine. There is no organization on any of etcd's. */
export interface CertificateSpec {
  name: CertificateName;
  certPath: string;
  keyPath: string;
  commonName: string;
  ekus: readonly ExtendedKeyUsage[];
  /** Sorted, without duplicates. */
  dns: readonly string[];
  /** In kubeadm's order, without duplicates, as Go prints addresses. */
  ips: readonly string[];
}

/** `keyPath` is where the key lies with `pki.caKeyPlacement: first-host`; by default it is on no machine. */
export const etcdCa = {
  name: 'etcd-ca',
  certPath: `${PKI}/etcd/ca.crt`,
  keyPath: `${PKI}/etcd/ca.key`,
  commonName: 'etcd-ca',
} as const;

interface TableRow {
  name: CertificateName;
  base: string;
  ekus: readonly ExtendedKeyUsage[];
  /** A fixed name; `node` stands for the name of the machine. */
  commonName: string;
  /** Which list of configured SANs is added to the machine's own names. */
  sans: 'server' | 'peer' | 'none';
}

// kubeadm's list: https://github.com/kubernetes/kubernetes/blob/v1.36.3/cmd/kubeadm/app/phases/certs/certlist.go
// etcd's server certificate is for clients too: the gRPC gateway dials its own client port with it.
const table: readonly TableRow[] = [
  { name: 'etcd-server', base: 'etcd/server', commonName: 'node', ekus: ['serverAuth', 'clientAuth'], sans: 'server' },
  { name: 'etcd-peer', base: 'etcd/peer', commonName: 'node', ekus: ['serverAuth', 'clientAuth'], sans: 'peer' },
  {
    name: 'etcd-healthcheck-client',
    base: 'etcd/healthcheck-client',
    commonName: 'kube-etcd-healthcheck-client',
    ekus: ['clientAuth'],
    sans: 'none',
  },
  {
    name: 'apiserver-etcd-client',
    base: 'apiserver-etcd-client',
    commonName: 'kube-apiserver-etcd-client',
    ekus: ['clientAuth'],
    sans: 'none',
  },
];

/** Where the leaf certificates of an etcd machine and their keys are, on every machine alike. */
export const certificateFiles: readonly { name: CertificateName; certPath: string; keyPath: string }[] = table.map(
  (row) => ({ name: row.name, ...filesOf(row) }),
);

function filesOf(row: TableRow): { certPath: string; keyPath: string } {
  return { certPath: `${PKI}/${row.base}.crt`, keyPath: `${PKI}/${row.base}.key` };
}

/** The leaf certificates of one etcd machine. `sans` are further names and addresses, as kubeadm's serverCertSANs and peerCertSANs. */
export function certificatesFor(
  host: { name: string; address: string },
  sans: { server: readonly string[]; peer: readonly string[] },
): CertificateSpec[] {
  return table.map((row) => ({
    name: row.name,
    ...filesOf(row),
    commonName: row.commonName === 'node' ? host.name : row.commonName,
    ekus: row.ekus,
    ...(row.sans === 'none' ? { dns: [], ips: [] } : subjectAltNames(host, sans[row.sans])),
  }));
}

/** What the API server of a control plane shows to an external etcd: of the same kind as those of etcd's own machines. */
export function etcdClientCertificateOf(host: { name: string; address: string }): CertificateSpec {
  const spec = certificatesFor(host, { server: [], peer: [] }).find(({ name }) => name === 'apiserver-etcd-client');
  if (spec === undefined) throw new Error('the table has no client certificate');
  return spec;
}

function subjectAltNames(
  host: { name: string; address: string },
  extra: readonly string[],
): { dns: string[]; ips: string[] } {
  const dns = [host.name, 'localhost'];
  const ips = [host.address, '127.0.0.1', '::1'];
  for (const san of extra) (parseIp(san) === null ? dns : ips).push(san);
  // kubeadm sorts the names and leaves the addresses in their order (RemoveDuplicateAltNames in pkiutil).
  return { dns: [...new Set(dns)].sort(byteOrder), ips: [...new Set(ips.map(canonicalIp))] };
}

function canonicalIp(text: string): string {
  const bytes = parseIp(text);
  return bytes === null ? text : formatIp(bytes);
}

function byteOrder(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
