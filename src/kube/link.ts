import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { SERVER_NAME } from './connection.ts';

export interface Ask {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With the query. */
  path: string;
  body?: { type: string; text: string };
  /** What the answer's body may have, at most. */
  maxBytes: number;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** `lost`: the connection ended, or what came is no HTTP. */
export type Exchanged = { is: 'answer'; answer: Answer } | { is: 'lost'; error: unknown } | { is: 'too-large' };

/** One connection to one API server. It carries one exchange at a time; after anything but an answer it must be closed. */
export interface Link {
  readonly send: (ask: Ask, signal: AbortSignal) => Promise<Exchanged>;
  /** False as soon as it is known to have ended. */
  readonly isOpen: () => boolean;
  readonly close: () => void;
}

/** node:https' own connection keeping, with a connection that is already there in place of one that it would make. */
class OneConnection extends Agent {
  #socket: TLSSocket | null;

  constructor(socket: TLSSocket) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#socket = socket;
  }

  override createConnection(_: unknown, callback?: (error: Error | null, stream: Duplex) => void): Duplex | undefined {
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) return socket;
    // The connection was lost between two requests; another one would not be ours to make.
    (callback as ((error: Error) => void) | undefined)?.(ended);
    return undefined;
  }
}

const ended = Object.assign(new Error('the connection has ended'), { code: 'ECONNRESET' });

export function httpLink(socket: TLSSocket): Link {
  const agent = new OneConnection(socket);
  let open = !socket.destroyed;
  const close = (): void => {
    open = false;
    agent.destroy();
    socket.destroy();
  };
  socket.once('end', () => {
    open = false;
  });
  socket.once('close', () => {
    open = false;
  });
  return {
    send: async (ask, signal) => {
      const exchanged = await exchange(agent, ask, signal);
      if (exchanged.is === 'answer' && exchanged.answer.headers.connection?.toLowerCase() === 'close') close();
      return exchanged;
    },
    isOpen: () => open,
    close,
  };
}

function exchange(agent: Agent, ask: Ask, signal: AbortSignal): Promise<Exchanged> {
  const { promise, resolve, reject } = Promise.withResolvers<Exchanged>();
  const lost = (error: unknown): void => {
    if (signal.aborted) reject(signal.reason);
    else resolve({ is: 'lost', error });
  };
  const { body } = ask;
  const sent = request({
    agent,
    host: SERVER_NAME,
    method: ask.method,
    path: ask.path,
    signal,
    headers: {
      accept: 'application/json, */*',
      'user-agent': 'keelson',
      // Said here because node sends a DELETE with a body, but not its length.
      ...(body === undefined ? {} : { 'content-type': body.type, 'content-length': Buffer.byteLength(body.text) }),
    },
  });
  sent.on('error', lost);
  sent.on('response', (response) => {
    response.on('error', lost);
    response.on('close', () => lost(ended));
    collect(response, ask.maxBytes, (exchanged) => {
      resolve(exchanged);
      if (exchanged.is === 'too-large') sent.destroy();
    });
  });
  sent.end(body?.text);
  return promise;
}

function collect(response: IncomingMessage, maxBytes: number, done: (exchanged: Exchanged) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxBytes) return done({ is: 'too-large' });
    chunks.push(chunk);
  });
  response.on('end', () => {
    const { statusCode: status = 0, headers } = response;
    done({ is: 'answer', answer: { status, headers, text: Buffer.concat(chunks).toString('utf8') } });
  });
}
