import type { View } from '../../facts/types.ts';
import type { Finding } from '../../model/finding.ts';
import { type EtcdPhase, isFounded } from '../../ports/vault.ts';
import { finding } from '../finding.ts';
import { list, said } from '../text.ts';
import { GO_ON, lostData, recordOf, traces } from './data.ts';
import type { StatusCheck } from './types.ts';

/** Clusters that the machines say they belong to. */
function owners(view: View): string[] {
  const records = view.desired.members.map((m) => recordOf(view, m.host)).filter((record) => record !== null);
  return [...new Set(records.map((r) => `cluster ${said(r.clusterName)} (${said(r.clusterUid)})`))];
}

/** What keeps the members from being asked. What the machines themselves show is shown all the same. */
export const vault: StatusCheck = ({ view }) => {
  const { vault: fact } = view.facts;
  const shown = `only what the machines show is shown: ${whatRuns(view)}`;
  if (fact.is === 'unknown') {
    const { code = 'vault.unreadable', because } = fact;
    // The vault may be fine: what cannot be used is what opens it.
    const what = code === 'vault.identity-unreadable' ? 'opened' : 'read';
    return [finding(code, 'error', `the vault cannot be ${what}: ${said(because)}; ${shown}`)];
  }
  if (fact.value.is === 'sealed') {
    const { code, because } = fact.value;
    return [finding(code, 'error', `the vault cannot be opened: ${said(because)}; ${shown}`)];
  }
  if (fact.value.is === 'absent') {
    const whose = owners(view);
    if (whose.length === 0) return strangersEtcd(view);
    return [
      finding('safety.vault-lost', 'error', `there is no vault here, and machines belong to ${list(whose)}; ${shown}`),
    ];
  }
  if (fact.value.hasCaKey || view.desired.cluster.phase === 'new') return [];
  const lost = 'the vault has lost the CA’s private key, so that the members cannot be asked';
  return [finding('vault.ca-key-missing', 'error', `${lost}; ${shown}`)];
};

/** `etcd runs on etcd-0 and etcd-1; etcd-2 could not be looked at`. */
function whatRuns(view: View): string {
  const { running, unknown } = traces(view);
  const runs = running.length === 0 ? 'no etcd was seen to run' : `etcd runs on ${list(running)}`;
  return unknown.length === 0 ? runs : `${runs}; ${list(unknown)} could not be looked at`;
}

/** An etcd without a record of keelson’s and without a vault: nothing says whose it is. */
function strangersEtcd(view: View): Finding[] {
  const { running, data } = traces(view);
  if (running.length + data.length === 0) return [];
  const what = running.length > 0 ? `etcd runs on ${list(running)}` : `${list(data)} hold etcd’s data`;
  const message = `${what}, and neither a vault here nor a record there says whose it is`;
  return [finding(running.length > 0 ? 'check.foreign-etcd' : 'safety.foreign-data', 'error', message)];
}

/** How far a cluster has come that is not handed over yet. */
export const founding: StatusCheck = ({ view }) => {
  const { vault: fact } = view.facts;
  if (fact.is === 'unknown' || fact.value.is === 'sealed') return [];
  if (fact.value.is === 'absent' && owners(view).length > 0) return [];
  const { name, phase } = view.desired.cluster;
  if (fact.value.is === 'absent') {
    const { running, data, unknown } = traces(view);
    if (running.length + data.length > 0) return [];
    // With the vault its record of host keys is gone, too: machines that cannot be asked may well belong to a cluster.
    if (unknown.length > 0) {
      const message = `whether ${name} has been founded is not known: there is no vault here, and ${list(unknown)} could not be asked`;
      return [finding('status.not-founded', 'error', message, { action: VAULT_OR_MACHINES })];
    }
  }
  const messages: Readonly<Record<EtcdPhase, string | null>> = {
    new:
      fact.value.is === 'absent'
        ? `${name} has not been founded`
        : `${name} has not been founded; an installation was begun`,
    founding: `the founding of ${name} is not finished: not all members have been seen to vote yet`,
    founded: `the founding of ${name} is not finished: its members are not all hardened and verified`,
    'handed-over': null,
  };
  const message = messages[phase];
  if (message === null) return [];
  return [finding('status.not-founded', 'warning', message, fact.value.is === 'absent' ? {} : { action: GO_ON })];
};

const VAULT_OR_MACHINES =
  'If there was a vault, put its folder back or name it with --vault; else make the machines reachable: keelson hosts trust, keelson check.';

/** What the planner refuses on account of the machines' state; other refusals are of a plan, not of the state. */
const STATE = /^safety\.(?:data-gone|all-data-gone|foreign-|machine-id|twin|vault-old|cluster-id)/;
/** This computer has no bundle: a cluster can be looked at without it. */
const OF_SOFTWARE = /^software\./;
const OF_CONFIGURATION = /^(?:change\.|etcd\.kubeadm-refuses$)/;

export const refusals: StatusCheck = ({ view, plan, cluster }) => {
  if (plan.ok) return [];
  // Without a vault the planner takes every machine for a stranger's; that there is none is told once, elsewhere.
  const { vault: fact } = view.facts;
  const open = fact.is === 'known' && fact.value.is === 'open';
  return plan.refusals.flatMap((refusal): Finding[] => {
    if (OF_SOFTWARE.test(refusal.code)) {
      const message = `whether the machines differ from cluster.yaml is not known: ${refusal.message}`;
      return [{ ...refusal, severity: 'warning', message }];
    }
    if (OF_CONFIGURATION.test(refusal.code)) return [{ ...refusal, severity: 'warning' }];
    if (!STATE.test(refusal.code) || !(open || refusal.code === 'safety.twin')) return [];
    if (refusal.code !== 'safety.data-gone' || cluster.quorumSeen) return [refusal];
    return [{ ...refusal, action: 'Leave it stopped: it cannot be replaced before there is a quorum again.' }];
  });
};

/** Without an open vault the machines' own records still tell that data was lost, and whose machines these are. */
export const unopened: StatusCheck = ({ view }) => {
  const { vault: fact } = view.facts;
  if (fact.is === 'known' && fact.value.is === 'open') return [];
  const inventory = fact.is === 'known' && fact.value.is === 'sealed' ? fact.value.inventory : undefined;
  const { members, cluster } = view.desired;
  const lost = members.flatMap(({ host }) => {
    const what = lostData(view, host);
    return what === null ? [] : [{ host, what }];
  });
  const all = lost.length > 0 && lost.length === members.length;
  const gone = all
    ? [finding('safety.all-data-gone', 'error', `no machine of ${cluster.name} has etcd’s data any more`)]
    : lost.map(({ host, what }) => finding('safety.data-gone', 'error', `${host}: ${what}`, { host }));
  const foreign = members.flatMap(({ host }): Finding[] => {
    const record = recordOf(view, host);
    if (inventory === undefined || record === null || record.clusterUid === inventory.clusterUid) return [];
    return [
      finding('safety.foreign-host', 'error', `${host} belongs to another cluster, ${said(record.clusterName)}`, {
        host,
      }),
    ];
  });
  return [...gone, ...foreign];
};

/** A founded cluster whose members hold another id than the vault’s. */
export const clusterId: StatusCheck = ({ view, cluster }) => {
  const ours = view.desired.cluster.etcdClusterId;
  if (ours === null || !isFounded(view.desired.cluster.phase)) return [];
  const strangers = cluster.clusterIds.filter((id) => id !== ours);
  if (strangers.length === 0) return [];
  const message = `members answer for etcd cluster ${strangers.join(', ')}; the vault knows ${ours}`;
  return [finding('safety.cluster-id', 'error', message)];
};
