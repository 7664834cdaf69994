import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLab, type Lab, type Machine } from '../../lab/index.ts';
import { machinesCpuSeconds } from './cgroup.ts';
import { installPython } from './python.ts';
import { countSshd, parseCounters, type SshdCounts, sumSshd } from './sshd-log.ts';

/** Fresh machines, and a folder from which a case works on them. */
export interface Site extends AsyncDisposable {
  readonly lab: Lab;
  readonly machines: readonly Machine[];
  readonly folder: string;
  /** An empty home with nothing in it: a shell's start-up file alone can cost more than a command. */
  readonly home: string;
  readonly knownHosts: string;
  /** For ssh: aliases by machine name, strict host keys, kept connections. */
  readonly sshConfig: string;
  /** What sshd counted since a moment in seconds since 1970. */
  readonly sshd: (since: number) => Promise<SshdCounts>;
  /** Bytes over SSH so far, to and from the machines. */
  readonly sshBytes: () => Promise<{ readonly sent: number; readonly received: number }>;
  readonly cpuSeconds: () => number;
}

export interface SiteOptions {
  readonly name: string;
  readonly bundle: string;
  readonly python: string;
  readonly machines?: readonly string[];
  /** Preinstalled by default. */
  readonly bare?: boolean;
}

export const memberNames = ['etcd-0', 'etcd-1', 'etcd-2'] as const;

export async function createSite(options: SiteOptions): Promise<Site> {
  const lab = await createLab({
    name: options.name,
    machines: (options.machines ?? memberNames).map((name) => ({ name })),
    ...(options.bare === true ? { software: 'bare' } : { software: 'preinstalled', bundle: options.bundle }),
  });
  const folder = mkdtempSync(join(tmpdir(), 'keelson-bench-'));
  const dispose = async (): Promise<void> => {
    try {
      await lab.down();
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  };
  try {
    const machines = lab.machines();
    await Promise.all(machines.map((machine) => prepare(machine, options.python)));
    await settle(lab.name);
    const home = join(folder, 'home');
    mkdirSync(home);
    const knownHosts = join(folder, 'known_hosts');
    writeFileSync(knownHosts, `${lab.hostKeys().join('\n')}\n`);
    const sshConfig = join(folder, 'ssh_config');
    writeFileSync(sshConfig, sshConfigOf(lab, folder, knownHosts));
    return {
      lab,
      machines,
      folder,
      home,
      knownHosts,
      sshConfig,
      sshd: async (since) =>
        sumSshd(await Promise.all(machines.map(async (one) => countSshd(await journal(one), since)))),
      sshBytes: async () => {
        const counters = await Promise.all(machines.map(countersOf));
        const sum = (index: number): number => counters.reduce((total, one) => total + (one[index] ?? 0), 0);
        return { sent: sum(0), received: sum(1) };
      },
      cpuSeconds: () => machinesCpuSeconds(lab.name),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The same on each machine for all: Python (which only Ansible needs), a talkative sshd, and counters of SSH's bytes. */
async function prepare(machine: Machine, python: string): Promise<void> {
  await installPython(python, machine.rootDir);
  await machine.exec(['sh', '-ec', preparation]);
}

const preparation = `
echo 'LogLevel VERBOSE' >/etc/ssh/sshd_config.d/bench.conf
systemctl reload ssh
nft -f - <<END
table inet bench {
  chain inbound { type filter hook input priority 0; tcp dport 22 counter; }
  chain outbound { type filter hook output priority 0; tcp sport 22 counter; }
}
END
`;

/** Until the machines have used less than 4 % of a processor for half a second: booted, and nothing left to do. */
export async function settle(lab: string, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    const before = machinesCpuSeconds(lab);
    await sleep(500);
    if (machinesCpuSeconds(lab) - before < 0.02) return;
  }
}

async function journal(machine: Machine): Promise<string> {
  await machine.exec(['journalctl', '-q', '--sync']);
  const lines = await machine.exec(['journalctl', '-q', '-o', 'short-unix', '-t', 'sshd', '-t', 'sshd-session']);
  return lines.stdout;
}

async function countersOf(machine: Machine): Promise<number[]> {
  return parseCounters((await machine.exec(['nft', 'list', 'table', 'inet', 'bench'])).stdout);
}

function sshConfigOf(lab: Lab, folder: string, knownHosts: string): string {
  const hosts = lab.machines().map(({ name, address }) => `Host ${name}\n  HostName ${address}\n`);
  return `${hosts.join('')}Host *
  User root
  IdentityFile ${lab.identityFile}
  IdentitiesOnly yes
  UserKnownHostsFile ${knownHosts}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  LogLevel ERROR
  ControlMaster auto
  ControlPersist 60
  ControlPath ${folder}/master-%h
`;
}
