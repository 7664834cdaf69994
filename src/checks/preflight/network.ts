import { belongsToEtcd } from '../../facts/preflight/peers.ts';
import type { Listener } from '../../facts/preflight/types.ts';
import type { Finding } from '../../model/finding.ts';
import { finding } from '../finding.ts';
import { list, said } from '../text.ts';
import { type Check, ofEachHost, type Subject, subjects } from './types.ts';

interface NeededPort {
  address: string;
  port: number;
  program: 'etcd' | 'kubelet';
  what: string;
}

export function neededPorts({ view, host }: Subject): NeededPort[] {
  const { etcd, kubelet } = view.desired.config.spec;
  const { address } = host.member;
  const loopback = address.includes(':') ? '::1' : '127.0.0.1';
  // A kubelet's port of 0 is switched off.
  const own = (field: string, fallback: number): number =>
    typeof kubelet[field] === 'number' ? kubelet[field] : fallback;
  const ports: NeededPort[] = [
    { address, port: etcd.ports.client, program: 'etcd', what: 'etcd’s clients' },
    { address, port: etcd.ports.peer, program: 'etcd', what: 'etcd’s members' },
    { address: loopback, port: etcd.ports.metrics, program: 'etcd', what: 'etcd’s metrics' },
    { address: '127.0.0.1', port: own('healthzPort', 10248), program: 'kubelet', what: 'the kubelet’s health' },
    { address: '127.0.0.1', port: own('port', 10250), program: 'kubelet', what: 'the kubelet' },
  ];
  return ports.filter(({ port }) => port !== 0);
}

/** Whether a socket on one address keeps another program from listening on the other. */
export function overlaps(listener: Listener, needed: { address: string; port: number }): boolean {
  if (listener.port !== needed.port) return false;
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
    if (taken.process === needed.program && (needed.program === 'kubelet' || etcdIsOurs)) return null;
    const who =
      taken.process === null
        ? 'an unknown program'
        : `${said(taken.process)}${taken.pid === null ? '' : ` (pid ${taken.pid})`}`;
    return say('error', `port ${needed.port} on ${id}, for ${needed.what}, is taken by ${who}`);
  });
});

export const address = ofEachHost('check.address', (subject, say) => {
  const { id, view, host, preflight } = subject;
  const { self } = preflight.peers ?? {};
  if (self?.is !== 'failed' || belongsToEtcd(view, id)) return [];
  // A taken port is that check's; without the program that listens, nothing is known.
  const peer = { address: host.member.address, port: view.desired.config.spec.etcd.ports.peer };
  if (preflight.listeners?.some((l) => overlaps(l, peer)) !== false) return [];
  if (cannotListen(subject)) return [];
  return [
    say('error', `${id} cannot listen on ${host.member.address}, its address in cluster.yaml (${said(self.why)})`),
  ];
});

function cannotListen({ facts }: Subject): boolean {
  return facts.machine?.missingTools.includes('systemd-socket-activate') ?? true;
}

export const peers: Check = {
  code: 'check.peers',
  judge: (input) => {
    const all = subjects(input);
    const { peer } = input.view.desired.config.spec.etcd.ports;
    return all.flatMap((target): Finding[] => {
      // Where nobody listens, a refusal proves nothing.
      if (target.preflight.peers?.self.is !== 'reached') return [];
      const asked = all.flatMap((from) => {
        const reach = from.preflight.peers?.others.get(target.host.member.address);
        return reach === undefined ? [] : [{ from: from.id, reach }];
      });
      const failed = asked.flatMap(({ from, reach }) =>
        reach.is === 'failed' ? [{ from, why: said(reach.why) }] : [],
      );
      if (failed.length === 0) return [];
      const place = `${target.id} on port ${peer}`;
      if (failed.length === asked.length && failed.length > 1) {
        return [
          finding('check.peers', 'error', `no other machine reaches ${place} (${failed[0]?.why})`, { host: target.id }),
        ];
      }
      return failed.map(({ from, why }) =>
        finding('check.peers', 'error', `${from} does not reach ${place} (${why})`, { host: from }),
      );
    });
  },
};

export const forwarding = ofEachHost('check.forwarding', ({ id, preflight }, say) => [
  preflight.forwarding?.is === 'refused'
    ? say('error', `sshd on ${id} does not forward connections to etcd (${said(preflight.forwarding.why)})`)
    : null,
]);

export const foreignEtcd = ofEachHost('check.foreign-etcd', (subject, say) => {
  const { id, view, facts, preflight } = subject;
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

export const foreignNode = ofEachHost('check.foreign-node', ({ id, preflight }, say) => {
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
