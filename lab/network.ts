import { readdirSync } from 'node:fs';
import { allowOnBridge, removeAllowance } from './bridge-allowance.ts';
import { attempt, run } from './command.ts';
import { hardwareAddress, kernelNames, labPaths } from './paths.ts';
import { gatewayOf, ipv6Twin, type Subnet } from './subnets.ts';

/** Makes the lab's bridge and keeps what its machines send on it. Does nothing where both are there. */
export async function ensureBridge(lab: string, subnet: Subnet, ipv6: boolean): Promise<void> {
  const { bridge } = kernelNames(lab);
  if ((await attempt(['ip', 'link', 'show', bridge])).code !== 0) await makeBridge(lab, subnet, ipv6);
  await isolate(lab);
  await allowOnBridge(bridge);
}

async function makeBridge(lab: string, subnet: Subnet, ipv6: boolean): Promise<void> {
  const { bridge } = kernelNames(lab);
  const gateway = gatewayOf(subnet);
  const commands = [
    // A fixed hardware address: a bridge takes its lowest port's otherwise, which changes as machines come and go.
    // Without multicast snooping, since no multicast router is there to ask who listens (VRRP, IPv6 neighbours).
    `link add ${bridge} address ${hardwareAddress(lab, '')} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `addr add ${gateway}/24 dev ${bridge}`,
    // Whose lab it is: see ownership.ts.
    `link set ${bridge} alias ${labPaths(lab).directory}`,
    ...(ipv6 ? [`addr add ${ipv6Twin(gateway)}/64 dev ${bridge} nodad`] : []),
    `link set ${bridge} up`,
  ];
  await ipBatch(commands);
  await run(['sysctl', '-q', '-w', `net.ipv4.conf.${bridge}.forwarding=0`]);
}

/**
 * Nothing a machine sends leaves this computer, also where it forwards for others (containers, virtual machines).
 * What goes from port to port of the bridge may pass here too, with the bridge on both sides.
 */
async function isolate(lab: string): Promise<void> {
  const { bridge, filterTable } = kernelNames(lab);
  await nft(`
    add table inet ${filterTable}
    delete table inet ${filterTable}
    table inet ${filterTable} {
      chain forward {
        type filter hook forward priority -10; policy accept;
        iifname "${bridge}" oifname != "${bridge}" drop
        oifname "${bridge}" iifname != "${bridge}" drop
      }
    }
    add table bridge ${filterTable}
  `);
}

export type PartitionDirection = 'in' | 'out' | 'both';

export interface Partition {
  /** Machines that are cut off; all others of the lab when absent. */
  readonly from?: readonly string[];
  /** Cut off from this computer too. */
  readonly operator?: boolean;
  /** `in`: the machine receives nothing from them; `out`: they receive nothing from it. */
  readonly direction?: PartitionDirection;
}

/** The rules that cut a machine off, as nft commands. They stand on the bridge, so the machine cannot see or lift them. */
export function partitionRules(lab: string, machine: string, partition: Partition): string[] {
  const names = kernelNames(lab);
  const own = names.veth(machine);
  const directions = partition.direction ?? 'both';
  const cutsIn = directions !== 'out';
  const cutsOut = directions !== 'in';
  const rules: string[] = [];
  const drop = (hook: string, match: string): void => {
    rules.push(`add rule bridge ${names.filterTable} ${chainName(machine, hook)} ${match} drop`);
  };
  for (const other of partition.from ?? [undefined]) {
    const otherIn = other === undefined ? '' : ` iifname "${names.veth(other)}"`;
    const otherOut = other === undefined ? '' : ` oifname "${names.veth(other)}"`;
    if (cutsIn) drop('forward', `oifname "${own}"${otherIn}`);
    if (cutsOut) drop('forward', `iifname "${own}"${otherOut}`);
  }
  if (partition.operator === true) {
    if (cutsIn) drop('output', `oifname "${own}"`);
    if (cutsOut) drop('input', `iifname "${own}"`);
  }
  return rules;
}

const hooks = ['forward', 'input', 'output'] as const;

/** Cuts a machine off; cuts add up until they are healed. */
export async function cutOff(lab: string, machine: string, partition: Partition): Promise<void> {
  const { filterTable } = kernelNames(lab);
  const chains = hooks.flatMap((hook) => {
    const chain = `bridge ${filterTable} ${chainName(machine, hook)}`;
    return [
      `add chain ${chain} { type filter hook ${hook} priority 0; policy accept; }`,
      // Neighbours still resolve each other; else a cut in one direction soon became one in both.
      `add rule ${chain} ether type arp accept`,
      `add rule ${chain} icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept`,
    ];
  });
  await nft([...chains, ...partitionRules(lab, machine, partition)].join('\n'));
}

export async function heal(lab: string, machine: string): Promise<void> {
  const { filterTable } = kernelNames(lab);
  // Added first, since deleting what is not there is an error.
  const lines = hooks.flatMap((hook) => {
    const chain = chainName(machine, hook);
    const definition = `{ type filter hook ${hook} priority 0; policy accept; }`;
    return [
      `add chain bridge ${filterTable} ${chain} ${definition}`,
      `flush chain bridge ${filterTable} ${chain}`,
      `delete chain bridge ${filterTable} ${chain}`,
    ];
  });
  await nft(lines.join('\n'));
}

/** Whether this computer is cut off from the machine in any direction. */
export async function isCutFromOperator(lab: string, machine: string): Promise<boolean> {
  const { filterTable } = kernelNames(lab);
  for (const hook of ['input', 'output']) {
    const chain = await attempt(['nft', 'list', 'chain', 'bridge', filterTable, chainName(machine, hook)]);
    if (chain.stdout.includes(' drop')) return true;
  }
  return false;
}

function chainName(machine: string, hook: string): string {
  return `m_${machine.replaceAll('-', '_')}_${hook}`;
}

/** Removes all of the lab's kernel objects, whichever of them are there. */
export async function removeNetwork(lab: string): Promise<void> {
  const names = kernelNames(lab);
  for (const veth of portsOf(names.bridge)) await attempt(['ip', 'link', 'delete', veth]);
  for (const namespace of namespacesOf(lab)) await attempt(['ip', 'netns', 'delete', namespace]);
  await attempt(['ip', 'link', 'delete', names.bridge]);
  await removeAllowance(names.bridge);
  for (const family of ['inet', 'bridge']) await attempt(['nft', 'delete', 'table', family, names.filterTable]);
}

/** What is left of the lab's network, in words. */
export async function networkTraces(lab: string): Promise<string[]> {
  const names = kernelNames(lab);
  const tables = (await attempt(['nft', 'list', 'tables'])).stdout.split('\n');
  const bridges = listDirectory('/sys/class/net').filter((name) => name === names.bridge);
  return [
    ...bridges.map((name) => `bridge ${name}`),
    ...namespacesOf(lab).map((name) => `network namespace ${name}`),
    ...tables.filter((line) => line.endsWith(` ${names.filterTable}`)),
  ];
}

function portsOf(bridge: string): string[] {
  return listDirectory(`/sys/class/net/${bridge}/brif`);
}

function namespacesOf(lab: string): string[] {
  const { namespacePrefix } = kernelNames(lab);
  return listDirectory('/run/netns').filter((name) => name.startsWith(namespacePrefix));
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

async function ipBatch(commands: readonly string[]): Promise<void> {
  await run(['ip', '-batch', '-'], { stdin: `${commands.join('\n')}\n` });
}

async function nft(commands: string): Promise<void> {
  await run(['nft', '-f', '-'], { stdin: `${commands}\n` });
}
