import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { EtcdEndpoint, ServedCertificate } from '../ports/etcd-admin.ts';
import { type CredentialsSource, type Dial, openTls, placeOf } from './connection.ts';
import { type Failed, failed } from './failure.ts';

/** A server may show any chain; more than this is nobody's real one. */
const CHAIN_LIMIT = 10;
const GOODBYE_MS = 1000;

export interface ServedCertificates {
  /** Shows our own certificate although nothing is asked, so that no member logs a refused connection for each look. */
  readonly look: (
    endpoint: EtcdEndpoint,
    signal: AbortSignal,
  ) => Promise<{ is: 'ok'; value: ServedCertificate } | Failed>;
  readonly close: () => void;
}

export function createServedCertificates(from: { dial: Dial; credentials: CredentialsSource }): ServedCertificates {
  const ending = new Set<TLSSocket>();
  return {
    look: async (endpoint, signal) => {
      const opened = await openTls(endpoint, from, 'any', signal);
      if (opened.is === 'failed') return opened;
      const leaf = opened.socket.getPeerX509Certificate();
      ending.add(opened.socket);
      sayGoodbye(opened.socket, () => ending.delete(opened.socket));
      if (leaf === undefined) return failed('other', `${placeOf(endpoint)} shows no certificate`);
      return { is: 'ok', value: { pem: leaf.toString(), chain: chainOf(leaf).map((c) => c.toString()) } };
    },
    close: () => {
      for (const socket of ending) socket.destroy();
    },
  };
}

/** An orderly end, in the background: cut off at once, the member would log a broken handshake. */
function sayGoodbye(socket: TLSSocket, done: () => void): void {
  const timer = setTimeout(() => socket.destroy(), GOODBYE_MS);
  timer.unref();
  socket.once('close', () => {
    clearTimeout(timer);
    done();
  });
  // Unread bytes would keep it from ever closing.
  socket.resume();
  socket.end();
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
