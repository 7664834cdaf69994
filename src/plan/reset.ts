import { errorCodes } from '../model/codes.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import { OPERATOR } from '../model/ids.ts';
import { factOf } from '../steps/compare.ts';
import { remainsOf } from '../steps/remains.ts';
import type { View } from '../steps/types.ts';
import type { Candidate } from './candidates.ts';
import type { Intent } from './types.ts';

export type ResetIntent = Extract<Intent, { kind: 'reset' }>;

/** Clearing machines, each by itself; when none of the cluster's is left out, its records in the vault go aside at the end. */
export function resetCandidates(view: View, { hosts, scope }: ResetIntent): Candidate[] {
  const turn = scope === 'cluster' ? turns(view) : () => 0;
  const ordered = [...hosts].sort((a, b) => turn(a) - turn(b));
  const clear = ordered.map((on) => ({
    key: keyOf(on),
    kind: 'reset-host',
    on,
    params: { scope: scope === 'cluster' ? 'cluster' : 'host' },
    needs: ordered.filter((other) => turn(other) < turn(on)).map(keyOf),
    why: scope === 'cluster' ? 'the whole cluster goes' : 'it is no longer a member',
  }));
  const left = clusterHosts(view).filter((host) => !hosts.includes(host));
  if (scope === 'hosts' || left.length > 0) return clear;
  return [
    ...clear,
    {
      key: 'vault-retire',
      kind: 'vault-retire',
      on: OPERATOR,
      params: { hosts: hosts.join(',') },
      needs: clear.map((c) => c.key),
      why: 'no machine is left that belongs to it',
    },
  ];
}

function keyOf(on: HostId): string {
  return `reset-host@${on}`;
}

/**
 * Workers first, then control planes, an external etcd and a load balancer's own machines last: what is still there can be asked while something is not done, and is not asked for by
 * what still runs. Where etcd is all there is, and where it is stacked, its members go together.
 */
function turns({ desired: { nodes, members, loadBalancer } }: View): (on: HostId) => number {
  const controlPlanes = new Set(nodes.filter((node) => node.role === 'control-plane').map((node) => node.host));
  const balancers = loadBalancer?.kind === 'haproxy-keepalived' ? loadBalancer.hosts : [];
  const last = new Set(nodes.length === 0 ? [] : [...members, ...balancers].map(({ host }) => host));
  return (on) => (controlPlanes.has(on) ? 1 : last.has(on) ? 2 : 0);
}

/** Machines that may hold this cluster's data or keys: those of the configuration, and of what was applied last. */
export function clusterHosts({ desired, facts }: View): HostId[] {
  const vault = facts.vault.is === 'known' && facts.vault.value.is !== 'absent' ? facts.vault.value : null;
  return [...new Set([...desired.machines.map((m) => m.id), ...(vault?.inventory?.hosts.map((h) => h.name) ?? [])])];
}

/** What a person should know before saying yes. */
export function resetWarnings(view: View, intent: ResetIntent): Finding[] {
  const { hosts, except } = intent;
  const retires = resetCandidates(view, intent).some((c) => c.kind === 'vault-retire');
  return [
    ...hosts.flatMap((on) => hostWarnings(view, on)),
    ...except.map(leftOut),
    ...(retires ? vaultWarnings(view) : []),
  ];
}

function hostWarnings(view: View, on: HostId): Finding[] {
  if (factOf(view, on, 'record').is === 'absent')
    return [told('reset.nothing-there', 'info', on, `${on} carries no record of keelson: there is nothing to do`)];
  const { foreign } = remainsOf(view, on);
  if (foreign.length === 0) return [];
  const shown = foreign.slice(0, 5).join(', ');
  const more = foreign.length > 5 ? ` and ${foreign.length - 5} more` : '';
  return [told('reset.left-in-place', 'info', on, `not keelson’s, and left on ${on}: ${shown}${more}`)];
}

function leftOut(on: HostId): Finding {
  return told('reset.left-out', 'warning', on, `${on} is left out: it keeps its data and keys, and the vault stays`);
}

/** Machines can be reset without the identity. What that leaves behind nobody should learn afterwards. */
function vaultWarnings({ facts }: View): Finding[] {
  if (facts.vault.is !== 'known' || facts.vault.value.is !== 'sealed') return [];
  const code = 'reset.vault-sealed';
  const message = `the vault cannot be opened (${facts.vault.value.because.replace(/\.$/, '')}), and is not needed for this: the sealed cluster identity and CA key are put aside unread in its folder retired-…, beside the journals, and stay there`;
  return [{ code, severity: 'warning', message, action: errorCodes[code].action }];
}

function told(code: keyof typeof errorCodes, severity: Finding['severity'], host: HostId, message: string): Finding {
  return { code, severity, host, message, action: errorCodes[code].action };
}
