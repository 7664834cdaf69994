import type { Finding } from '../../model/finding.ts';
import { isFounded } from '../../ports/vault.ts';
import { finding } from '../finding.ts';
import { said } from '../text.ts';
import { lostData, recordedClusterId } from './data.ts';
import type { StatusCheck } from './types.ts';

/** What keeps the members from being asked. What the machines themselves show is shown all the same. */
export const vault: StatusCheck = ({ view }) => {
  const { vault: fact } = view.facts;
  const shown = 'only what the machines show is shown';
  if (fact.is === 'unknown')
    return [
      finding(fact.code ?? 'vault.unreadable', 'error', `the vault cannot be read: ${said(fact.because)}; ${shown}`),
    ];
  if (fact.value.is === 'sealed')
    return [finding(fact.value.code, 'error', `the vault cannot be opened: ${said(fact.value.because)}; ${shown}`)];
  if (fact.value.is === 'absent') {
    const known = view.desired.members.some((m) => recordedClusterId(view, m.host) !== null);
    return known
      ? [
          finding(
            'status.not-asked',
            'error',
            `there is no vault here, and the machines belong to a founded cluster; ${shown}`,
          ),
        ]
      : [];
  }
  if (fact.value.hasCaKey || view.desired.cluster.phase === 'new') return [];
  return [
    finding(
      'vault.ca-key-missing',
      'error',
      `the vault has lost the CA’s private key, so that the members cannot be asked; ${shown}`,
    ),
  ];
};

/** How far a cluster has come that is not handed over yet. */
export const founding: StatusCheck = ({ view }) => {
  const { vault: fact } = view.facts;
  if (fact.is === 'unknown' || fact.value.is === 'sealed') return [];
  if (fact.value.is === 'absent' && view.desired.members.some((m) => recordedClusterId(view, m.host) !== null))
    return [];
  const { name, phase } = view.desired.cluster;
  const said: Readonly<Record<typeof phase, string | null>> = {
    new: `${name} has not been founded`,
    founding: `${name} is being founded: members may have been started, all of them together have not been seen yet`,
    founded: `${name} is founded and not handed over: its members are not all hardened and verified`,
    'handed-over': null,
  };
  const message = said[phase];
  return message === null ? [] : [finding('status.not-founded', 'warning', message)];
};

/** What the planner refuses on account of the machines' state; other refusals are of a plan, not of the state. */
const STATE = /^safety\.(?:data-gone|all-data-gone|foreign-|machine-id|twin|vault-|cluster-id)/;

export const refusals: StatusCheck = ({ view, plan }) => {
  if (plan.ok) return [];
  // Without the vault's content the planner takes every machine for a stranger's.
  const sure = view.facts.vault.is === 'known' && view.facts.vault.value.is !== 'sealed';
  return plan.refusals.flatMap((refusal): Finding[] => {
    if (STATE.test(refusal.code)) return sure || refusal.code === 'safety.twin' ? [refusal] : [];
    if (/^change\.|^etcd\.kubeadm-refuses$/.test(refusal.code)) return [{ ...refusal, severity: 'warning' }];
    return [];
  });
};

/** With a sealed vault the machines' own records still tell that data was lost, and whose machines these are. */
export const sealedMachines: StatusCheck = ({ view }) => {
  const { vault: fact } = view.facts;
  if (fact.is === 'known' && fact.value.is === 'open') return [];
  const inventory = fact.is === 'known' && fact.value.is === 'sealed' ? fact.value.inventory : undefined;
  return view.desired.members.flatMap(({ host }): Finding[] => {
    const found: Finding[] = [];
    const lost = lostData(view, host);
    if (lost !== null) found.push(finding('safety.data-gone', 'error', `${host}: ${lost}`, { host }));
    const record = view.facts.hosts.get(host)?.record;
    if (inventory === undefined || record?.is !== 'known' || record.value.is !== 'record') return found;
    if (record.value.record.clusterUid === inventory.clusterUid) return found;
    const { clusterName } = record.value.record;
    return [
      ...found,
      finding('safety.foreign-host', 'error', `${host} belongs to another cluster, ${said(clusterName)}`, { host }),
    ];
  });
};

/** A founded cluster whose members hold another id than the vault’s. */
export const clusterId: StatusCheck = ({ view, cluster }) => {
  const ours = view.desired.cluster.etcdClusterId;
  if (ours === null || !isFounded(view.desired.cluster.phase)) return [];
  const strangers = cluster.clusterIds.filter((id) => id !== ours);
  if (strangers.length === 0) return [];
  return [
    finding(
      'safety.cluster-id',
      'error',
      `members answer for etcd cluster ${strangers.join(', ')}; the vault knows ${ours}`,
    ),
  ];
};
