import { describe, expect, test } from 'vitest';
import { hostId } from '../model/ids.ts';
import { classify, forwardFailure, sshError } from './ssh-failure.ts';

// As OpenSSH 8.4 to 10.0 print them.
const changed = [
  '@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@',
  '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @',
  '@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@',
  'Host key for 10.0.0.1 has changed and you have requested strict checking.',
  'Host key verification failed.',
].join('\r\n');

describe('classify', () => {
  test.each([
    [changed, 'key-changed'],
    ['@ WARNING: REVOKED HOST KEY DETECTED! @', 'key-changed'],
    [
      'No ED25519 host key is known for 10.0.0.1 and you have requested strict checking.\r\nHost key verification failed.',
      'key-unknown',
    ],
    ['root@10.0.0.1: Permission denied (publickey,password).', 'auth'],
    ['Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures', 'auth'],
    ['no such identity: /x: No such file or directory\r\nroot@10.0.0.1: Permission denied (publickey).', 'auth'],
    ['ssh: connect to host 10.0.0.1 port 22: Connection refused', 'unreachable'],
    ['ssh: connect to host 10.0.0.1 port 22: No route to host', 'unreachable'],
    ['ssh: connect to host 10.0.0.1 port 22: Connection timed out', 'unreachable'],
    ['ssh: Could not resolve hostname nowhere: Name or service not known', 'unreachable'],
    ['Connection timed out during banner exchange', 'unreachable'],
    ['kex_exchange_identification: Connection closed by remote host\r\nConnection closed by 10.0.0.1 port 22', 'busy'],
    ['kex_exchange_identification: read: Connection reset by peer', 'busy'],
    ['Not allowed at this time', 'busy'],
    ['', 'unreachable'],
    // Through a jump host, the outer ssh only sees that its connection ended.
    ['jump: Permission denied (publickey).\r\nkex_exchange_identification: Connection closed by remote host', 'auth'],
    [`${changed}\r\nkex_exchange_identification: Connection closed by remote host`, 'key-changed'],
    [
      'channel 0: open failed: connect failed: Connection refused\r\nstdio forwarding failed\r\nkex_exchange_identification: Connection closed',
      'unreachable',
    ],
  ])('%j is %s', (text, expected) => {
    expect(classify(text)).toBe(expected);
  });
});

describe('sshError', () => {
  test('names the machine, how it is reached and what to do', () => {
    const error = sshError(
      hostId('etcd-0'),
      'root@10.0.0.1',
      'ssh: connect to host 10.0.0.1 port 22: Connection refused\r\n',
    );
    expect(error.toJSON()).toEqual({
      code: 'host.unreachable',
      message: 'etcd-0 (root@10.0.0.1) cannot be reached: ssh: connect to host 10.0.0.1 port 22: Connection refused',
      action: expect.any(String),
      host: 'etcd-0',
      output: 'ssh: connect to host 10.0.0.1 port 22: Connection refused',
    });
    expect(sshError(hostId('a'), 'a', changed)).toMatchObject({ code: 'host.key-changed', exitCode: 5 });
  });

  test('shows nothing that could act on a terminal', () => {
    expect(JSON.stringify(sshError(hostId('a'), 'a', '\u001b[31mPermission denied (x)\u0007'))).not.toMatch(/\\u00/);
  });
});

describe('forwardFailure', () => {
  test.each([
    ['channel 3: open failed: connect failed: Connection refused', 'ECONNREFUSED'],
    ['channel 12: open failed: connect failed: Connection timed out', 'ETIMEDOUT'],
    ['channel 1: open failed: connect failed: No route to host', 'EHOSTUNREACH'],
    ['channel 1: open failed: administratively prohibited: open failed', 'EACCES'],
    ['channel 1: open failed: connect failed: ', 'ECONNREFUSED'],
  ])('%s is %s', (line, code) => {
    expect(forwardFailure(line)).toMatchObject({ code });
  });

  test('other lines are none', () => {
    expect(forwardFailure('Connection refused')).toBeNull();
  });
});
