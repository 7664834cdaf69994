import { describe, expect, it } from 'vitest';
import { countSshd, parseCounters, sumSshd } from './sshd-log.ts';

const journal = `1700000001.000001 etcd-0 sshd[10]: Connection from 10.77.0.1 port 40000 on 10.77.0.10 port 22 rdomain ""
1700000001.100000 etcd-0 sshd[10]: Accepted publickey for root from 10.77.0.1 port 40000 ssh2: ED25519 SHA256:abc
1700000005.250000 etcd-0 sshd[20]: Connection from 10.77.0.1 port 40001 on 10.77.0.10 port 22 rdomain ""
1700000005.255000 etcd-0 sshd[20]: Accepted key ED25519 SHA256:abc found at /root/.ssh/authorized_keys:1
1700000005.260000 etcd-0 sshd[20]: Accepted publickey for root from 10.77.0.1 port 40001 ssh2: ED25519 SHA256:abc
1700000005.270000 etcd-0 systemd-logind[7]: New session c1 of user root.
1700000005.280000 etcd-0 sshd[20]: Starting session: command for root from 10.77.0.1 port 40001 id 0
1700000005.290000 etcd-0 sshd[20]: Starting session: subsystem 'sftp' for root from 10.77.0.1 port 40001 id 1
1700000005.300000 etcd-0 sshd[9]: drop connection #10 from [10.77.0.1]:40002 on [10.77.0.10]:22 past MaxStartups
1700000005.400000 etcd-0 sshd[21]: Connection from 10.77.0.1 port 40003 on 10.77.0.10 port 22 rdomain ""
`;

describe('countSshd', () => {
  it('counts from a moment on, and knows the first connection', () => {
    expect(countSshd(journal, 1_700_000_005)).toEqual({
      connects: 1,
      executions: 2,
      refused: 1,
      first: 1_700_000_005.25,
    });
  });

  it('of an empty journal there is no first', () => {
    expect(countSshd('', 0)).toEqual({ connects: 0, executions: 0, refused: 0, first: undefined });
  });
});

describe('sumSshd', () => {
  it('adds up, and takes the earliest first', () => {
    const one = countSshd(journal, 1_700_000_005);
    const none = { connects: 0, executions: 3, refused: 0, first: undefined };
    expect(sumSshd([none, { ...one, first: 9 }, { ...one, first: 4 }])).toEqual({
      connects: 2,
      executions: 7,
      refused: 2,
      first: 4,
    });
  });
});

describe('parseCounters', () => {
  it('reads the bytes', () => {
    const text =
      'chain in {\n  tcp dport 22 counter packets 10 bytes 1234\n }\n tcp sport 22 counter packets 1 bytes 5\n';
    expect(parseCounters(text)).toEqual([1234, 5]);
  });
});
