import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { expectGolden } from '../../test/golden.ts';
import { checkApiserverScript, type KeepalivedConfig, keepalivedConfig, keepalivedPod } from './keepalived.ts';

const config: KeepalivedConfig = {
  self: 'cp-1',
  hosts: [
    { name: 'cp-0', address: '10.77.0.20', priority: 103 },
    { name: 'cp-1', address: '10.77.0.21', priority: 102 },
    { name: 'cp-2', address: '10.77.0.22', priority: 101 },
  ],
  interface: 'eth0',
  virtualRouterId: 51,
  virtualIp: '10.77.0.100',
  prefixLength: 24,
  advertSeconds: 1,
  check: { seconds: 1, fall: 2, rise: 2 },
  peers: 'unicast',
  authPass: 'k33pth4t',
  checkScript: '/etc/keepalived/check_apiserver.sh',
};

const version6: KeepalivedConfig = {
  ...config,
  hosts: config.hosts.map((host, index) => ({ ...host, address: `fd00:77::2${index}` })),
  virtualIp: 'fd00:77::100',
  prefixLength: 128,
};

const pod = {
  image: 'docker.io/osixia/keepalived:2.0.20',
  configPath: '/etc/keepalived/keepalived.conf',
  scriptPath: '/etc/keepalived/check_apiserver.sh',
  configDigest: 'd1',
};

function number(text: string, name: string): number {
  return Number(new RegExp(`^ *${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

describe('rendered files', () => {
  it.each([
    ['keepalived.conf', keepalivedConfig(config)],
    ['keepalived-ipv6.conf', keepalivedConfig(version6)],
    ['keepalived-multicast.conf', keepalivedConfig({ ...config, peers: 'multicast' })],
    ['check_apiserver.sh', checkApiserverScript({ families: 'ipv4', port: 8443 })],
    ['keepalived-pod.yaml', keepalivedPod(pod)],
  ])('%s', (name, text) => expectGolden(import.meta.dirname, name, text));
});

it('checks as often as it is told', () => {
  const text = keepalivedConfig({ ...config, check: { seconds: 3, fall: 4, rise: 5 } });
  expect([number(text, 'interval'), number(text, 'fall'), number(text, 'rise')]).toEqual([3, 4, 5]);
});

it.each([
  ['three in a row', [103, 102, 101]],
  ['as far apart as can be', [254, 2, 100]],
  ['two', [51, 50]],
  ['one', [100]],
])('with priorities %s any healthy machine is above any failing one', (_, priorities) => {
  const hosts = priorities.map((priority, index) => ({ name: `cp-${index}`, address: `10.77.0.2${index}`, priority }));
  const texts = hosts.map((host) => keepalivedConfig({ ...config, hosts, self: host.name }));
  const healthy = texts.map((text) => number(text, 'priority'));
  // keepalived itself goes no lower than 1.
  const failing = texts.map((text) => Math.max(1, number(text, 'priority') + number(text, 'weight')));
  expect(healthy).toEqual(priorities);
  expect(Math.min(...healthy)).toBeGreaterThan(Math.max(...failing));
});

it('names all others as peers, whatever the order, and itself as the source', () => {
  const text = keepalivedConfig({ ...config, hosts: [...config.hosts].reverse() });
  expect(text).toBe(keepalivedConfig(config));
  expect(text).toMatch(
    /unicast_src_ip 10\.77\.0\.21\n {2}check_unicast_src\n {2}unicast_peer \{\n {4}10\.77\.0\.20\n {4}10\.77\.0\.22\n {2}\}/,
  );
});

it('a machine alone, and a group on multicast, hold no word of unicast', () => {
  const alone = keepalivedConfig({ ...config, hosts: config.hosts.slice(1, 2) });
  expect(alone).not.toContain('unicast');
  expect(alone).toContain('10.77.0.100/24');
  expect(keepalivedConfig({ ...config, peers: 'multicast' })).not.toContain('unicast');
});

it('never waits for a failing holder to give up by itself', () => {
  const text = keepalivedConfig(config);
  expect(text).not.toMatch(/nopreempt|state MASTER/);
  expect(text).toMatch(/interval 1\n {2}fall 2\n {2}rise 2\n/);
});

it('has a password with IPv4 alone: VRRP version 3 knows none', () => {
  expect(keepalivedConfig(config)).toContain('auth_pass k33pth4t');
  expect(keepalivedConfig(version6)).not.toMatch(/auth|k33pth4t/);
  expect(keepalivedConfig(version6)).toContain('native_ipv6');
});

it('refuses what keepalived would take in silence', () => {
  const [first, second] = config.hosts;
  if (first === undefined || second === undefined) throw new Error('no machines');
  const wrong: [Partial<KeepalivedConfig>, string][] = [
    [{ self: 'cp-9' }, 'cp-9 is not among'],
    [{ hosts: [first, { ...second, priority: first.priority }] }, 'the same priority'],
    [{ hosts: [first, { ...second, priority: 1 }] }, 'between 2 and 254'],
    [{ hosts: [first, { ...second, priority: 255 }] }, 'between 2 and 254'],
    [{ virtualIp: 'fd00:77::100' }, 'the virtual IP is IPv6'],
    [{ authPass: 'ninechars' }, 'one to eight letters and digits'],
    [{ authPass: '' }, 'one to eight letters and digits'],
    [{ authPass: 'a b' }, 'one to eight letters and digits'],
  ];
  for (const [change, message] of wrong) {
    expect(() => keepalivedConfig({ ...config, ...change }), message).toThrow(message);
  }
  expect(() => keepalivedConfig({ ...config, authPass: 'ninechars' })).not.toThrow(/ninechars/);
});

it('is another pod when the files are others, with the script where the configuration names it', () => {
  expect(keepalivedPod({ ...pod, configDigest: 'd2' })).not.toBe(keepalivedPod(pod));
  const mounts = parse(keepalivedPod(pod)).spec.containers[0].volumeMounts;
  expect(mounts).toContainEqual({ name: 'check', mountPath: config.checkScript, readOnly: false });
});

describe('check_apiserver.sh', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  /** Runs the script where these programs are all there is. */
  function run(
    programs: Readonly<Record<string, string>>,
    script = checkApiserverScript({ families: 'ipv4', port: 8443 }),
  ) {
    const folder = mkdtempSync(join(tmpdir(), 'keelson-check-'));
    folders.push(folder);
    for (const [name, body] of Object.entries(programs)) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    }
    const done = spawnSync('/bin/sh', ['-c', script], { env: { PATH: folder }, encoding: 'utf8' });
    return { status: done.status, stdout: done.stdout, stderr: done.stderr };
  }

  it('passes when the API server answers, and says where it does not', () => {
    expect(run({ curl: 'exit 0' })).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(run({ curl: 'exit 22' })).toEqual({
      status: 1,
      stdout: '',
      stderr: 'check_apiserver: no healthy API server at https://127.0.0.1:8443/healthz\n',
    });
  });

  it('asks this machine for at most a second, past any proxy', () => {
    const asked = (families: 'ipv4' | 'ipv6' | 'both') =>
      run({ curl: 'echo "$@"' }, checkApiserverScript({ families, port: 8443 })).stdout;
    expect(asked('both')).toBe('-sfk --max-time 1 --noproxy * -o /dev/null https://127.0.0.1:8443/healthz\n');
    expect(asked('ipv6')).toContain(' https://[::1]:8443/healthz');
  });

  it('without curl it looks for the listener', () => {
    const ss = (lines: string) => `[ "$*" = "-Hltn sport = :8443" ] || exit 3\n${lines}`;
    expect(run({ ss: ss('echo LISTEN 0 128 0.0.0.0:8443') }).status).toBe(0);
    expect(run({ ss: ss('') })).toMatchObject({ status: 1, stderr: 'check_apiserver: nothing listens on port 8443\n' });
    expect(run({ curl: 'exit 22', ss: ss('echo LISTEN') }).status).toBe(1);
  });

  it('fails when it can ask nobody', () => {
    expect(run({})).toMatchObject({ status: 1, stderr: 'check_apiserver: neither curl nor ss is there\n' });
  });

  it('is a script that sh takes', () => {
    execFileSync('/bin/sh', ['-n'], { input: checkApiserverScript({ families: 'ipv6', port: 443 }) });
  });
});
