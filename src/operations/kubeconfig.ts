import { homedir } from 'node:os';
import { join } from 'node:path';
import { goDurationSeconds, parseGoDuration } from '../config/duration.ts';
import type { ClusterConfig } from '../config/schema.ts';
import { controlPlaneEndpoint } from '../desired/kubeadm-cluster.ts';
import { nodesOf } from '../desired/nodes.ts';
import { type KubeconfigEntry, mergeKubeconfig, printKubeconfig, writeKubeconfig } from '../kube/kubeconfig.ts';
import { KeelsonError } from '../model/errors.ts';
import { parseCertificate } from '../model/x509.ts';
import { createIssuer } from '../pki/issuer.ts';
import type { Clock } from '../ports/clock.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { Vault } from '../ports/vault.ts';
import { locate, type OpenOptions } from './context.ts';
import { systemClock } from './local.ts';
import { openVault } from './ports.ts';

export interface KubeconfigRequest {
  /** The user's name; by default kubernetes-admin. */
  user?: string;
  /** Above all RBAC: for the day on which roles themselves are broken. */
  superAdmin: boolean;
  /** As Go writes durations; by default `spec.pki.leafValidity`, and a day for a super-admin. */
  validity?: string;
  to:
    | { is: 'output'; write: (text: string) => void }
    /** By default CLUSTER.kubeconfig in the folder of the process. */
    | { is: 'file'; path?: string }
    | { is: 'merge'; path: string; use: boolean };
}

/** What was made, and never the key. */
export interface KubeconfigReport {
  /** null when it went to standard output. */
  file: string | null;
  cluster: string;
  user: string;
  groups: readonly string[];
  context: string;
  /** The context is the file's current one. */
  current: boolean;
  server: string;
  /** ISO 8601. */
  expiresAt: string;
}

export interface KubeconfigSources {
  config: ClusterConfig;
  vault: Pick<Vault, 'clusterKey'>;
  issuer: Pick<Issuer, 'issue'>;
  clock: Clock;
}

/** As {@link makeKubeconfig}, for what the command line names. */
export async function openKubeconfig(options: OpenOptions, request: KubeconfigRequest): Promise<KubeconfigReport> {
  const located = await locate(options);
  const clock = systemClock;
  const sources = { config: located.config, vault: openVault(located), issuer: createIssuer({ clock }), clock };
  return makeKubeconfig(sources, request);
}

/** The group that kubeadm gives its own admin.conf, bound to cluster-admin by RBAC, where it can be taken away again. */
const ADMINS = 'kubeadm:cluster-admins';
/** The group that the API server lets do everything without asking RBAC. */
const MASTERS = 'system:masters';
const SUPER_ADMIN_VALIDITY = '24h';

/** Issues a client certificate from the vault's Kubernetes CA and writes a kubeconfig with it. No machine is asked. */
export async function makeKubeconfig(
  { config, vault, issuer, clock }: KubeconfigSources,
  request: KubeconfigRequest,
): Promise<KubeconfigReport> {
  if (!nodesOf(config).some((node) => node.role === 'control-plane'))
    throw new KeelsonError('usage', 'cluster.yaml lists no control plane: etcd alone has no kubeconfig', {
      action: 'Use this command for a cluster with control planes.',
    });
  const user = userOf(request);
  const { superAdmin, to } = request;
  const groups = [superAdmin ? MASTERS : ADMINS];
  const ca = await vault.clusterKey('kubernetes-ca');
  const validitySeconds = validityOf(config, request, ca.public, clock);
  const { algorithm } = config.spec.pki;
  const pair = await issuer.issue(
    { commonName: user, organizations: groups, ekus: ['clientAuth'], dns: [], ips: [], algorithm, validitySeconds },
    { certificate: ca.public, key: ca.key },
  );
  const cluster = config.metadata.name;
  const entry: KubeconfigEntry = {
    cluster,
    context: `${user}@${cluster}`,
    server: `https://${controlPlaneEndpoint(config)}`,
    ca: ca.public,
    certificate: pair.certificate,
    key: pair.key,
  };
  const { file, current } = await put(entry, to);
  const { context, server } = entry;
  return {
    file,
    cluster,
    user,
    groups,
    context,
    current,
    server,
    expiresAt: parseCertificate(pair.certificate).notAfter,
  };
}

async function put(
  entry: KubeconfigEntry,
  to: KubeconfigRequest['to'],
): Promise<{ file: string | null; current: boolean }> {
  if (to.is === 'output') {
    printKubeconfig(entry, to.write);
    return { file: null, current: true };
  }
  if (to.is === 'merge') {
    const { isCurrent } = await mergeKubeconfig(to.path, entry, to.use);
    return { file: to.path, current: isCurrent };
  }
  const file = to.path ?? `${entry.cluster}.kubeconfig`;
  await writeKubeconfig(file, entry);
  return { file, current: true };
}

/** Names of Kubernetes' own components would be given their rights. */
function userOf({ user, superAdmin }: KubeconfigRequest): string {
  if (superAdmin && user !== undefined)
    throw new KeelsonError('usage', '--super-admin has a name of its own', { action: 'Leave out --user.' });
  const name = user ?? (superAdmin ? 'kubernetes-super-admin' : 'kubernetes-admin');
  if (/^[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?$/.test(name)) return name;
  throw new KeelsonError('usage', `--user ${JSON.stringify(name)} is no name that a person can have here`, {
    action: 'Take letters, digits and . _ @ - between them, up to 64.',
  });
}

function validityOf(
  config: ClusterConfig,
  { validity, superAdmin }: KubeconfigRequest,
  ca: string,
  clock: Clock,
): number {
  const text = validity ?? (superAdmin ? SUPER_ADMIN_VALIDITY : config.spec.pki.leafValidity);
  const seconds = validity === undefined ? goDurationSeconds(text) : Math.floor(parseGoDuration(text) ?? 0);
  if (seconds < 60)
    throw new KeelsonError('usage', `--validity ${text} is no duration of a minute or more`, {
      action: 'Write it like 30m, 24h or 8760h.',
    });
  const { notAfter } = parseCertificate(ca);
  if (clock.now().getTime() + seconds * 1000 <= Date.parse(notAfter)) return seconds;
  throw new KeelsonError('usage', `in ${text} the Kubernetes CA has expired: it ends ${notAfter}`, {
    action: 'Give a shorter --validity.',
  });
}

/** The file that kubectl writes to: the first that KUBECONFIG names, or the one in the home folder. */
export function kubectlFile(env: Readonly<Record<string, string | undefined>>): string {
  const [first] = (env.KUBECONFIG ?? '').split(':').filter((path) => path !== '');
  return first ?? join(homedir(), '.kube', 'config');
}
