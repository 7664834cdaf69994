import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { plainText } from '../model/text.ts';

function serverOn(host: HostId): string {
  return `the API server on ${host}`;
}

function unreachable(host: HostId, why: string, cause?: unknown): KeelsonError {
  // What is wrong with the machine has its own advice: an unknown host key is not a network that is down.
  const action = cause instanceof KeelsonError ? { action: cause.action } : {};
  return new KeelsonError('kube.unreachable', `${serverOn(host)} cannot be reached: ${why}`, {
    host,
    cause,
    ...action,
  });
}

function notListening(host: HostId, cause: unknown): KeelsonError {
  return new KeelsonError('kube.not-listening', `nothing accepts connections on the API server's port of ${host}`, {
    host,
    cause,
  });
}

const nobodyThere = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);
const noWay = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'ETIMEDOUT', 'ECONNABORTED', 'EACCES']);

/** The stream to the port could not be had at all. */
export function dialFault(host: HostId, error: unknown): KeelsonError {
  if (errorCode(error) === 'ECONNREFUSED') return notListening(host, error);
  return unreachable(host, errorText(error), error);
}

/** A forwarded stream opens even when nothing listens at its far end, and then ends at once. */
export function handshakeFault(host: HostId, error: unknown): KeelsonError {
  const code = errorCode(error);
  if (nobodyThere.has(code)) return notListening(host, error);
  if (noWay.has(code)) return unreachable(host, errorText(error), error);
  return tlsFault(host, error);
}

function tlsFault(host: HostId, error: unknown): KeelsonError {
  return new KeelsonError('kube.tls', `no trusted connection to ${serverOn(host)}: ${errorText(error)}`, {
    host,
    cause: error,
  });
}

/** With TLS 1.3 a server refuses our certificate only after our side of the handshake has ended: in place of an answer. */
export function isTlsRefusal(error: unknown): boolean {
  return /^(ERR_SSL_|EPROTO$)/.test(errorCode(error));
}

/** The connection ended before the answer had come to its end. */
export function lostFault(host: HostId, error: unknown): KeelsonError {
  if (isTlsRefusal(error)) return tlsFault(host, error);
  return unreachable(host, 'the connection ended before the answer had come', error);
}

export function closedFault(host: HostId): KeelsonError {
  return unreachable(host, 'the client was closed');
}

export function timeoutFault(host: HostId, timeoutMs: number): KeelsonError {
  return new KeelsonError('kube.timeout', `no answer from ${serverOn(host)} within ${timeoutMs} ms`, { host });
}

export function unauthorizedFault(host: HostId): KeelsonError {
  return new KeelsonError('kube.unauthorized', `${serverOn(host)} does not accept keelson's client certificate`, {
    host,
  });
}

/** `why` never quotes the answer, which may be about a secret. */
export function answerFault(host: HostId, why: string): KeelsonError {
  return new KeelsonError('kube.answer', `the answer of ${serverOn(host)} ${why}`, { host });
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** OpenSSL's own sentence where there is one: the message around it names source lines and threads. */
function errorText(error: unknown): string {
  if (!(error instanceof Error)) return plainText(String(error), 500);
  return plainText('reason' in error && typeof error.reason === 'string' ? error.reason : error.message, 500);
}
