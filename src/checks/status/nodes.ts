import type { Finding } from '../../model/finding.ts';
import { finding } from '../finding.ts';
import { minorOf } from '../preflight/types.ts';
import { list, said } from '../text.ts';
import { NEVER_JOINED, nodeStateOf } from './kubernetes.ts';
import { insteadOfApply } from './refused.ts';
import type { ApiServerReport, KubernetesReport, StatusCheck, StatusInput } from './types.ts';

/**
 * Where there is a cluster, or may be one. Of one that is still being made nothing is missed, and without the vault nobody could be asked:
 * findings of their own tell that.
 */
function ofCluster(judge: (input: StatusInput, kubernetes: KubernetesReport) => readonly Finding[]): StatusCheck {
  return (input) => {
    const { kubernetes, view } = input;
    const made = kubernetes?.made !== false && view.desired.cluster.phase === 'handed-over';
    return kubernetes === null || !made ? [] : judge(input, kubernetes);
  };
}

/** etcd is there already; of a stacked one its own founding tells. */
export const notMade: StatusCheck = ({ view, kubernetes, plan }) => {
  const { name, phase } = view.desired.cluster;
  if (kubernetes?.made !== false || phase !== 'handed-over') return [];
  const message = `etcd runs, and the Kubernetes cluster of ${name} has not been made yet`;
  return [finding('status.not-made', 'warning', message, insteadOfApply(plan))];
};

/** One finding when none is ready; else one for each that is not. */
export const apiServers = ofCluster(({ view }, { servers: all }) => {
  // Of a machine that is still to become a control plane its missing node tells.
  const servers = all.filter(({ host }) => nodeStateOf(view, host)?.kubeconfigs.has('admin') !== false);
  if (!servers.some(({ ready }) => ready === true)) {
    const sure = servers.every(({ ready }) => ready === false);
    const each = list(servers.map((server) => `${server.host} (${troubleOf(server)})`));
    if (sure) return [finding('status.no-api-server', 'error', `no API server is ready: ${each}`)];
    const message = `no API server gives an answer from here: ${each}`;
    return [finding('status.api-server-unknown', 'error', message)];
  }
  return servers.flatMap((server): Finding[] => {
    const { host, ready } = server;
    if (ready === true) return [];
    if (ready === false) {
      const message = `the API server on ${host} is not ready: ${troubleOf(server)}`;
      return [finding('status.api-server', 'error', message, { host })];
    }
    // Of a machine that could not be reached that finding speaks.
    if (view.facts.hosts.get(host)?.machine.is !== 'known') return [];
    const message = `whether the API server on ${host} is ready is not known: ${troubleOf(server)}`;
    return [finding('status.api-server-unknown', 'error', message, { host })];
  });
});

function troubleOf({ failing, problem }: ApiServerReport): string {
  if (problem !== null) return said(problem);
  return failing.length === 0 ? 'it does not say why' : `${list(failing.map(said))} failed`;
}

/** The kubelet ends a static pod as soon as its manifest is gone. */
export const staticPods = ofCluster(({ view }) => {
  const stacked = view.desired.config.spec.etcd.topology === 'stacked';
  const components = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', ...(stacked ? ['etcd'] : [])];
  return view.desired.nodes.flatMap(({ host, role }): Finding[] => {
    const state = role === 'control-plane' ? nodeStateOf(view, host) : null;
    // kubeadm writes admin.conf first: without it the machine has not been made a control plane yet.
    if (state === null || !state.kubeconfigs.has('admin') || state.kubeadmPids.length > 0) return [];
    const missing = components.filter((name) => !state.manifests.has(name));
    if (missing.length === 0) return [];
    const what = `/etc/kubernetes/manifests on ${host} has no ${list(missing.map((name) => `${name}.yaml`))}`;
    const pods = missing.length === 1 ? `its ${missing[0]} does not run` : 'these do not run';
    return [finding('status.manifest-missing', 'error', `${what}: ${pods}`, { host })];
  });
});

export const nodes = ofCluster(({ plan }, kubernetes) => {
  if (!kubernetes.asked) return [];
  return kubernetes.nodes.flatMap(({ name, host, ready, kubeletVersion, problem }): Finding[] => {
    if (host === null) {
      return [
        finding(
          'status.node-unknown',
          'warning',
          `the cluster has a node ${said(name)} that cluster.yaml does not list`,
        ),
      ];
    }
    if (ready !== false) return [];
    // A node that is there names its kubelet, even before it is Ready.
    if (kubeletVersion === null && problem === NEVER_JOINED) {
      const message = `${name} is not a node of the cluster: it has not joined, or was removed`;
      return [finding('status.node-missing', 'error', message, { host, ...insteadOfApply(plan) })];
    }
    const message = `node ${name} is not Ready: ${said(problem ?? '') || 'its kubelet does not say why'}`;
    return [finding('status.node-not-ready', 'error', message, { host })];
  });
});

export const leases = ofCluster((_input, { leases: found }) =>
  found.flatMap(({ name, holder, renewedAt, held }): Finding[] => {
    if (held) return [];
    const last =
      holder === null
        ? 'its lease in kube-system has no holder'
        : `${said(holder)} has not renewed its lease since ${said(renewedAt ?? 'it took it')}`;
    return [finding('status.no-lease-holder', 'error', `no ${name} is at work: ${last}`)];
  }),
);

/** A kubelet may be this many minor versions older than any API server that it may come to ask. */
const KUBELET_BEHIND = 3;

/** Source: "Version Skew Policy". */
export const kubernetesSkew = ofCluster((_input, { servers, nodes: all }) => {
  const versions = servers.flatMap(({ host, version }) =>
    version === null || Number.isNaN(minorOf(version)) ? [] : [{ host, version, minor: minorOf(version) }],
  );
  const [first, ...rest] = versions;
  if (first === undefined) return [];
  const oldest = rest.reduce((a, b) => (b.minor < a.minor ? b : a), first);
  const newest = rest.reduce((a, b) => (b.minor > a.minor ? b : a), first);
  const apart = `the API servers are more than one minor version apart: ${newest.version} on ${newest.host}, ${oldest.version} on ${oldest.host}`;
  return [
    ...(newest.minor - oldest.minor > 1 ? [finding('status.kubernetes-skew', 'error', apart)] : []),
    ...all.flatMap(({ name, host, kubeletVersion }): Finding[] => {
      const behind = kubeletVersion === null ? 0 : oldest.minor - minorOf(kubeletVersion);
      if (Number.isNaN(behind) || (behind >= 0 && behind <= KUBELET_BEHIND)) return [];
      const how = behind < 0 ? 'newer than' : `more than ${KUBELET_BEHIND} minor versions older than`;
      const message = `the kubelet of ${said(name)} is ${said(kubeletVersion ?? '')}, ${how} the API server on ${oldest.host} (${oldest.version})`;
      return [finding('status.kubernetes-skew', 'error', message, host === null ? {} : { host })];
    }),
  ];
});
