import { overlap, type Prefix, parsePrefix } from '../../config/prefix.ts';
import type { FitnessFact } from '../../facts/preflight/types.ts';
import { list, said, size } from '../text.ts';
import { isIgnored, isOurs, ofEachHost } from './types.ts';

// kubeadm's own limits: https://github.com/kubernetes/kubernetes/blob/v1.36.3/cmd/kubeadm/app/constants/constants.go
const CPUS = 2;
const MEMORY_KIB = 1700 * 1024;
/** What the documentation asks for. */
const GOOD_MEMORY_KIB = 2 * 1024 * 1024;
/** A machine of 2 GB shows less: the kernel keeps some for itself. */
const KEPT_BY_KERNEL = 0.92;

export const processors = ofEachHost('check.processors', (subject, say) => {
  const { id, node, preflight } = subject;
  const cpus = preflight.fitness?.cpus ?? CPUS;
  if (node?.role !== 'control-plane' || cpus >= CPUS) return [];
  const severity = isIgnored(subject, 'NumCPU') ? 'warning' : 'error';
  return [
    say(severity, `${id} has ${cpus === 1 ? 'one processor' : `${cpus} processors`}; a control plane needs ${CPUS}`),
  ];
});

export const memory = ofEachHost('check.memory', (subject, say) => {
  const { id, node, preflight } = subject;
  const kib = preflight.fitness?.memoryKiB;
  if (node === null || kib === undefined || kib >= KEPT_BY_KERNEL * GOOD_MEMORY_KIB) return [];
  const has = `${id} has ${size(kib * 1024)} of memory`;
  if (node.role === 'worker') return [say('warning', `${has}; 2 GiB is the least that leaves room for pods`)];
  if (kib >= MEMORY_KIB) return [say('warning', `${has}; a control plane should have 2 GiB`)];
  return [
    say(
      isIgnored(subject, 'Mem') ? 'warning' : 'error',
      `${has}; kubeadm refuses a control plane with less than 1700 MiB`,
    ),
  ];
});

/** Interfaces that a pod network makes: its addresses are where they belong. */
const OF_PODS = /^(?:cni|flannel|veth|cali|tunl|vxlan|cilium|lxc|kube-|nodelocaldns|weave|antrea|ovn)/;

interface Taken {
  prefix: Prefix;
  text: string;
}

/** Pods and Services may have no address that leads elsewhere: connections there would end in the cluster. */
export const networks = ofEachHost('check.networks', (subject, say) => {
  const { id, view, node, preflight } = subject;
  if (node === null || preflight.fitness === undefined || (isOurs(subject) && hasJoined(subject.facts.node))) return [];
  const { podSubnet, serviceSubnet } = view.desired.config.spec.network;
  const taken = takenBy(preflight.fitness);
  return [
    { field: 'podSubnet', text: podSubnet },
    { field: 'serviceSubnet', text: serviceSubnet },
  ].flatMap(({ field, text }) =>
    text.split(',').flatMap((one) => {
      const wanted = parsePrefix(one.trim());
      const hits = wanted === null ? [] : taken.filter(({ prefix }) => overlap(wanted, prefix));
      if (hits.length === 0) return [];
      return [
        say('error', `spec.network.${field} ${one} overlaps ${list(hits.map((hit) => said(hit.text)))} of ${id}`),
      ];
    }),
  );
});

function hasJoined(state: { kubeconfigs: ReadonlySet<string> } | null | undefined): boolean {
  return state?.kubeconfigs.has('kubelet') === true;
}

function takenBy({ addresses, routes }: FitnessFact): Taken[] {
  const own = addresses.map(({ interface: name, cidr }) => ({ name, cidr, text: `the address ${cidr} of ${name}` }));
  const ways = routes.map(({ interface: name, destination }) => {
    const cidr = destination.includes('/') ? destination : `${destination}/${destination.includes(':') ? 128 : 32}`;
    return { name, cidr, text: `the route to ${destination} by ${name}` };
  });
  const found = [...own, ...ways].flatMap(({ name, cidr, text }) => {
    const prefix = parsePrefix(cidr);
    return prefix === null || prefix.bits === 0 || OF_PODS.test(name) ? [] : [{ prefix, text }];
  });
  // An address brings the route to its own network with it.
  return found.filter((one, n) => !found.slice(0, n).some((before) => samePrefix(before.prefix, one.prefix)));
}

function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.bits === b.bits && overlap(a, b);
}
