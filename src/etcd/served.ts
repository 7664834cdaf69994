import type { X509Certificate } from 'node:crypto';
import type { EtcdEndpoint, ServedCertificate } from '../ports/etcd-admin.ts';
import { type CredentialsSource, type Dial, openTls, placeOf } from './connection.ts';
import { type Failed, failed } from './failure.ts';

/** A server may show any chain; more than this is nobody's real one. */
const CHAIN_LIMIT = 10;

/**
 * What a port serves, on a connection of its own: certificates are read from their files for each handshake, so only a new one
 * shows them as they are. Our own certificate is shown too, else each look would be a refused connection in the member's log.
 */
export async function lookAtCertificate(
  endpoint: EtcdEndpoint,
  from: { dial: Dial; credentials: CredentialsSource },
  signal: AbortSignal,
): Promise<{ is: 'ok'; value: ServedCertificate } | Failed> {
  const opened = await openTls(endpoint, from, 'any', signal);
  if (opened.is === 'failed') return opened;
  const leaf = opened.socket.getPeerX509Certificate();
  opened.socket.destroy();
  if (leaf === undefined) return failed('other', `${placeOf(endpoint)} shows no certificate`);
  return { is: 'ok', value: { pem: leaf.toString(), chain: chainOf(leaf).map((c) => c.toString()) } };
}

function chainOf(leaf: X509Certificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let last = leaf;
  while (chain.length < CHAIN_LIMIT) {
    const next = last.issuerCertificate;
    if (next === undefined || next.fingerprint256 === last.fingerprint256) break;
    chain.push(next);
    last = next;
  }
  return chain;
}
