import type { ClusterConfig } from '../../config/schema.ts';
import { API_SERVER_PORT } from '../../desired/kubeadm-cluster.ts';
import type { Node } from '../../desired/nodes.ts';
import type { Member } from '../../desired/types.ts';
import { belongsToEtcd } from '../../facts/preflight/peers.ts';
import type { Listener, PeersFact } from '../../facts/preflight/types.ts';
import { waysOf } from '../../facts/preflight/ways.ts';
import type { Finding } from '../../model/finding.ts';
import { parseIp } from '../../model/ip.ts';
import { finding } from '../finding.ts';
import { list, said } from '../text.ts';
import { type Check, isOurs, ofEachHost, type Say, type Subject, subjects } from './types.ts';

type EtcdPorts = ClusterConfig['spec']['etcd']['ports'];

export interface NeededPort {
  /** `*` for all of them. */
  address: string;
  port: number;
  program: string;
  what: string;
}

export function neededPorts(subject: Subject): NeededPort[] {
  const { view, member, node } = subject;
  const { etcd, kubelet } = view.desired.config.spec;
  // A kubelet's port of 0 is switched off.
  const own = (field: string, fallback: number): number =>
    typeof kubelet[field] === 'number' ? kubelet[field] : fallback;
  const ports: NeededPort[] = [
    ...(member === null ? [] : etcdPorts(member, etcd.ports, node !== null)),
    ...(node === null ? [] : nodePorts(subject, node)),
    ...balancerPorts(subject),
  ];
  if (member !== null || node !== null) {
    const address = node === null ? '127.0.0.1' : '*';
    ports.push(
      { address: '127.0.0.1', port: own('healthzPort', 10248), program: 'kubelet', what: 'the kubelet’s health' },
      { address, port: own('port', 10250), program: 'kubelet', what: 'the kubelet' },
    );
  }
  return ports.filter(({ port }) => port !== 0);
}

/** Before an init or a join kubeadm looks at all addresses, whichever the program will listen on. */
function etcdPorts({ address }: Member, ports: EtcdPorts, byKubeadm: boolean): NeededPort[] {
  const loopback = address.includes(':') ? '::1' : '127.0.0.1';
  const at = byKubeadm ? '*' : address;
  return [
    { address: at, port: ports.client, program: 'etcd', what: 'etcd’s clients' },
    { address: at, port: ports.peer, program: 'etcd', what: 'etcd’s members' },
    { address: loopback, port: ports.metrics, program: 'etcd', what: 'etcd’s metrics' },
  ];
}

/** Programs by the names that the kernel shows, cut after 15 characters. */
function nodePorts({ view }: Subject, node: Node): NeededPort[] {
  const proxy = { address: '*', port: 10256, program: 'kube-proxy', what: 'kube-proxy’s health' };
  if (node.role === 'worker') return [proxy];
  const port = view.desired.config.spec.controlPlane?.apiServerPort ?? API_SERVER_PORT;
  return [
    { address: '*', port, program: 'kube-apiserver', what: 'the API server' },
    { address: '*', port: 10257, program: 'kube-controller', what: 'the controller manager' },
    { address: '*', port: 10259, program: 'kube-scheduler', what: 'the scheduler' },
    proxy,
  ];
}

function balancerPorts({ view, id }: Subject): NeededPort[] {
  const { loadBalancer } = view.desired;
  if (loadBalancer?.kind !== 'haproxy-keepalived' || !loadBalancer.hosts.some(({ host }) => host === id)) return [];
  return [{ address: '*', port: loadBalancer.port, program: 'haproxy', what: 'the load balancer' }];
}

/** Whether a socket on one address keeps another program from listening on the other. */
export function overlaps(listener: Listener, needed: { address: string; port: number }): boolean {
  if (listener.port !== needed.port) return false;
  if (needed.address === '*') return true;
  const six = needed.address.includes(':');
  return [needed.address, '*', six ? '::' : '0.0.0.0'].includes(listener.address);
}

export const ports = ofEachHost('check.port', (subject, say) => {
  const { id, view, facts, preflight } = subject;
  if (preflight.listeners === undefined) return [];
  // Our own etcd is the one with our data directory, on a machine that has a manifest.
  const etcdIsOurs = belongsToEtcd(view, id) && facts.etcdProcess?.is === 'running';
  return neededPorts(subject).map((needed) => {
    const taken = preflight.listeners?.find((l) => overlaps(l, needed));
    if (taken === undefined) return null;
    const ours = needed.program === 'etcd' ? etcdIsOurs : needed.program === 'kubelet' || isOurs(subject);
    if (taken.process === needed.program && ours) return null;
    const who =
      taken.process === null
        ? 'an unknown program'
        : `${said(taken.process)}${taken.pid === null ? '' : ` (pid ${taken.pid})`}`;
    return say('error', `port ${needed.port} on ${id}, for ${needed.what}, is taken by ${who}`);
  });
});

export const address = ofEachHost('check.address', (subject, say) => {
  const { id, view, machine, preflight } = subject;
  const { self } = preflight.peers ?? {};
  if (self?.is !== 'failed' || belongsToEtcd(view, id)) return hasNot(subject, say);
  // A taken port is that check's; without the program that listens, nothing is known.
  const peer = { address: machine.address, port: view.desired.config.spec.etcd.ports.peer };
  if (preflight.listeners?.some((l) => overlaps(l, peer)) !== false) return [];
  if (cannotListen(subject)) return [];
  return [say('error', `${id} cannot listen on ${machine.address}, its address in cluster.yaml (${said(self.why)})`)];
});

/** A node tells its addresses itself. */
function hasNot({ id, machine, preflight }: Subject, say: Say): Finding[] {
  const addresses = preflight.fitness?.addresses ?? [];
  const own = parseIp(machine.address);
  if (addresses.length === 0 || own === null) return [];
  if (addresses.some(({ cidr }) => sameBytes(parseIp(cidr.replace(/\/.*$/, '')), own))) return [];
  return [say('error', `${id} does not have the address ${machine.address} that cluster.yaml gives it`)];
}

function sameBytes(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && a.length === b.length && a.every((byte, n) => byte === b[n]);
}

function cannotListen({ facts }: Subject): boolean {
  return facts.machine?.missingTools.includes('systemd-socket-activate') ?? true;
}

export const peers: Check = {
  code: 'check.peers',
  judge: (input) => {
    const all = subjects(input);
    const { peer } = input.view.desired.config.spec.etcd.ports;
    return [
      ...unreachable(all, peer, ({ preflight }) => preflight.peers),
      ...waysOf(input.view.desired).flatMap(({ port }) =>
        unreachable(all, port, ({ preflight }) => preflight.ways?.get(port)),
      ),
    ];
  },
};

function unreachable(
  all: readonly Subject[],
  port: number,
  factOf: (subject: Subject) => PeersFact | undefined,
): Finding[] {
  return all.flatMap((target): Finding[] => {
    // Where nobody listens, a refusal proves nothing.
    if (factOf(target)?.self?.is !== 'reached') return [];
    const asked = all.flatMap((from) => {
      const reach = factOf(from)?.others.get(target.machine.address);
      return reach === undefined ? [] : [{ from: from.id, reach }];
    });
    const failed = asked.flatMap(({ from, reach }) => (reach.is === 'failed' ? [{ from, why: said(reach.why) }] : []));
    if (failed.length === 0) return [];
    const place = `${target.id} on port ${port}`;
    if (failed.length === asked.length && failed.length > 1) {
      return [
        finding('check.peers', 'error', `no other machine reaches ${place} (${failed[0]?.why})`, { host: target.id }),
      ];
    }
    return failed.map(({ from, why }) =>
      finding('check.peers', 'error', `${from} does not reach ${place} (${why})`, { host: from }),
    );
  });
}

export const forwarding = ofEachHost('check.forwarding', ({ id, member, preflight }, say) => {
  const to = member === null ? 'the API server' : 'etcd';
  return [
    preflight.forwarding?.is === 'refused'
      ? say('error', `sshd on ${id} does not forward connections to ${to} (${said(preflight.forwarding.why)})`)
      : null,
  ];
});

export const foreignEtcd = ofEachHost('check.foreign-etcd', (subject, say) => {
  const { id, view, member, facts, preflight } = subject;
  // Where none is to run, a stranger's disturbs nobody.
  if (member === null) return [];
  const own = neededPorts(subject).filter((needed) => needed.program === 'etcd');
  const ours = belongsToEtcd(view, id) && facts.etcdProcess?.is === 'running';
  const foreign = (preflight.listeners ?? []).filter(
    (l) => l.process === 'etcd' && !(ours && own.some((needed) => overlaps(l, needed))),
  );
  if (foreign.length === 0) return [];
  return [
    say(
      'error',
      `an etcd that is not this cluster’s runs on ${id}, on ${list(foreign.map((l) => `${l.address}:${l.port}`))}`,
    ),
  ];
});

/** As the kernel shows them, cut after 15 characters. */
const NODE_PROGRAMS = ['kube-apiserver', 'kube-controller', 'kube-scheduler', 'kube-proxy'];

export const foreignNode = ofEachHost('check.foreign-node', (subject, say) => {
  const { id, node, preflight } = subject;
  if (node !== null && isOurs(subject)) return [];
  const running = NODE_PROGRAMS.filter((name) => preflight.listeners?.some((l) => l.process === name));
  const signs = [...(preflight.nodeFiles ?? []).map((path) => `has ${path}`), ...running.map((name) => `runs ${name}`)];
  if (signs.length === 0) return [];
  return [say('error', `${id} is a machine of a Kubernetes cluster: it ${list(signs)}`)];
});

export const hostKeys: Check = {
  code: 'check.host-key',
  judge: (input) => {
    const all = subjects(input);
    return all.flatMap((one, n) =>
      all.slice(n + 1).flatMap((other) => {
        const shared = one.preflight.hostKeys?.find((key) => other.preflight.hostKeys?.includes(key));
        if (shared === undefined) return [];
        const type = shared.split(' ')[0] ?? '';
        return [
          finding(
            'check.host-key',
            'error',
            `${one.id} and ${other.id} have the same ${said(type)} host key: SSH cannot tell them apart`,
            { host: other.id },
          ),
        ];
      }),
    );
  },
};
