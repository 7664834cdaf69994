import { connect, isIPv6, type Socket } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import type { KeelsonError } from '../model/errors.ts';
import type { Master } from './master.ts';

export interface Forwards {
  readonly dial: (address: string, port: number, signal: AbortSignal) => Promise<Duplex>;
}

/** Forwards of one connection: made once for each address and port, and gone with the connection. */
export function createForwards(
  master: Master,
  folder: string,
  lost: () => KeelsonError,
  nextName: () => string,
): Forwards {
  const sockets = new Map<string, Promise<string>>();

  async function forward(address: string, port: number): Promise<string> {
    const path = join(folder, nextName());
    const host = isIPv6(address) ? `[${address}]` : address;
    // Its own signal: others may wait for the same forward.
    const result = await master.control('forward', `${path}:${host}:${port}`, new AbortController().signal);
    if (!result.ok) throw await failed();
    return path;
  }

  async function failed(): Promise<KeelsonError> {
    await master.mayHaveEnded();
    return lost();
  }

  function socketFor(address: string, port: number): Promise<string> {
    const key = `${address} ${port}`;
    const existing = sockets.get(key);
    if (existing !== undefined) return existing;
    const made = forward(address, port);
    sockets.set(key, made);
    made.catch(() => sockets.delete(key));
    return made;
  }

  return {
    dial: async (address, port, signal) => {
      const path = await socketFor(address, port);
      signal.throwIfAborted();
      const socket = await connected(path);
      if (socket === null) throw await failed();
      if (signal.aborted) {
        socket.destroy();
        throw signal.reason;
      }
      return toldWhenRefused(socket, `${address}:${port}`, master, lost);
    },
  };
}

function connected(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

/** How long the reason may come after the end of the stream: they take different ways. */
const REASON_MS = 100;

/**
 * ssh takes the connection before it knows whether the far side can. A refusal is then a stream that ends without a byte: the error
 * says so, with the code that a direct connection would have had.
 */
function toldWhenRefused(socket: Socket, place: string, master: Master, lost: () => KeelsonError): Duplex {
  const stream = new Duplex({
    allowHalfOpen: false,
    read: () => socket.resume(),
    write: (chunk, encoding, done) => {
      socket.write(chunk, encoding, done);
    },
    final: (done) => {
      socket.end(done);
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.pause();
  socket.on('data', (chunk) => {
    if (!stream.push(chunk)) socket.pause();
  });
  socket.on('end', () => {
    if (socket.bytesRead > 0) stream.push(null);
    else void reason(place, master, lost).then((error) => stream.destroy(error));
  });
  socket.on('error', (error) => {
    if (socket.bytesRead > 0) stream.destroy(error);
    else void reason(place, master, lost).then((why) => stream.destroy(why));
  });
  socket.on('close', () => {
    if (socket.bytesRead > 0 && !stream.readableEnded) stream.push(null);
  });
  // Reading tells of an end; nobody may be reading yet.
  socket.resume();
  return stream;
}

async function reason(place: string, master: Master, lost: () => KeelsonError): Promise<Error> {
  const until = performance.now() + REASON_MS;
  for (;;) {
    if (!master.isAlive()) return Object.assign(new Error(lost().message), { code: 'ECONNABORTED' });
    const failure = master.takeForwardFailure();
    if (failure !== undefined) return Object.assign(new Error(`${place}: ${failure.text}`), { code: failure.code });
    if (performance.now() > until)
      return Object.assign(new Error(`${place} closed the connection`), { code: 'ECONNRESET' });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
