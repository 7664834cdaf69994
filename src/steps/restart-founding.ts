import { quorumOf } from '../desired/members.ts';
import { paths } from '../desired/paths.ts';
import type { FilesFact } from '../facts/types.ts';
import { errorCodes } from '../model/codes.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import { clearData, endStaticPod } from '../ports/commands/reset.ts';
import { isFounded } from '../ports/vault.ts';
import { factOf, needed } from './compare.ts';
import { kubeadmConfigOn } from './kubeadm-config.ts';
import { must } from './must.ts';
import { hostsParam, noParams } from './params.ts';
import { type Change, defineStep, type View } from './types.ts';

/** What there is on a machine of the founding that is under way. */
export interface Trace {
  manifest: boolean;
  process: boolean;
  data: boolean;
}

/**
 * null when etcd was never to be started on the machine, or by an earlier founding that has been started over since: kubeadm's
 * configuration is written before the manifest, stays when the rest is cleared, and names the token.
 */
export function traceOf(view: View, on: HostId): Trace | null {
  const files = factOf(view, on, 'files');
  const manifest = exists(files, paths.manifest);
  const process = factOf(view, on, 'etcdProcess').is === 'running';
  const found = factOf(view, on, 'etcdData').is;
  const data = found === 'data' || found === 'remains';
  const config = files.text.get(paths.kubeadmConfig);
  const { token } = view.desired.cluster;
  if (config === undefined || token === null) return null;
  return config.includes(token) || manifest || process || data ? { manifest, process, data } : null;
}

function exists(files: FilesFact, path: string): boolean {
  const fact = files.at.get(path);
  return fact !== undefined && fact.is !== 'absent';
}

/** Ends etcd on one machine; its data stays. */
export const foundingStop = defineStep({
  kind: 'founding-stop',
  risk: 'disruptive',
  attempts: 2,
  settleMs: 10_000,
  parse: noParams,
  title: (_params, on) => `stop etcd on ${on}, whose founding starts over`,
  reads: (_params, on) => traceReads(on),
  judge: (_params, view, on) => {
    const problem = restartProblem(view);
    if (problem !== null) return { is: 'blocked', finding: problem };
    const trace = traceOf(view, on);
    const changes: Change[] = [];
    if (trace?.manifest) changes.push({ summary: `remove ${paths.manifest}` });
    if (trace?.manifest || trace?.process) changes.push({ summary: 'end etcd' });
    return needed(changes);
  },
  apply: (_params, world, view) => must(world, endStaticPod(paths.manifest, view.desired.config.spec.etcd.dataDir)),
});

/** Empties the data directory of one machine, when etcd is stopped on all. */
export const foundingClear = defineStep({
  kind: 'founding-clear',
  risk: 'destructive',
  attempts: 2,
  settleMs: 10_000,
  parse: noParams,
  title: (_params, on) => `remove what etcd on ${on} has written in a founding without quorum`,
  reads: (_params, on) => traceReads(on),
  judge: (_params, view, on) => {
    const problem = restartProblem(view);
    if (problem !== null) return { is: 'blocked', finding: problem };
    const trace = traceOf(view, on);
    const { dataDir } = view.desired.config.spec.etcd;
    if (trace?.data) return needed([{ summary: `empty ${dataDir}` }]);
    // Until it is stopped etcd may still write.
    return needed(
      trace?.manifest || trace?.process ? [{ summary: `empty ${dataDir}, if etcd has written anything by then` }] : [],
    );
  },
  apply: (_params, world, view) => must(world, clearData(view.desired.config.spec.etcd.dataDir, 'keep')),
});

/** Another token: what one founding has left, and this run could not see, can never be a member of the next. */
export const foundingRestart = defineStep({
  kind: 'founding-restart',
  risk: 'safe',
  attempts: 1,
  settleMs: 0,
  parse: (params) => ({ hosts: hostsParam(params) }),
  title: () => 'begin the founding anew in the vault, with another token',
  reads: ({ hosts }) => ['vault', ...hosts.flatMap((on) => traceReads(on))],
  judge: ({ hosts }, view) => {
    const problem = restartProblem(view);
    if (problem !== null) return { is: 'blocked', finding: problem };
    const traces = hosts.map((on) => ({ on, trace: traceOf(view, on) })).filter((t) => t.trace !== null);
    const left = traces.find(({ trace }) => trace?.manifest || trace?.process || trace?.data);
    if (left !== undefined)
      return {
        is: 'blocked',
        finding: refused(`etcd on ${left.on} is not stopped and cleared`, 'Run the same command again.'),
      };
    return needed(traces.length === 0 ? [] : [{ summary: 'etcd’s initial-cluster-token: another one' }]);
  },
  apply: (_params, world, { desired }) => world.vault.restartFounding(`${desired.cluster.name}-${world.random.hex(8)}`),
});

function traceReads(on: HostId) {
  return [
    { on, fact: 'files' },
    { on, fact: 'etcdData' },
    { on, fact: 'etcdProcess' },
  ] as const;
}

/**
 * Why the founding may not start over: it is not certain that it never had a quorum. etcd writes as soon as it starts, so that fewer
 * machines with data than a quorum can never have had one. What etcd has written says nothing: a member cannot prove what others agreed on.
 */
export function restartProblem(view: View): Finding | null {
  const { desired, facts } = view;
  if (isFounded(desired.cluster.phase))
    return refused(
      'the vault records that the cluster was founded',
      'See keelson status; a founded cluster is never founded again.',
    );
  if (desired.cluster.phase !== 'founding') return null;
  if (facts.etcd.is === 'known') {
    for (const [on, { status }] of facts.etcd.value.endpoints) {
      // etcd begins to answer clients when it has made itself known to a quorum.
      if (status.is === 'ok') return refused(`etcd on ${on} answers, and so has had a quorum`);
    }
  }
  const listed = desired.members.flatMap(({ host }) => initialMembers(view, host));
  const strange = listed.flat().find((name) => !desired.members.some((m) => m.name === name));
  if (strange !== undefined)
    return refused(
      `${strange} was to be a member and is not in cluster.yaml: whether it holds data is not known`,
      `Put ${strange} back into cluster.yaml, or reset the cluster.`,
    );
  const need = quorumOf(Math.min(desired.members.length, ...listed.map((names) => names.length)));
  const holders = desired.members.filter(({ host }) => {
    const data = facts.hosts.get(host)?.etcdData;
    return data?.is === 'known' && data.value.is === 'data';
  });
  if (holders.length < need) return null;
  return refused(
    `${holders.map((m) => m.host).join(', ')} hold data: ${holders.length} members may have had the quorum of ${need}`,
  );
}

/** Members that the founding's own configuration on a machine names; nothing where there is none. */
function initialMembers(view: View, on: HostId): string[][] {
  const files = view.facts.hosts.get(on)?.files;
  const text = files?.is === 'known' ? files.value.text.get(paths.kubeadmConfig) : undefined;
  const list = text === undefined ? null : kubeadmConfigOn(text).initialCluster;
  return list === null ? [] : [list.split(',').map((entry) => entry.slice(0, entry.indexOf('=')))];
}

function refused(message: string, action: string = errorCodes['safety.founding-quorum'].action): Finding {
  return { code: 'safety.founding-quorum', severity: 'error', message, action };
}
