import { nodeCertificateFiles } from '../desired/node-certificates.ts';
import type { Node } from '../desired/nodes.ts';
import { asKeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { tryParseCertificate } from '../model/x509.ts';
import type { Clock } from '../ports/clock.ts';
import { certificatesIn } from '../ports/commands/kubeadm.ts';
import type { ReadHost } from '../ports/host.ts';
import type { KubeApi } from '../ports/kube-api.ts';
import { parseTexts } from './files.ts';
import { only } from './probe.ts';
import type { Fact, View } from './types.ts';

/** What only a status asks of a node. */
export interface NodeCertificatesFact {
  /** PEM by path; the certificate alone. */
  files: Fact<ReadonlyMap<string, string>>;
  /** SHA-256 fingerprint of what its API server shows; null on a worker. */
  served: Fact<string> | null;
}

export interface NodeCertificateSources {
  hosts: ReadonlyMap<HostId, ReadHost>;
  kube: Pick<KubeApi, 'servedCertificate'>;
  clock: Clock;
}

/** Of machines that could be reached; an API server that said nothing before is not asked again. */
export async function gatherNodeCertificates(
  view: View,
  sources: NodeCertificateSources,
  signal: AbortSignal,
): Promise<ReadonlyMap<HostId, NodeCertificatesFact>> {
  const asked = view.desired.nodes.flatMap((node) => {
    const connection = sources.hosts.get(node.host);
    if (connection === undefined || view.facts.hosts.get(node.host)?.machine.is !== 'known') return [];
    return [read(view, node, connection, sources, signal)];
  });
  return new Map(await Promise.all(asked));
}

async function read(
  view: View,
  node: Node,
  host: ReadHost,
  sources: NodeCertificateSources,
  signal: AbortSignal,
): Promise<[HostId, NodeCertificatesFact]> {
  const fact = async <T>(ask: () => Promise<T>): Promise<Fact<T>> => {
    try {
      return { is: 'known', value: await ask(), at: sources.clock.now().toISOString() };
    } catch (error) {
      signal.throwIfAborted();
      return { is: 'unknown', because: asKeelsonError(error).message };
    }
  };
  const [files, served] = await Promise.all([
    fact(async () => {
      const results = await host.runAll([certificatesIn(nodeCertificateFiles(node.role))], signal);
      return parseTexts(only(results).stdout);
    }),
    showsOne(view, node) ? fact(() => shown(sources.kube, node, signal)) : null,
  ]);
  return [node.host, { files, served }];
}

/** A handshake that failed because of the certificate is worth a look, too. */
function showsOne({ facts }: View, { host }: Node): boolean {
  const server = facts.kube.is === 'known' ? facts.kube.value.servers.get(host) : undefined;
  return server?.is === 'ok' || (server?.is === 'failed' && server.code === 'kube.tls');
}

async function shown(kube: NodeCertificateSources['kube'], { host }: Node, signal: AbortSignal): Promise<string> {
  const certificate = tryParseCertificate(await kube.servedCertificate({ on: host, signal }));
  if (certificate === null) throw new Error(`the API server on ${host} shows what is no certificate`);
  return certificate.fingerprint256;
}
