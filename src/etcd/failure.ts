import type { EtcdFailure } from '../ports/etcd-admin.ts';

export interface Failed {
  is: 'failed';
  reason: EtcdFailure;
  message: string;
}

export function failed(reason: EtcdFailure, message: string): Failed {
  return { is: 'failed', reason, message };
}

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const grpcCode = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  failedPrecondition: 9,
  unavailable: 14,
  unauthenticated: 16,
};

interface KnownRefusal {
  code: number;
  /** How the text begins; absent where the code alone says it. */
  text?: string;
  reason: EtcdFailure;
}

// etcd puts unlike things under one code, so the code alone does not do. The texts are part of etcd's client API
// (rpctypes/error.go: its own Go client maps them back to errors) and have been the same since 3.4.
const knownRefusals: readonly KnownRefusal[] = [
  { code: grpcCode.unavailable, text: 'etcdserver: no leader', reason: 'no-leader' },
  { code: grpcCode.unavailable, text: 'etcdserver: leader changed', reason: 'no-leader' },
  { code: grpcCode.unavailable, text: 'etcdserver: request timed out', reason: 'timeout' },
  { code: grpcCode.deadlineExceeded, reason: 'timeout' },
  { code: grpcCode.unavailable, text: 'etcdserver: unhealthy cluster', reason: 'unhealthy-cluster' },
  {
    code: grpcCode.failedPrecondition,
    text: 'etcdserver: re-configuration failed due to not enough started members',
    reason: 'unhealthy-cluster',
  },
  // Not `refused`: a member that is ending may already have passed a write on.
  { code: grpcCode.unavailable, text: 'etcdserver: server stopped', reason: 'unreachable' },
  { code: grpcCode.permissionDenied, reason: 'permission' },
  { code: grpcCode.unauthenticated, reason: 'permission' },
  { code: grpcCode.invalidArgument, text: 'etcdserver: user name is empty', reason: 'permission' },
  { code: grpcCode.invalidArgument, text: 'etcdserver: authentication failed', reason: 'permission' },
];

/** The member itself refused. */
export function refusalFailure(code: number, text: string): Failed {
  const known = knownRefusals.find((r) => r.code === code && text.startsWith(r.text ?? ''));
  return failed(known?.reason ?? 'other', text || `the member refuses with gRPC status ${code}`);
}

const nobodyThere = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);
const noWay = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'ETIMEDOUT', 'ECONNABORTED', 'EACCES']);

function nothingListens(place: string): string {
  return `nothing listens at ${place}`;
}

/** The stream to the port could not be had at all. */
export function dialFailure(place: string, error: unknown): Failed {
  if (errorCode(error) === 'ECONNREFUSED') return failed('refused', nothingListens(place));
  return failed('unreachable', `${place} cannot be reached: ${errorText(error)}`);
}

/**
 * The handshake did not come to its end. A forwarded stream opens even when nothing listens at its far end, and then ends
 * at once: that is a refusal too.
 */
export function handshakeFailure(place: string, error: unknown): Failed {
  const code = errorCode(error);
  if (code === 'ECONNREFUSED') return failed('refused', nothingListens(place));
  if (nobodyThere.has(code)) return failed('refused', `${place} closes connections without an answer`);
  if (noWay.has(code)) return failed('unreachable', `${place} cannot be reached: ${errorText(error)}`);
  return failed('tls', `no trusted connection to ${place}: ${errorText(error)}`);
}

/**
 * The connection ended before the answer came; `errors` is what it said. With TLS 1.3 the member refuses our certificate
 * only then: the client's side of the handshake has ended before the member has looked at it.
 */
export function lostFailure(place: string, errors: readonly Error[]): Failed {
  const refusal = errors.find((e) => /^(ERR_SSL_|EPROTO$)/.test(errorCode(e)));
  if (refusal !== undefined) return failed('tls', `${place} ended the connection: ${errorText(refusal)}`);
  return failed('unreachable', `the connection to ${place} ended before the answer came`);
}

export function unreadableFailure(place: string, why: string): Failed {
  return failed('other', `the answer of ${place} cannot be read: ${why}`);
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** OpenSSL's own sentence where there is one: the message around it names source lines and threads. */
function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
}
