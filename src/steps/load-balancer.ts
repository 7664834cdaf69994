import { addressFamily } from '../config/address.ts';
import type { HaproxyKeepalived } from '../desired/load-balancer.ts';
import { paths } from '../desired/paths.ts';
import type { UnitFacts } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import type { FileSpec } from '../model/file.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import { plainText } from '../model/text.ts';
import { checkLoadBalancer } from '../ports/commands/load-balancer.ts';
import { systemctl } from '../ports/commands/services.ts';
import { apt } from '../ports/commands/software.ts';
import type { World } from '../ports/world.ts';
import { haproxyConfig } from '../render/haproxy.ts';
import { checkApiserverScript, keepalivedConfig } from '../render/keepalived.ts';
import { type Nic, nicOf } from './balancer-nic.ts';
import { factOf, fileChanges, newerThan } from './compare.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { type Change, defineStep, type View } from './types.ts';

export const HAPROXY = 'haproxy.service';
export const KEEPALIVED = 'keepalived.service';
const UNIT = { haproxy: HAPROXY, keepalived: KEEPALIVED } as const;
type Program = keyof typeof UNIT;
// keepalived asks through haproxy whether its machine may hold the address.
const PROGRAMS = ['haproxy', 'keepalived'] as const satisfies readonly Program[];

/** Connections to API servers are few and long. Two descriptors each, within what any machine allows a service. */
const MAX_CONNECTIONS = 8_000;

/**
 * haproxy and keepalived as services. A configuration takes its place only when the program itself, on that very machine, has accepted it;
 * a program that runs is told to read it again and never stopped. Configurations of somebody else are left alone.
 */
export const loadBalancer = defineStep({
  kind: 'load-balancer',
  risk: 'safe',
  attempts: 2,
  settleMs: 30_000,
  parse: noParams,
  title: (_params, on) => `balance the control plane’s endpoint on ${on}`,
  reads: (_params, on) => [
    { on, fact: 'files' },
    { on, fact: 'units' },
    { on, fact: 'balancer' },
    // Its password follows from the cluster's uid.
    'vault',
  ],
  judge: (_params, view, on) => {
    const finding = strangers(view, on) ?? lackingPrograms(view, on);
    if (finding !== null) return { is: 'blocked', finding };
    const nic = nicOf(view, on, balancerOf(view));
    if ('code' in nic) return { is: 'blocked', finding: nic };
    const changes: Change[] = missing(view, on).map((name) => ({ summary: `install ${name}` }));
    let reloads = false;
    for (const program of PROGRAMS) {
      const own = balancerFiles(view, on, program, nic).flatMap((spec) => fileChanges(factOf(view, on, 'files'), spec));
      const unit = factOf(view, on, 'units').get(UNIT[program]);
      changes.push(...own);
      if (unit?.enabled !== true) changes.push({ summary: `enable ${UNIT[program]}` });
      if (unit?.active !== 'active') changes.push({ summary: `start ${UNIT[program]}` });
      else if (own.length > 0 || stale(view, on, program, unit)) {
        changes.push({ summary: `reload ${UNIT[program]}` });
        reloads = true;
      }
    }
    if (changes.length === 0) return { is: 'satisfied' };
    return {
      is: 'needed',
      changes,
      ...(reloads
        ? { effect: 'new connections go by the new file at once; those that last longer than a minute are ended' }
        : {}),
    };
  },
  apply: async (_params, world, view, on) => {
    const nic = nicOf(view, on, balancerOf(view));
    if ('code' in nic) throw new KeelsonError(nic.code, nic.message, { host: on });
    const lacking = missing(view, on);
    if (lacking.length > 0) {
      world.note(`installing ${lacking.join(', ')}`);
      await must(world, apt('update'));
      await must(world, apt('add', lacking));
    }
    for (const program of PROGRAMS) {
      const [config, ...others] = balancerFiles(view, on, program, nic);
      if (config === undefined) continue;
      // keepalived refuses a configuration whose script is not there yet.
      await placeFiles(world, view, on, others);
      await mustAccept(world, program, config);
      await placeFiles(world, view, on, [config]);
      const unit = factOf(view, on, 'units').get(UNIT[program]);
      if (unit?.enabled !== true) await must(world, systemctl('enable', [UNIT[program]]));
      const asItIs = fileChanges(factOf(view, on, 'files'), config).length === 0 && lacking.length === 0;
      if (unit?.active !== 'active' || !asItIs || stale(view, on, program, unit))
        await must(world, systemctl('reload-or-restart', [UNIT[program]]));
    }
  },
});

async function mustAccept(world: World, program: Program, { path, content }: FileSpec): Promise<void> {
  if (typeof content !== 'string') throw new Error('a load balancer’s configuration is no secret');
  const result = await world.host.run(checkLoadBalancer(program, content), world.signal);
  if (result.exitCode === 0) return;
  const output = plainText(`${result.stdout}\n${result.stderr}`.trim(), 8_000);
  throw new KeelsonError(
    'load-balancer.refused',
    `${program} on ${world.host.id} does not accept the new ${path}, and the old one stays: ${firstLine(output)}`,
    { host: world.host.id, output },
  );
}

function firstLine(text: string): string {
  return (
    text.split('\n').find((line) => /alert|error|unknown|invalid|non-existent|fail/i.test(line)) ??
    text.split('\n')[0] ??
    ''
  );
}

function balancerOf({ desired }: View): HaproxyKeepalived {
  if (desired.loadBalancer?.kind !== 'haproxy-keepalived') throw new Error('no haproxy in the configuration');
  return desired.loadBalancer;
}

/** The configuration first, then what it needs. */
export function balancerFiles(view: View, on: HostId, program: Program, nic: Nic): FileSpec[] {
  const balancer = balancerOf(view);
  const self = balancer.hosts.find(({ host }) => host === on);
  if (self === undefined) throw new Error(`${on} balances nothing`);
  const families = addressFamily(balancer.virtualIp) === 'IPv6' ? ('ipv6' as const) : ('ipv4' as const);
  if (program === 'haproxy') {
    const content = haproxyConfig({
      port: balancer.port,
      families,
      ...(self.controlPlane ? { apiPortHere: balancer.apiServerPort } : {}),
      servers: balancer.servers,
      balance: 'roundrobin',
      maxConnections: MAX_CONNECTIONS,
      runsAs: 'service',
    });
    return [{ path: paths.haproxyConfig, mode: '644', content }];
  }
  const content = keepalivedConfig({
    self: self.name,
    hosts: balancer.hosts.map(({ name, address, priority }) => ({ name, address, priority })),
    interface: nic.interface,
    prefixLength: nic.prefixLength,
    virtualRouterId: balancer.virtualRouterId,
    virtualIp: balancer.virtualIp,
    advertSeconds: balancer.advertSeconds,
    check: balancer.check,
    peers: balancer.peers,
    authPass: balancer.authPass,
    checkScript: paths.checkScript,
  });
  return [
    { path: paths.keepalivedConfig, mode: '600', content },
    { path: paths.checkScript, mode: '755', content: checkApiserverScript({ families, port: balancer.port }) },
  ];
}

/** What runs has not read the file as it is. A script is read each time that it runs. */
function stale(view: View, on: HostId, program: Program, { startedAt, settledAt }: UnitFacts): boolean {
  const path = program === 'haproxy' ? paths.haproxyConfig : paths.keepalivedConfig;
  return newerThan(factOf(view, on, 'files'), path, Math.max(startedAt, settledAt));
}

/** Packages to be installed; none where the software comes from elsewhere. */
function missing(view: View, on: HostId): string[] {
  return view.desired.software.source === 'packages' ? absent(view, on, ['haproxy', 'keepalived', 'curl']) : [];
}

function absent(view: View, on: HostId, names: readonly string[]): string[] {
  const programs = factOf(view, on, 'balancer')?.programs;
  return names.filter((name) => programs?.has(name) !== true);
}

function lackingPrograms(view: View, on: HostId): Finding | null {
  const names = absent(view, on, PROGRAMS);
  const { source } = view.desired.software;
  if (source === 'packages' || names.length === 0) return null;
  const brings = source === 'bundle' ? 'the bundle brings none' : 'spec.software.source is preinstalled';
  return {
    code: 'load-balancer.programs',
    severity: 'error',
    host: on,
    message: `${on} has no ${names.join(' and no ')}, and ${brings}`,
    action: `Install ${names.join(' and ')} on ${on} from its distribution, or choose another spec.controlPlane.loadBalancer.kind.`,
  };
}

const OURS = '# Written by keelson.\n';
/** What a configuration that serves somebody has; the one that a package brings has none of it. */
const SERVES = /^\s*(?:frontend|listen|backend|vrrp_instance|virtual_server)\b/m;

function strangers(view: View, on: HostId): Finding | null {
  const { text } = factOf(view, on, 'files');
  const found = [paths.haproxyConfig, paths.keepalivedConfig].find((path) => {
    const content = text.get(path) ?? '';
    return !content.startsWith(OURS) && SERVES.test(content);
  });
  if (found === undefined) return null;
  return {
    code: 'load-balancer.foreign',
    severity: 'error',
    host: on,
    message: `${found} on ${on} is somebody else’s: it serves something, and keelson has not written it`,
    action: `Move what it serves to another machine and remove ${found}, or choose other machines for the load balancer.`,
  };
}
