import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';

/** What became of a call. A call that is over because of the caller's signal is none of these: see `unary`. */
export type GrpcResult<T> =
  | { is: 'answer'; message: T }
  /** The server's own word: not OK. */
  | { is: 'refusal'; code: number; text: string }
  /** The connection gave no answer. When `sent` is false the server never saw the call. */
  | { is: 'lost'; sent: boolean }
  | { is: 'unreadable'; why: string };

export interface CallOptions {
  signal: AbortSignal;
  /** What the server is told; it then gives up by itself. */
  timeoutMs: number;
  metadata: Readonly<Record<string, string>>;
}

export type Unary = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  message: MessageInitShape<I>,
  options: CallOptions,
) => Promise<GrpcResult<MessageShape<O>>>;

export interface GrpcSession {
  /** Rejects with the signal's reason. */
  readonly unary: Unary;
  readonly close: () => void;
}

/** Answers are a few kilobytes; a value in etcd is at most 1.5 MiB by default. */
const READ_LIMIT = 8 * 1024 * 1024;
const IDLE_MS = 60_000;
const PREFIX_LENGTH = 5;

/**
 * Unary gRPC calls over one connection (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), without
 * compression. Answers are collected by listeners that are there from the start: with Node 24.20 and later, iterating a stream
 * loses an answer that arrived whole (nodejs/node#65677), and ready-made transports iterate.
 */
export function grpcSession(socket: TLSSocket, authority: string): GrpcSession {
  const session = connect(`https://${authority}`, { createConnection: () => socket, settings: { enablePush: false } });
  // The socket's own error says more, and each call learns of its end by itself.
  session.on('error', () => undefined);
  session.setTimeout(IDLE_MS, () => session.close());
  return {
    unary: async (method, message, options) => {
      const body = frame(toBinary(method.input, create(method.input, message)));
      const result = await exchange(session, `/${method.parent.typeName}/${method.name}`, body, options);
      return result.is === 'answer' ? decode(method.output, result.message) : result;
    },
    close: () => session.destroy(),
  };
}

function exchange(
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array,
  { signal, timeoutMs, metadata }: CallOptions,
): Promise<GrpcResult<Uint8Array>> {
  signal.throwIfAborted();
  if (session.closed || session.destroyed) return Promise.resolve({ is: 'lost', sent: false });
  const { promise, resolve, reject } = Promise.withResolvers<GrpcResult<Uint8Array>>();
  const stream = session.request({
    ...metadata,
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': `${Math.max(1, Math.floor(timeoutMs))}m`,
  });
  const chunks: Buffer[] = [];
  let length = 0;
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const onAbort = (): void => {
    reject(signal.reason);
    stream.close(constants.NGHTTP2_CANCEL);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  stream.on('response', (received) => {
    headers = received;
  });
  stream.on('trailers', (received) => {
    trailers = received;
  });
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= READ_LIMIT) chunks.push(chunk);
    else stream.close(constants.NGHTTP2_CANCEL);
  });
  stream.on('error', () => undefined);
  stream.on('close', () => {
    signal.removeEventListener('abort', onAbort);
    if (length > READ_LIMIT) resolve({ is: 'unreadable', why: `it is longer than ${READ_LIMIT} bytes` });
    const unsent = stream.id === undefined || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
    resolve(judge({ ...headers, ...trailers }, Buffer.concat(chunks), !unsent));
  });
  // In one go, so that the server has the whole request before it answers: else it would also reset the stream.
  stream.end(body);
  return promise;
}

/** A call that fails at once has its status among the headers, any other among the trailers. */
function judge(headers: IncomingHttpHeaders, body: Buffer, sent: boolean): GrpcResult<Uint8Array> {
  const status = headers['grpc-status'];
  if (typeof status !== 'string') {
    const http = Number(headers[':status'] ?? 200);
    return http === 200
      ? { is: 'lost', sent }
      : { is: 'unreadable', why: `HTTP status ${http} instead of a gRPC answer` };
  }
  if (status !== '0') return { is: 'refusal', code: Number(status), text: percentDecode(headers['grpc-message']) };
  const isWhole = body.length >= PREFIX_LENGTH && body.readUInt32BE(1) === body.length - PREFIX_LENGTH;
  if (!isWhole || body[0] !== 0) return { is: 'unreadable', why: 'it is not one uncompressed message' };
  return { is: 'answer', message: body.subarray(PREFIX_LENGTH) };
}

function decode<O extends DescMessage>(schema: O, bytes: Uint8Array): GrpcResult<MessageShape<O>> {
  try {
    return { is: 'answer', message: fromBinary(schema, bytes) };
  } catch (error) {
    return { is: 'unreadable', why: String(error) };
  }
}

function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(PREFIX_LENGTH + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_LENGTH);
  return framed;
}

function percentDecode(text: unknown): string {
  if (typeof text !== 'string') return '';
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
