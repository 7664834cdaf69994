import { spawn } from 'node:child_process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type BundleContent, ensureBundle } from './bundle/index.ts';
import { sweepAbandoned } from './cleanup.ts';
import { describeError, LabError } from './errors.ts';
import { ensureLab, type LabSummary, listLabs, openLab, removeAllLabs, removeLab, writeKnownHosts } from './lab.ts';
import type { Machine } from './machine.ts';
import type { Partition } from './network.ts';
import type { MachineSpec } from './options.ts';
import { cacheDirectory } from './paths.ts';
import { installPrerequisites, type MissingPrerequisite, missingPrerequisites } from './prerequisites.ts';

interface UpOptions {
  readonly machine?: readonly MachineSpec[];
  readonly count: number;
  readonly prefix: string;
  readonly subnet?: string;
  readonly software: 'bare' | 'images' | 'preinstalled';
  readonly bundle?: string;
  readonly content?: BundleContent;
  readonly ipv6?: boolean;
  readonly disk?: number;
}

interface FaultOptions {
  readonly from?: readonly string[];
  readonly direction: 'in' | 'out' | 'both';
  readonly operator?: boolean;
  readonly iops: number;
}

const demoSubnet = '10.77.0.0/24';

const program = new Command('lab')
  .description('Real Debian test machines on this computer: make them, look into them, break them.')
  .showHelpAfterError()
  .addHelpText('after', `\nEverything is kept in ${cacheDirectory()} (KEELSON_CACHE).`);

program
  .command('up')
  .description('make a lab, or what is missing of it, and boot its machines')
  .argument('[name]', 'the lab', 'demo')
  .option(
    '-m, --machine <name[=address]>',
    'a machine (again for more); by default PREFIX-0, PREFIX-1, ...',
    collectMachine,
  )
  .option('-n, --count <number>', 'how many machines', wholeNumber, 3)
  .option('--prefix <prefix>', 'how their names begin', 'etcd')
  .option('--subnet <network>', `such as 10.79.0.0/24 (demo: ${demoSubnet}; others: a free one)`)
  .addOption(
    new Option('--software <kind>', 'what is on the machines')
      .choices(['bare', 'images', 'preinstalled'])
      .default('bare'),
  )
  .option('--bundle <folder>', 'the bundle, for all software but bare')
  .addOption(
    new Option('--content <content>', 'instead of --bundle: one with this content, built where it is missing')
      .choices(['etcd', 'cluster'])
      .conflicts('bundle')
      .implies({ software: 'preinstalled' }),
  )
  .option('--ipv6', 'IPv6 addresses as well')
  .option(
    '--disk <MiB>',
    "etcd's data on a small disk of the machine's own, which can be filled and slowed",
    wholeNumber,
  )
  .action(up);

program
  .command('down')
  .description('remove a lab and every trace of it')
  .argument('[name]', 'the lab')
  .option('--all', 'all labs that no other process uses')
  .action(down);

program
  .command('list')
  .alias('ls')
  .description('labs, their machines and how these are')
  .addOption(new Option('-o, --output <format>', 'output format').choices(['table', 'json']).default('table'))
  .action(list);

program
  .command('ssh')
  .description('log in to a machine as root, or run a command there')
  .argument('<lab>')
  .argument('<machine>')
  .argument('[command...]', 'after --')
  .action(ssh);

const faults = {
  'power-off': (machine) => machine.powerOff(),
  boot: (machine) => machine.boot(),
  reboot: (machine) => machine.reboot(),
  freeze: (machine) => machine.freeze(),
  thaw: (machine) => machine.thaw(),
  partition: (machine, options) => machine.partition(partitionOf(options)),
  heal: (machine) => machine.heal(),
  'fill-disk': (machine) => machine.fillDisk(),
  'free-disk': (machine) => machine.freeDisk(),
  'slow-disk': (machine, options) => machine.limitWrites(options.iops),
  'fast-disk': (machine) => machine.unlimitWrites(),
  'change-host-key': async (machine) => note(`${machine.name}: the host key is now ${await machine.changeHostKey()}`),
} satisfies Record<string, (machine: Machine, options: FaultOptions) => Promise<void>>;

program
  .command('fault')
  .description('break a machine, or mend it')
  .argument('<lab>')
  .argument('<machine>')
  .argument('<fault>', Object.keys(faults).join(', '))
  .option('--from <machines>', 'partition: from these only, separated by commas', splitNames)
  .addOption(
    new Option('--direction <direction>', 'partition: what does not arrive any more, as the machine sees it')
      .choices(['in', 'out', 'both'])
      .default('both'),
  )
  .option('--operator', 'partition: from this computer too')
  .option('--iops <number>', 'slow-disk: write operations per second', wholeNumber, 50)
  .action(fault);

program
  .command('check')
  .description('say what this computer lacks for the lab')
  .option('--install', 'install missing Debian packages')
  .action(check);

async function up(name: string, options: UpOptions): Promise<void> {
  report(await installPrerequisites(note, options.content), 'The lab cannot run here.');
  const bundle = options.bundle ?? (await bundleWith(options.content));
  const subnet = options.subnet ?? (name === 'demo' && options.machine === undefined ? demoSubnet : undefined);
  const lab = await ensureLab({
    name,
    machines: machinesOf(options),
    software: options.software,
    ...(subnet === undefined ? {} : { subnet }),
    ...(bundle === undefined ? {} : { bundle }),
    ipv6: options.ipv6 === true,
    keep: true,
    progress: note,
  });
  note(
    `lab "${name}" is up on ${lab.subnet}; log in with: npm run lab -- ssh ${name} ${lab.machines()[0]?.name ?? ''}`,
  );
}

async function bundleWith(content: BundleContent | undefined): Promise<string | undefined> {
  return content === undefined ? undefined : (await ensureBundle({ content, progress: note })).dir;
}

function machinesOf(options: UpOptions): MachineSpec[] {
  const numbered = Array.from({ length: options.count }, (_none, index) => ({ name: `${options.prefix}-${index}` }));
  const disk = options.disk === undefined ? {} : { disk: { sizeMiB: options.disk } };
  return (options.machine ?? numbered).map((machine) => ({ ...machine, ...disk }));
}

async function down(name: string | undefined, options: { readonly all?: boolean }): Promise<void> {
  if (options.all === true) return await removeAllLabs(note);
  if (name === undefined) {
    throw new LabError('lab-no-name', 'No lab is named.', 'Use "lab down NAME" or "lab down --all".');
  }
  const existed = await removeLab(name);
  note(existed ? `lab "${name}" is removed` : `there was no lab "${name}"`);
  await sweepAbandoned(undefined, note);
}

function list(options: { readonly output: 'table' | 'json' }): void {
  const labs = listLabs();
  if (options.output === 'json') {
    print(JSON.stringify({ apiVersion: 'keelson.dev/v1alpha1', kind: 'LabList', labs }, null, 2));
    return;
  }
  if (labs.length === 0) {
    note('no labs; make one with: npm run lab -- up');
    return;
  }
  print(formatTable([['LAB', 'SOFTWARE', 'MACHINE', 'ADDRESS', 'CONDITION', 'BRIDGE'], ...labs.flatMap(rowsOf)]));
}

function rowsOf(lab: LabSummary): string[][] {
  const state = lab.owner === 'dead' ? ' (abandoned)' : '';
  return lab.machines.map(({ name, address, address6, condition }) => {
    const addresses = address6 === undefined ? address : `${address} ${address6}`;
    return [lab.name + state, lab.software, name, addresses, condition, lab.bridge];
  });
}

function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}

async function ssh(name: string, machineName: string, command: readonly string[]): Promise<void> {
  const lab = openLab(name);
  const { address } = lab.machine(machineName);
  const options = [
    ['UserKnownHostsFile', writeKnownHosts(lab)],
    ['GlobalKnownHostsFile', '/dev/null'],
    ['StrictHostKeyChecking', 'yes'],
    ['IdentitiesOnly', 'yes'],
  ].flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const argv = ['-F', 'none', '-i', lab.identityFile, ...options, `root@${address}`, '--', ...command];
  const child = spawn('ssh', argv, { stdio: 'inherit' });
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 255));
  });
}

async function fault(name: string, machineName: string, kind: string, options: FaultOptions): Promise<void> {
  const act = Object.entries(faults).find(([known]) => known === kind)?.[1];
  if (act === undefined) {
    throw new LabError(
      'lab-unknown-fault',
      `There is no fault "${kind}".`,
      `Faults: ${Object.keys(faults).join(', ')}.`,
    );
  }
  const machine = openLab(name).machine(machineName);
  await act(machine, options);
  note(`${machineName}: ${kind} done; the machine is ${machine.condition()}`);
}

function partitionOf(options: FaultOptions): Partition {
  const from = options.from === undefined ? {} : { from: options.from };
  return { ...from, direction: options.direction, operator: options.operator === true };
}

async function check(options: { readonly install?: boolean }): Promise<void> {
  report(
    options.install === true ? await installPrerequisites(note) : await missingPrerequisites(),
    'The lab cannot run here.',
  );
  note('the lab can run here');
}

function report(missing: readonly MissingPrerequisite[], summary: string): void {
  if (missing.length === 0) return;
  const lines = missing.map(({ code, what, fix }) => `${code}: ${what}\n  ${fix}`);
  throw new LabError('lab-cannot-run', summary, lines.join('\n  '));
}

function collectMachine(text: string, before: readonly MachineSpec[] = []): MachineSpec[] {
  const [name = '', address] = text.split('=');
  return [...before, address === undefined ? { name } : { name, address }];
}

function splitNames(text: string): string[] {
  return text.split(',').filter((name) => name !== '');
}

function wholeNumber(text: string): number {
  if (/^[1-9][0-9]*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('a number above 0 is needed.');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  await program.parseAsync();
} catch (error) {
  note(describeError(error));
  process.exitCode = 1;
}
