import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { reveal } from '../../src/model/reveal.ts';
import type { CertificatePair } from '../../src/ports/issuer.ts';

/** One request as the server saw it. */
export interface Seen {
  method: string;
  /** With the query. */
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
  /** Of the client's certificate. */
  subject: string;
  /** Counts connections from 1. */
  connection: number;
}

export interface Reply {
  status?: number;
  headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, text as plain text. */
  body?: object | string;
}

/** `reset`: the connection is cut. `cut`: after the head and half of the body. `silent`: no answer at all. */
export type Fault = 'reset' | 'cut' | 'silent';

export interface KubeServer {
  readonly seen: Seen[];
  /** Answers from the next request on, in this order; the last one stays. */
  readonly answer: (...replies: readonly (Reply | Fault)[]) => void;
  /** Resolves when so many requests have come. */
  readonly arrived: (count: number) => Promise<void>;
  readonly dial: () => Promise<Duplex>;
  readonly connections: () => number;
  /** Ends the connections that are there, as a server does that restarts. */
  readonly cutAll: () => void;
  readonly close: () => Promise<void>;
}

export interface KubeServerOptions {
  ca: string;
  serving: CertificatePair;
}

/**
 * An https server with mutual TLS that records what it is asked and answers what it was told. As an API server does, it takes any
 * certificate in the handshake, and answers 401 to one that it does not accept.
 */
export async function kubeServer({ ca, serving }: KubeServerOptions): Promise<KubeServer> {
  const seen: Seen[] = [];
  const sockets = new Map<Socket, number>();
  const waiting: { count: number; resolve: () => void }[] = [];
  let replies: readonly (Reply | Fault)[] = [{ body: {} }];
  let count = 0;

  const server = createServer(
    {
      ca,
      cert: serving.certificate,
      key: reveal(serving.key),
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      void handle(request, response);
    },
  );
  // The clock is not part of any test: no connection ends by itself.
  server.keepAliveTimeout = 0;
  server.on('secureConnection', (socket) => {
    sockets.set(socket, ++count);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => undefined);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const socket = request.socket as TLSSocket;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    seen.push({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
      subject: subjectOf(socket),
      connection: sockets.get(socket) ?? 0,
    });
    for (const waiter of waiting) if (seen.length >= waiter.count) waiter.resolve();
    if (!socket.authorized) return send(response, { status: 401, body: failure(401, 'Unauthorized', 'Unauthorized') });
    const [reply = {}, ...later] = replies;
    if (later.length > 0) replies = later;
    if (reply === 'silent') return;
    if (reply === 'reset') return void socket.destroy();
    if (reply === 'cut') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
      response.write('{"half":', () => socket.destroy());
      return;
    }
    send(response, reply);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    seen,
    answer: (...next) => {
      replies = next;
    },
    arrived: (wanted) => {
      if (seen.length >= wanted) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ count: wanted, resolve });
      return promise;
    },
    dial: async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    },
    connections: () => count,
    cutAll: () => {
      for (const socket of sockets.keys()) socket.destroy();
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function subjectOf(socket: TLSSocket): string {
  const { subject } = socket.getPeerCertificate();
  return subject === undefined ? '' : `O=${String(subject.O)}, CN=${String(subject.CN)}`;
}

function send(response: ServerResponse, { status = 200, headers = {}, body = {} }: Reply): void {
  const isText = typeof body === 'string';
  response.writeHead(status, { 'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json', ...headers });
  response.end(isText ? body : JSON.stringify(body));
}

/** The API's own object for what it does not do. */
export function failure(code: number, reason: string, message: string, details: object = {}): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code };
}
