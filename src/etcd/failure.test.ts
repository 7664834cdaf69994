import { describe, expect, it } from 'vitest';
import { dialFailure, handshakeFailure, lostFailure, refusalFailure } from './failure.ts';

function nodeError(code: string, message = 'text that says nothing', reason?: string): Error {
  return Object.assign(new Error(message), { code, ...(reason === undefined ? {} : { reason }) });
}

describe('refusalFailure', () => {
  it.each([
    [14, 'etcdserver: no leader', 'no-leader'],
    [14, 'etcdserver: leader changed', 'no-leader'],
    [14, 'etcdserver: request timed out', 'timeout'],
    [14, 'etcdserver: request timed out, possibly due to previous leader failure', 'timeout'],
    [4, 'context deadline exceeded', 'timeout'],
    [14, 'etcdserver: unhealthy cluster', 'unhealthy-cluster'],
    [9, 'etcdserver: re-configuration failed due to not enough started members', 'unhealthy-cluster'],
    [14, 'etcdserver: server stopped', 'unreachable'],
    [7, 'etcdserver: permission denied', 'permission'],
    [16, 'etcdserver: invalid auth token', 'permission'],
    [3, 'etcdserver: user name is empty', 'permission'],
    [8, 'etcdserver: mvcc: database space exceeded', 'other'],
    // The right text under another code, and another text under the right code, are not known.
    [2, 'etcdserver: no leader', 'other'],
    [14, 'something else: etcdserver: no leader', 'other'],
    [3, 'etcdserver: key is not provided', 'other'],
  ])('takes status %i "%s" for %s', (code, text, reason) => {
    expect(refusalFailure(code, text)).toEqual({ is: 'failed', reason, message: text });
  });

  it('says the status where there is no text', () => {
    expect(refusalFailure(12, '').message).toBe('the member refuses with gRPC status 12');
  });
});

describe('failures of the connection', () => {
  it.each([
    ['ECONNREFUSED', 'refused'],
    ['EHOSTUNREACH', 'unreachable'],
    ['host.unreachable', 'unreachable'],
  ])('takes %s of the dial for %s', (code, reason) => {
    expect(dialFailure('10.0.0.1:2379', nodeError(code)).reason).toBe(reason);
  });

  it.each([
    ['ECONNREFUSED', 'refused'],
    ['ECONNRESET', 'refused'],
    // sshd forwards nothing: that says nothing about the member.
    ['EACCES', 'unreachable'],
    ['EPIPE', 'refused'],
    ['ETIMEDOUT', 'unreachable'],
    ['CERT_HAS_EXPIRED', 'tls'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'tls'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'tls'],
  ])('takes %s of the handshake for %s', (code, reason) => {
    expect(handshakeFailure('10.0.0.1:2379', nodeError(code)).reason).toBe(reason);
  });

  it('says that nothing listens where that is so, and only there', () => {
    expect(handshakeFailure('10.0.0.1:2379', nodeError('ECONNREFUSED')).message).toBe(
      'nothing listens at 10.0.0.1:2379',
    );
    expect(handshakeFailure('10.0.0.1:2379', nodeError('ECONNRESET')).message).toBe(
      '10.0.0.1:2379 closes connections without an answer',
    );
  });

  it('takes an alert on an open connection for a refused certificate, with OpenSSL’s own words', () => {
    const alert = nodeError(
      'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      '4037:error:0A:ssl3.c:1605',
      'certificate required',
    );
    const found = lostFailure('10.0.0.1:2379', [alert]);
    expect(found).toEqual({
      is: 'failed',
      reason: 'tls',
      message: '10.0.0.1:2379 ended the connection: certificate required',
    });
    expect(lostFailure('10.0.0.1:2379', [nodeError('ECONNRESET')]).reason).toBe('unreachable');
    expect(lostFailure('10.0.0.1:2379', []).reason).toBe('unreachable');
  });
});
