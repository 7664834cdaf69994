import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { expectGolden } from '../../test/golden.ts';
import { type HaproxyConfig, haproxyConfig, haproxyPod } from './haproxy.ts';

const server = (name: string, address: string) => ({ name, address, port: 6443, draining: false });

const config: HaproxyConfig = {
  port: 8443,
  families: 'ipv4',
  apiPortHere: 6443,
  servers: [server('cp-0', '10.77.0.20'), server('cp-1', '10.77.0.21'), server('cp-2', '10.77.0.22')],
  balance: 'leastconn',
  maxConnections: 8192,
  runsAs: 'service',
};

const pod = {
  image: 'docker.io/library/haproxy:2.8',
  port: 8443,
  configPath: '/etc/haproxy/haproxy.cfg',
  configDigest: 'd1',
};

function lines(text: string): string[] {
  return text.split('\n').map((line) => line.trim());
}

describe('rendered files', () => {
  it.each([
    ['haproxy.cfg', haproxyConfig(config)],
    [
      'haproxy-ipv6-pod.cfg',
      haproxyConfig({
        ...config,
        families: 'both',
        balance: 'roundrobin',
        servers: [server('cp-0', 'fd00:77::20'), { ...server('cp-1', 'fd00:77::21'), draining: true }],
        runsAs: 'static-pod',
      }),
    ],
    ['haproxy-pod.yaml', haproxyPod(pod)],
  ])('%s', (name, text) => expectGolden(import.meta.dirname, name, text));
});

it('listens on the addresses of the families there are', () => {
  const bind = (families: HaproxyConfig['families']) =>
    lines(haproxyConfig({ ...config, families })).filter((line) => line.startsWith('bind '));
  expect(bind('ipv4')).toEqual(['bind 0.0.0.0:8443']);
  expect(bind('ipv6')).toEqual(['bind [::]:8443 v6only']);
  expect(bind('both')).toEqual(['bind [::]:8443 v4v6']);
});

it('never listens where the machine’s own API server does, and may use its port on a machine without one', () => {
  expect(() => haproxyConfig({ ...config, port: 6443 })).toThrow('port 6443: the API server of the same machine');
  const { apiPortHere: _, ...elsewhere } = config;
  expect(haproxyConfig({ ...elsewhere, port: 6443 })).toContain('bind 0.0.0.0:6443');
});

it('gives a server that is taken out no connections, and keeps it known', () => {
  const servers = config.servers.map((one) => ({ ...one, draining: one.name === 'cp-1' }));
  expect(lines(haproxyConfig({ ...config, servers })).filter((line) => line.startsWith('server '))).toEqual([
    'server cp-0 10.77.0.20:6443',
    'server cp-1 10.77.0.21:6443 disabled',
    'server cp-2 10.77.0.22:6443',
  ]);
});

it('is the same text in whatever order the servers come', () => {
  expect(haproxyConfig({ ...config, servers: [...config.servers].reverse() })).toBe(haproxyConfig(config));
});

it('holds nothing that is for HTTP alone, of which haproxy would warn', () => {
  const http = lines(haproxyConfig(config)).filter((line) =>
    /forwardfor|httplog|http-server-close|timeout http/.test(line),
  );
  expect(http).toEqual([]);
});

it('lets silent connections live for hours, and none for ever', () => {
  const timeout = (name: string) => lines(haproxyConfig(config)).find((line) => line.startsWith(`timeout ${name} `));
  expect(timeout('tunnel')).toBe('timeout tunnel 4h');
  for (const name of ['connect', 'queue', 'client', 'server', 'client-fin', 'server-fin', 'check']) {
    expect(timeout(name), name).toMatch(/ \d+s$/);
  }
});

it('drops its rights and is administered only as a service: a pod has another user and no such folder', () => {
  const service = haproxyConfig(config);
  expect(service).toMatch(/stats socket \/run\/haproxy\/keelson\.sock mode 600 user root .*level admin/);
  expect(haproxyConfig({ ...config, runsAs: 'static-pod' })).not.toMatch(/stats|chroot|user |group /);
});

it('is another pod when the file is another, and root’s only below port 1024', () => {
  expect(haproxyPod({ ...pod, configDigest: 'd2' })).not.toBe(haproxyPod(pod));
  const container = (port: number) => parse(haproxyPod({ ...pod, port })).spec.containers[0];
  expect(container(443)).toMatchObject({
    securityContext: { runAsUser: 0 },
    livenessProbe: { tcpSocket: { port: 443 } },
  });
  expect(container(8443)).not.toHaveProperty('securityContext');
});
