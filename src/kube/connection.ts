import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import { orAborted } from '../etcd/deadline.ts';
import type { HostId } from '../model/ids.ts';
import { reveal } from '../model/reveal.ts';
import type { KubeCredentials } from './credentials.ts';
import { dialFault, handshakeFault } from './faults.ts';

/** A raw stream of bytes to the port of the API server on a control plane, for example through an SSH forward. */
export type Dial = (host: HostId, signal: AbortSignal) => Promise<Duplex>;

/** Every API server's certificate has this name, whatever its addresses and however the way leads to it. */
export const SERVER_NAME = 'kubernetes';

/**
 * Rejects with the signal's reason, or with a `KeelsonError` that says why there is no connection. Without credentials nobody is trusted and
 * nothing may be asked: such a connection only shows what the server shows.
 */
export async function openTls(
  host: HostId,
  dial: Dial,
  credentials: KubeCredentials | null,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const raw = await dialled(host, dial, signal);
  // Whoever gives a stream up destroys it; what it says after that concerns nobody.
  raw.on('error', () => undefined);
  return handshake(host, raw, credentials, signal);
}

async function dialled(host: HostId, dial: Dial, signal: AbortSignal): Promise<Duplex> {
  const dialling = dial(host, signal);
  try {
    return await orAborted(dialling, signal);
  } catch (error) {
    // A dial that does not heed the signal may still succeed when nobody waits any more.
    dialling.then(
      (stream) => stream.on('error', () => undefined).destroy(),
      () => undefined,
    );
    if (signal.aborted) throw signal.reason;
    throw dialFault(host, error);
  }
}

async function handshake(
  host: HostId,
  raw: Duplex,
  credentials: KubeCredentials | null,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  let socket: TLSSocket;
  try {
    socket = connect({
      socket: raw,
      ...(credentials === null
        ? { rejectUnauthorized: false }
        : { ca: credentials.ca, cert: credentials.cert, key: reveal(credentials.key) }),
      servername: SERVER_NAME,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
    });
  } catch (error) {
    raw.destroy();
    throw handshakeFault(host, error);
  }
  const onAbort = (): void => reject(signal.reason);
  const onError = (error: Error): void => reject(handshakeFault(host, error));
  const onClose = (): void => reject(handshakeFault(host, closedEarly));
  signal.addEventListener('abort', onAbort, { once: true });
  socket.once('error', onError);
  socket.once('close', onClose);
  socket.once('close', () => raw.destroy());
  socket.once('secureConnect', () => resolve(socket));
  if (signal.aborted) onAbort();
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Only keeps an error that nobody waits for from being thrown.
    socket.on('error', () => undefined);
    socket.off('error', onError);
    socket.off('close', onClose);
  }
}

const closedEarly = Object.assign(new Error('closed'), { code: 'ECONNRESET' });
