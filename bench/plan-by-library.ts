import { parseArgs } from 'node:util';
import { openMachines } from '../src/host/machines.ts';
import { type HostId, hostId, makePlan, openContext, type Ports, type Subject } from '../src/index.ts';
import { systemClock } from '../src/operations/local.ts';
import type { LibraryPlanReport } from './suites/library-plan.ts';

// Plans as `keelson plan` does, and tells what the command line does not: connects and round trips. With --addresses the cluster
// has one member for each of them, more than a cluster.yaml may list: then only facts are of interest, and the refusal is shown.

const { values, positionals } = parseArgs({
  options: { addresses: { type: 'string' } },
  allowPositionals: true,
});
const [file = 'cluster.yaml'] = positionals;
const addresses = values.addresses?.split(',');

await using context = await openContext({ file });
const { subject, ports, machines } = addresses === undefined ? context : await withHosts(addresses);
const started = performance.now();
const { result, view } = await makePlan(subject, ports, { kind: 'apply' }, new AbortController().signal);
const planMs = performance.now() - started;
const counts = machines.counts();
if (machines !== context.machines) await machines.close();

const unknown = [...view.facts.hosts].flatMap(([id, facts]) =>
  Object.entries(facts).flatMap(([name, fact]) => (fact.is === 'unknown' ? [`${id} ${name}: ${fact.because}`] : [])),
);
const failed = new Set(unknown.map((line) => line.split(' ')[0]));
const report: LibraryPlanReport = {
  hosts: view.facts.hosts.size,
  known: view.facts.hosts.size - failed.size,
  planMs,
  connects: counts.connects,
  roundTrips: counts.roundTrips,
  commands: counts.commands,
  refusals: result.ok ? [] : [...new Set(result.refusals.map(({ code }) => code))],
  unknown: unknown.slice(0, 10),
};
process.stdout.write(`${JSON.stringify(report)}\n`);

async function withHosts(all: readonly string[]) {
  const [template] = context.config.spec.hosts;
  if (template === undefined) throw new Error('the configuration lists no host');
  const hosts = all.map((address, index) => ({ ...template, name: `host-${index}`, address }));
  const many = await openMachines({
    hosts: hosts.map(({ name, address, ssh }) => ({
      id: hostId(name),
      address,
      user: ssh.user,
      port: ssh.port,
      ...(ssh.identityFile === undefined ? {} : { identityFile: ssh.identityFile }),
    })),
    knownHostsFile: context.knownHostsFile,
    concurrency: { connects: context.config.spec.concurrency.connects },
    clock: systemClock,
  });
  const config = { ...context.config, spec: { ...context.config.spec, hosts } };
  const byId = new Map<HostId, ReturnType<typeof many.get>>();
  for (const { name } of hosts) byId.set(hostId(name), many.get(hostId(name)));
  const changed: Subject = { ...context.subject, config };
  const through: Ports = { ...context.ports, machines: byId };
  return { subject: changed, ports: through, machines: many };
}
