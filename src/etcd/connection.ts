import { isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import { reveal } from '../model/reveal.ts';
import type { Secret } from '../model/secret.ts';
import type { EtcdEndpoint } from '../ports/etcd-admin.ts';
import { orAborted } from './deadline.ts';
import { dialFailure, type Failed, handshakeFailure } from './failure.ts';

/** A raw stream of bytes to the endpoint's address and port, for example through an SSH forward. */
export type Dial = (endpoint: EtcdEndpoint, signal: AbortSignal) => Promise<Duplex>;

/** All PEM. */
export interface EtcdCredentials {
  /** The certificate authority that the members' certificates must come from. */
  ca: string;
  /** Our own certificate, for clientAuth. */
  cert: string;
  key: Secret;
}

/** Asked anew for each connection, so that short-lived certificates can be renewed in between. */
export type CredentialsSource = () => Promise<EtcdCredentials>;

/** `any`: whatever the server shows is taken, because it is only to be looked at. */
export type Trust = 'our-ca' | 'any';

export type Opened = { is: 'open'; socket: TLSSocket } | Failed;

export function placeOf(endpoint: EtcdEndpoint): string {
  return isIPv6(endpoint.address) ? `[${endpoint.address}]:${endpoint.port}` : `${endpoint.address}:${endpoint.port}`;
}

/** Rejects with the signal's reason, and with what the source of the credentials rejects with. */
export async function openTls(
  endpoint: EtcdEndpoint,
  from: { dial: Dial; credentials: CredentialsSource },
  trust: Trust,
  signal: AbortSignal,
): Promise<Opened> {
  const credentials = await orAborted(from.credentials(), signal);
  const raw = await dialOrFail(endpoint, from.dial, signal);
  if ('is' in raw) return raw;
  // Whoever gives a stream up destroys it; what it says after that concerns nobody.
  raw.on('error', () => undefined);
  return handshake(endpoint, raw, credentials, trust, signal);
}

async function dialOrFail(endpoint: EtcdEndpoint, dial: Dial, signal: AbortSignal): Promise<Duplex | Failed> {
  const dialled = dial(endpoint, signal);
  try {
    return await orAborted(dialled, signal);
  } catch (error) {
    // A dial that does not heed the signal may still succeed when nobody waits any more.
    dialled.then(
      (stream) => stream.on('error', () => undefined).destroy(),
      () => undefined,
    );
    if (signal.aborted) throw signal.reason;
    return dialFailure(placeOf(endpoint), error);
  }
}

async function handshake(
  endpoint: EtcdEndpoint,
  raw: Duplex,
  credentials: EtcdCredentials,
  trust: Trust,
  signal: AbortSignal,
): Promise<Opened> {
  const { promise, resolve, reject } = Promise.withResolvers<Opened>();
  const place = placeOf(endpoint);
  let socket: TLSSocket;
  try {
    socket = connect({ socket: raw, ...tlsOptions(endpoint, credentials, trust) });
  } catch (error) {
    raw.destroy();
    return handshakeFailure(place, error);
  }
  const onAbort = (): void => {
    reject(signal.reason);
    socket.destroy();
  };
  const onError = (error: Error): void => resolve(handshakeFailure(place, error));
  const onClose = (): void => resolve(handshakeFailure(place, closedEarly));
  signal.addEventListener('abort', onAbort, { once: true });
  socket.once('error', onError);
  socket.once('close', onClose);
  socket.once('close', () => raw.destroy());
  socket.once('secureConnect', () => resolve({ is: 'open', socket }));
  if (signal.aborted) onAbort();
  try {
    const opened = await promise;
    if (opened.is === 'failed') socket.destroy();
    return opened;
  } finally {
    signal.removeEventListener('abort', onAbort);
    // What it says from here on is the owner's to hear; this one only keeps an error nobody waits for from being thrown.
    socket.on('error', () => undefined);
    socket.off('error', onError);
    socket.off('close', onClose);
  }
}

const closedEarly = Object.assign(new Error('closed'), { code: 'ECONNRESET' });

function tlsOptions(endpoint: EtcdEndpoint, credentials: EtcdCredentials, trust: Trust): ConnectionOptions {
  const own = { cert: credentials.cert, key: reveal(credentials.key), minVersion: 'TLSv1.2' as const };
  if (trust === 'any') return { ...own, rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] };
  return {
    ...own,
    ca: credentials.ca,
    ALPNProtocols: ['h2'],
    // Addresses are never sent as a server name (RFC 6066), so the name to check is said here alone.
    checkServerIdentity: (_, certificate) => checkServerIdentity(endpoint.address, certificate),
  };
}
