import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type AnsibleFound, ansibleAgain, ansibleContender } from '../contenders/ansible.ts';
import { keelsonCommand, keelsonContender } from '../contenders/keelson.ts';
import type { Contender } from '../contenders/types.ts';
import { type MeasuredCommand, type MeasuredRun, measure, mustSucceed } from '../lib/measured.ts';
import { watchQuiet } from '../lib/quiet.ts';
import { createSite, type Site, settle } from '../lib/site.ts';
import { libraryPlan, parseLibraryPlan } from './library-plan.ts';
import { runRounds } from './rounds.ts';
import type { Bench, Case, CaseResult, Suite } from './types.ts';

/** Nothing to do on three members that are as they should be: how long it takes to find that out, from a cold start. */
export const noOpSuite: Suite = {
  name: 'no-op',
  run: async (bench) => {
    await using own = await founded(keelsonContender(bench.keelsonVersion, bench.kubernetesVersion), bench);
    const { ansible } = bench;
    if (ansible.is === 'missing') return await runRounds('no-op', keelsonCases(own, bench), bench);
    await using other = await founded(ansibleContender(ansible, bench.kubernetesVersion), bench);
    await settle(own.lab.name);
    await runRounds('no-op', [...keelsonCases(own, bench), ...ansibleCases(other, ansible, bench)], bench);
  },
};

/** Machines as this contender leaves them. Each has its own: the idle members of the other are a load that is the same for all. */
async function founded(contender: Contender, bench: Bench): Promise<Site> {
  bench.say(`no-op: three machines by ${contender.name}`);
  const site = await createSite({ ...bench, name: `bench-${contender.name}` });
  try {
    const command = await contender.prepare(site);
    mustSucceed(await measure(command, { name: contender.name, signal: bench.signal }), contender.name);
    await settle(site.lab.name);
    return site;
  } catch (error) {
    await site[Symbol.asyncDispose]();
    throw error;
  }
}

function keelsonCases(site: Site, bench: Bench): Case[] {
  return [
    {
      name: 'keelson-plan',
      run: () => measured(keelsonCommand(site, ['plan', '--detailed-exitcode']), site, bench, () => ({})),
    },
    {
      name: 'keelson-plan-first',
      run: () => {
        // As on another operator's computer, where nothing is remembered of these machines' programs.
        rmSync(join(site.home, '.cache/keelson/facts'), { recursive: true, force: true });
        return measured(keelsonCommand(site, ['plan', '--detailed-exitcode']), site, bench, () => ({}));
      },
    },
    // The command line does not tell its round trips; the library does.
    { name: 'keelson-library', run: () => measured(libraryPlan(site, []), site, bench, parseLibraryPlan) },
  ];
}

function ansibleCases(site: Site, ansible: AnsibleFound & { is: 'there' }, bench: Bench): Case[] {
  const unchanged = (ran: MeasuredRun): Record<string, number> => {
    const changes = [...ran.stdout.matchAll(/\bchanged=(\d+)/g)].map(([, count]) => Number(count));
    if (changes.length === 3 && changes.every((count) => count === 0)) return {};
    throw new Error(`the playbook changed something the second time\n${ran.stdout}`);
  };
  const again = (flags: readonly string[]) => () =>
    measured(ansibleAgain(site, ansible, flags), site, bench, unchanged);
  return [
    { name: 'ansible-run', run: again([]) },
    { name: 'ansible-check', run: again(['--check']) },
  ];
}

/** One run without any connection from before; it has to succeed. */
export async function measured(
  command: MeasuredCommand,
  site: Site,
  bench: Pick<Bench, 'signal'>,
  more: (ran: MeasuredRun) => Readonly<Record<string, number>>,
): Promise<CaseResult> {
  forgetConnections(site);
  const bytes = await site.sshBytes();
  let ownCpu = (): number => 0;
  const quiet = watchQuiet(() => ownCpu() + site.cpuSeconds());
  const machinesBefore = site.cpuSeconds();
  const ran = await measure(command, {
    name: 'no-op',
    signal: bench.signal,
    onMeter: (cpuSeconds) => {
      ownCpu = cpuSeconds;
    },
  });
  ownCpu = () => ran.cpuSeconds;
  const machinesCpuSeconds = site.cpuSeconds() - machinesBefore;
  const seen = quiet.end();
  mustSucceed(ran, command.argv.join(' '));
  const { connects, executions, refused } = await site.sshd(ran.startedAt);
  const after = await site.sshBytes();
  const metrics = {
    ms: ran.ms,
    connects,
    executions,
    refused,
    sentKiB: (after.sent - bytes.sent) / 1024,
    receivedKiB: (after.received - bytes.received) / 1024,
    cpuSeconds: ran.cpuSeconds,
    peakMiB: ran.peakMiB,
    machinesCpuSeconds,
    ...more(ran),
  };
  return { metrics, quiet: seen, summary: `${(metrics.ms / 1000).toFixed(2)} s, ${connects} connects` };
}

/** Masters were ended with the run before; their sockets may lie about. */
function forgetConnections(site: Site): void {
  for (const name of readdirSync(site.folder)) {
    if (/^(master|ansible)-/.test(name)) rmSync(join(site.folder, name), { force: true });
  }
}
