import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestCluster, type TestCluster } from './harness.ts';

interface Finding {
  code: string;
  severity: string;
  host?: string;
  message: string;
}

const names = ['etcd-0', 'etcd-1', 'etcd-2'] as const;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({
    name: 'check',
    machines: names.map((name) => ({ name, disk: { sizeMiB: 800 } })),
  });
  await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

const sh = (name: string, script: string) => cluster.machine(name).exec(['sh', '-c', script]);

/** `CODE HOST`, each once; what every lab machine has is left out. */
async function found(exitCode: number, severity: string): Promise<string[]> {
  const { findings } = (await cluster.document(exitCode, ['check'])) as { findings: Finding[] };
  const usual = ['check.cgroup', 'check.swap', 'check.fsync'];
  return [
    ...new Set(
      findings
        .filter((f) => f.severity === severity && !usual.includes(f.code))
        .map((f) => `${f.code} ${f.host ?? '-'}`),
    ),
  ];
}

/** `date` as the facts call it, so many seconds wrong. */
const shimmedDate = (seconds: number): string => `cat >/usr/local/bin/date <<'END'
#!/bin/sh
[ "$1" = +%s.%N ] && exec /usr/bin/date -d '${seconds} seconds' +%s.%N
exec /usr/bin/date "$@"
END
chmod 755 /usr/local/bin/date`;

describe('keelson check', () => {
  it('finds machines as the lab makes them ready, and leaves nothing behind', async () => {
    // Every login makes the message of the day.
    const look =
      'ls -A / /etc /var/lib /var/lib/etcd /run /tmp | grep -v motd; ss -Hltn; ps -e -o args= | grep [s]ocket-activate || true';
    const before = await sh('etcd-0', look);
    expect(await found(0, 'error')).toEqual([]);
    expect((await sh('etcd-0', look)).stdout).toBe(before.stdout);
  });

  it('tells of everything that is wrong on all machines at once', async () => {
    await sh('etcd-0', 'echo AllowTcpForwarding no >/etc/ssh/sshd_config.d/check.conf && systemctl reload ssh');
    await sh('etcd-0', 'systemd-run -q --unit taken systemd-socket-activate -l 0.0.0.0:2381 sleep 1');
    await sh('etcd-0', shimmedDate(-3));
    await sh('etcd-1', shimmedDate(40));
    await sh(
      'etcd-1',
      'touch /etc/kubernetes/admin.conf && iptables -I OUTPUT -p tcp -d "$1" --dport 2380 -j DROP'.replace(
        '$1',
        cluster.machine('etcd-2').address,
      ),
    );
    const key = await cluster.machine('etcd-0').readFile('/etc/ssh/ssh_host_ecdsa_key.pub');
    await cluster.machine('etcd-2').writeFile('/etc/ssh/ssh_host_ecdsa_key.pub', key, 0o644);
    await sh('etcd-2', 'mkdir -p /var/lib/etcd && touch /var/lib/etcd/precious && hostname etcd-1');
    await cluster.machine('etcd-2').fillDisk();

    expect((await found(3, 'error')).sort()).toEqual([
      'check.clock etcd-1',
      'check.disk-space etcd-2',
      'check.foreign-node etcd-1',
      'check.forwarding etcd-0',
      'check.host-key etcd-2',
      'check.peers etcd-1',
      'check.port etcd-0',
      'safety.foreign-data etcd-2',
    ]);
    const warnings = await found(3, 'warning');
    expect(warnings).toContain('check.clock etcd-0');
    expect(warnings).toContain('check.hostname etcd-2');
  });

  it('disturbs no machine because another is away, and measures a slow disk', async () => {
    await cluster.machine('etcd-0').powerOff();
    await cluster.machine('etcd-1').limitWrites(50);
    const { findings, hosts } = (await cluster.document(3, ['check'])) as {
      findings: Finding[];
      hosts: { reachable: boolean }[];
    };
    expect(hosts.map((h) => h.reachable)).toEqual([false, true, true]);
    expect(findings.filter((f) => f.host === 'etcd-0').map((f) => f.code)).toEqual(['host.unreachable']);
    expect(findings.some((f) => f.code === 'check.fsync' && f.host === 'etcd-1')).toBe(true);
  });
});
