import type { ClusterConfig } from '../config/schema.ts';
import type { Ports } from '../engine/types.ts';
import { KeelsonError } from '../model/errors.ts';
import { type HostId, hostId } from '../model/ids.ts';
import { parseIp } from '../model/ip.ts';
import { type Policy, standardPolicy } from '../plan/policy.ts';
import type { ResetIntent } from '../plan/reset.ts';
import type { VaultState } from '../ports/vault.ts';
import { refuseLocked } from './lock.ts';
import { type MadePlan, makePlan, type Operator, type Ran, type RunRequest, runPlan, type Subject } from './run.ts';

export interface ResetRequest {
  /** Machines that are no longer members, as `NAME` or `NAME=ADDRESS`; none for the whole cluster. */
  hosts: readonly string[];
  /** Machines that are left as they are; the vault then stays. */
  except: readonly string[];
}

/** A machine that cluster.yaml does not list. */
export interface FormerHost {
  id: HostId;
  address: string;
}

/**
 * Machines to be reached beside those of the configuration: the ones of the last inventory that it no longer lists, and those that are
 * named with their address. Rejects with `reset.unknown-host` for a name that leads nowhere.
 */
export function formerHosts(config: ClusterConfig, vault: VaultState, named: readonly string[]): FormerHost[] {
  const listed = new Map(config.spec.hosts.map((h) => [h.name, h.address]));
  const inventory = vault.is === 'absent' ? [] : (vault.inventory?.hosts ?? []);
  const found = new Map<string, string>();
  for (const { name, address } of inventory) if (!listed.has(name)) found.set(name, address);
  for (const argument of named) {
    const { name, address } = parseArgument(argument);
    if (address !== null && listed.has(name)) throw unknownHost(`${name} is in cluster.yaml, which says where it is`);
    if (address !== null) found.set(name, address);
    if (!listed.has(name) && !found.has(name))
      throw unknownHost(`${name} is neither in cluster.yaml nor in the inventory`);
  }
  for (const [name, address] of found) {
    const taken = [...listed].find(([, other]) => other === address);
    if (taken !== undefined && isNamed(named, name))
      throw new KeelsonError(
        'reset.current-member',
        `${name} has had the address ${address}, which is now that of ${taken[0]}`,
      );
  }
  const addresses = new Set(listed.values());
  return [...found]
    .filter(([, address]) => !addresses.has(address))
    .map(([name, address]) => ({ id: hostId(name), address }));
}

function isNamed(named: readonly string[], name: string): boolean {
  return named.some((argument) => parseArgument(argument).name === name);
}

/** The same rule as for names and addresses in cluster.yaml: neither may mean anything to ssh. */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

function parseArgument(argument: string): { name: string; address: string | null } {
  const [name = '', ...rest] = argument.split('=');
  const address = rest.length === 0 ? null : rest.join('=');
  if (!NAME.test(name)) throw unknownHost(`${JSON.stringify(name)} is no name of a machine`);
  if (address !== null && parseIp(address) === null) throw unknownHost(`${JSON.stringify(address)} is no IP address`);
  return { name, address };
}

function unknownHost(message: string): KeelsonError {
  return new KeelsonError('reset.unknown-host', message);
}

/** What is to be cleared. `machines` are those of the configuration and the former ones. */
export function resetIntent(machines: Iterable<HostId>, { hosts, except }: ResetRequest): ResetIntent {
  const all = [...machines];
  const known = (names: readonly string[]): HostId[] =>
    names.map((argument) => {
      const { name } = parseArgument(argument);
      const host = all.find((id) => id === name);
      if (host === undefined) throw unknownHost(`${name} is not one of ${all.join(', ')}`);
      return host;
    });
  const named = [...new Set(known(hosts))];
  const left = [...new Set(known(except))];
  if (named.length > 0 && left.length > 0)
    throw new KeelsonError('usage', '--except leaves machines out of the whole cluster; here machines are named', {
      action: 'Name the machines, or give --except.',
    });
  // All of them by name is the whole cluster.
  if (named.length > 0 && named.length < all.length) return { kind: 'reset', scope: 'hosts', hosts: named, except: [] };
  const rest = all.filter((host) => !left.includes(host));
  if (rest.length === 0) throw new KeelsonError('usage', 'every machine is left out: there is nothing to reset');
  return { kind: 'reset', scope: 'cluster', hosts: rest, except: left };
}

/** Machines that are left out are not even asked: they may be gone for good. */
export function resetPorts(ports: Ports, { except }: ResetIntent): Ports {
  return { ...ports, machines: new Map([...ports.machines].filter(([id]) => !except.includes(id))) };
}

/** Reads all facts and plans. Writes nothing. Nothing to be done anywhere is a plan without steps, whose warnings say so. */
export async function planReset(
  subject: Subject,
  ports: Ports,
  request: ResetRequest,
  signal: AbortSignal,
  policy: Policy = standardPolicy,
): Promise<MadePlan & { intent: ResetIntent }> {
  const intent = resetIntent(ports.machines.keys(), request);
  const { result, view } = await makePlan(subject, resetPorts(ports, intent), intent, signal, policy);
  return { result, view, intent };
}

/** Runs a reset that a person has seen and confirmed. The lock is the cluster's own: former members have no say in it. */
export async function runReset(
  subject: Subject,
  ports: Ports,
  operator: Operator,
  request: Omit<RunRequest, 'intent' | 'lockOn'> & { intent: ResetIntent },
  policy: Policy = standardPolicy,
): Promise<Ran | 'nothing-to-do'> {
  const reached = resetPorts(ports, request.intent);
  return runPlan(subject, reached, operator, { ...request, lockOn: lockedBy(subject, reached) }, policy);
}

/** As `refuseLocked`, for the machines that the reset would lock. */
export async function refuseResetLocked(
  subject: Subject,
  ports: Ports,
  intent: ResetIntent,
  isDead: Operator['isDead'],
  signal: AbortSignal,
): Promise<void> {
  const reached = resetPorts(ports, intent);
  await refuseLocked(reached.machines, isDead, signal, lockedBy(subject, reached));
}

function lockedBy({ config }: Subject, { machines }: Ports): HostId[] {
  const members = config.spec.hosts.map((h) => hostId(h.name)).filter((id) => machines.has(id));
  return members.length > 0 ? members : [...machines.keys()];
}
