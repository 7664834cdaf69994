import { ansibleContender } from '../contenders/ansible.ts';
import { keelsonContender } from '../contenders/keelson.ts';
import { shellContender } from '../contenders/shell.ts';
import type { Contender } from '../contenders/types.ts';
import { createMeter } from '../lib/cgroup.ts';
import { measure, mustSucceed } from '../lib/measured.ts';
import { type Prober, startProber } from '../lib/prober.ts';
import { watchQuiet } from '../lib/quiet.ts';
import { createSite, type Site, settle } from '../lib/site.ts';
import { runRounds } from './rounds.ts';
import type { Bench, CaseResult, Suite } from './types.ts';

/** Three machines with their software and images become an etcd: in several ways, each time on machines that are new. */
export const installSuite: Suite = {
  name: 'install',
  run: async (bench) => {
    const cases = contendersOf(bench).map((contender) => ({
      name: contender.name,
      run: () => onFreshMachines(contender, bench),
    }));
    await runRounds('install', cases, bench);
  },
};

export function contendersOf(
  bench: Pick<Bench, 'ansible' | 'kubernetesVersion' | 'keelsonVersion'>,
): readonly Contender[] {
  const { ansible, kubernetesVersion, keelsonVersion } = bench;
  return [
    shellContender('shell-serial', kubernetesVersion),
    shellContender('shell-parallel', kubernetesVersion),
    shellContender('shell-parallel-ecdsa', kubernetesVersion),
    ...(ansible.is === 'there' ? [ansibleContender(ansible, kubernetesVersion)] : []),
    keelsonContender(keelsonVersion, kubernetesVersion),
  ];
}

async function onFreshMachines(contender: Contender, bench: Bench): Promise<CaseResult> {
  await using site = await createSite({ ...bench, name: 'bench' });
  const command = await contender.prepare(site);
  await settle(site.lab.name);
  const observer = await createMeter('observer');
  const probers: Prober[] = [];
  try {
    for (const { name } of site.machines) probers.push(await startProber(site.lab.name, name, observer));
    const bytes = await site.sshBytes();
    let ownCpu = (): number => 0;
    const quiet = watchQuiet(() => ownCpu() + site.cpuSeconds() + observer.cpuSeconds());
    const machinesBefore = site.cpuSeconds();
    const ran = await measure(command, {
      name: contender.name,
      signal: bench.signal,
      onMeter: (cpuSeconds) => {
        ownCpu = cpuSeconds;
      },
    });
    ownCpu = () => ran.cpuSeconds;
    const machinesAtEnd = site.cpuSeconds();
    const seen = quiet.end();
    mustSucceed(ran, contender.name);
    const healthyAt = Math.max(...(await Promise.all(probers.map((prober) => withDeadline(prober)))));
    const { connects, executions, refused, first } = await site.sshd(ran.startedAt);
    if (first === undefined) throw new Error(`${contender.name}: no machine saw a connection`);
    const after = await site.sshBytes();
    await checkOutcome(site);
    const metrics = {
      healthyMs: (healthyAt - ran.startedAt) * 1000,
      healthyFromConnectMs: (healthyAt - first) * 1000,
      endMs: ran.ms,
      connects,
      executions,
      refused,
      sentKiB: (after.sent - bytes.sent) / 1024,
      receivedKiB: (after.received - bytes.received) / 1024,
      cpuSeconds: ran.cpuSeconds,
      peakMiB: ran.peakMiB,
      machinesCpuSeconds: machinesAtEnd - machinesBefore,
    };
    const summary = `healthy after ${seconds(metrics.healthyMs)}, end after ${seconds(metrics.endMs)}`;
    return { metrics, quiet: seen, summary };
  } finally {
    for (const prober of probers) prober.stop();
    await observer.remove();
  }
}

const HEALTHY_TIMEOUT_MS = 60_000;

/** A contender may end before its members are healthy; not for ever. */
async function withDeadline(prober: Prober): Promise<number> {
  const timer = setTimeout(prober.stop, HEALTHY_TIMEOUT_MS);
  try {
    return await prober.healthyAt;
  } finally {
    clearTimeout(timer);
  }
}

/** The certificates are for the machine that has them, and the CA's key is on no machine but the first. */
async function checkOutcome(site: Site): Promise<void> {
  for (const [index, machine] of site.machines.entries()) {
    const script = `cd /etc/kubernetes/pki && find . -type f | wc -l && ls etcd/ca.key 2>/dev/null
for name in server peer; do openssl x509 -in etcd/$name.crt -noout -checkip ${machine.address}; done`;
    const { stdout } = await machine.exec(['sh', '-c', script]);
    const files = Number(stdout.split('\n')[0]);
    const matches = stdout.match(/does match certificate/g)?.length;
    const hasKey = stdout.includes('ca.key');
    if (matches === 2 && files === (hasKey ? 10 : 9) && (index === 0 || !hasKey)) continue;
    throw new Error(`${machine.name} is not as the procedure wants it\n${stdout}`);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
