import { describe, expect, it } from 'vitest';
import { certificatesFor, etcdCa } from './certificates.ts';

describe('certificatesFor', () => {
  it('is kubeadm’s table', () => {
    const host = { name: 'etcd-0', address: '10.77.0.10' };
    expect(certificatesFor(host, { server: ['10.77.0.10'], peer: ['10.77.0.10'] })).toEqual([
      {
        name: 'etcd-server',
        certPath: '/etc/kubernetes/pki/etcd/server.crt',
        keyPath: '/etc/kubernetes/pki/etcd/server.key',
        commonName: 'etcd-0',
        ekus: ['serverAuth', 'clientAuth'],
        dns: ['etcd-0', 'localhost'],
        ips: ['10.77.0.10', '127.0.0.1', '::1'],
      },
      {
        name: 'etcd-peer',
        certPath: '/etc/kubernetes/pki/etcd/peer.crt',
        keyPath: '/etc/kubernetes/pki/etcd/peer.key',
        commonName: 'etcd-0',
        ekus: ['serverAuth', 'clientAuth'],
        dns: ['etcd-0', 'localhost'],
        ips: ['10.77.0.10', '127.0.0.1', '::1'],
      },
      {
        name: 'etcd-healthcheck-client',
        certPath: '/etc/kubernetes/pki/etcd/healthcheck-client.crt',
        keyPath: '/etc/kubernetes/pki/etcd/healthcheck-client.key',
        commonName: 'kube-etcd-healthcheck-client',
        ekus: ['clientAuth'],
        dns: [],
        ips: [],
      },
      {
        name: 'apiserver-etcd-client',
        certPath: '/etc/kubernetes/pki/apiserver-etcd-client.crt',
        keyPath: '/etc/kubernetes/pki/apiserver-etcd-client.key',
        commonName: 'kube-apiserver-etcd-client',
        ekus: ['clientAuth'],
        dns: [],
        ips: [],
      },
    ]);
    expect(etcdCa.certPath).toBe('/etc/kubernetes/pki/etcd/ca.crt');
  });

  it('adds the configured SANs to the right certificate, names sorted, nothing twice', () => {
    const [server, peer, health] = certificatesFor(
      { name: 'etcd-1', address: '10.0.0.2' },
      { server: ['z.example', 'a.example', 'etcd-1', '10.0.0.9', '127.0.0.1'], peer: ['peer.example'] },
    );
    expect(server?.dns).toEqual(['a.example', 'etcd-1', 'localhost', 'z.example']);
    expect(server?.ips).toEqual(['10.0.0.2', '127.0.0.1', '::1', '10.0.0.9']);
    expect(peer?.dns).toEqual(['etcd-1', 'localhost', 'peer.example']);
    expect(health?.dns).toEqual([]);
  });

  it('knows one IPv6 address by all its spellings', () => {
    const [server] = certificatesFor(
      { name: 'm', address: 'FD00:0:0::0A' },
      { server: ['fd00::a', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1'], peer: [] },
    );
    expect(server?.ips).toEqual(['fd00::a', '127.0.0.1', '::1']);
  });
});
