import { parseIp } from '../../model/ip.ts';
import { addressFamily, parseEndpoint } from '../address.ts';
import type { ConfigDraft } from '../draft.ts';
import type { FieldProblem } from '../issues.ts';
import { contains, overlap } from '../prefix.ts';
import { type ClusterNetwork, clusterNetworks } from './cluster-networks.ts';
import { hostsOf, hostsWith } from './hosts.ts';
import type { ConfigRule } from './types.ts';

/** Pods, Services and machines need addresses of their own: a packet for one must never look like one for another. */
export const networkOverlap: ConfigRule = (draft) => {
  if (!hasNodes(draft)) return [];
  const networks = clusterNetworks(draft);
  const [pods, services] = networks;
  const action = 'choose a private network that nothing else uses';
  if (pods !== undefined && services !== undefined && overlap(pods.prefix, services.prefix)) {
    const message = `${pods.text} overlaps serviceSubnet, ${services.text}`;
    return [{ code: 'config.network-overlap', path: pathOf(pods), message, action }];
  }
  const outside = addressesOutside(draft);
  return networks.flatMap((network): FieldProblem[] => {
    const found = outside.find(({ address }) => contains(network.prefix, parseIp(address) ?? new Uint8Array()));
    if (found === undefined) return [];
    const message = `${network.text} holds ${found.address}, the address of ${found.whose}`;
    return [{ code: 'config.network-overlap', path: pathOf(network), message, action }];
  });
};

/** One family: what joins the machines carries the others. */
export const networkFamily: ConfigRule = (draft) => {
  if (!hasNodes(draft)) return [];
  const [machine] = hostsOf(draft).flatMap(({ address }) => (address === undefined ? [] : [address]));
  const networks = clusterNetworks(draft);
  if (machine === undefined) return [];
  const family = addressFamily(machine);
  return networks
    .filter(({ text }) => addressFamily(text) !== family)
    .map((network) => ({
      code: 'config.address-family',
      path: pathOf(network),
      message: `${network.text} is no ${family} network, and the machines have ${family} addresses`,
      action: 'use one family for the whole cluster',
    }));
};

/** kubeadm refuses networks beyond these bounds. https://github.com/kubernetes/kubernetes/blob/v1.36.3/cmd/kubeadm/app/apis/kubeadm/validation/validation.go */
const bounds = {
  IPv4: { nodeBits: 24, flag: 'node-cidr-mask-size-ipv4', service: { min: 12, max: 28 } },
  IPv6: { nodeBits: 64, flag: 'node-cidr-mask-size-ipv6', service: { min: 108, max: 124 } },
} as const;
/** Between a network and one node's part of it. */
const MAX_DIFFERENCE = 16;

export const networkSize: ConfigRule = (draft) => {
  if (!hasNodes(draft)) return [];
  return clusterNetworks(draft).flatMap((network): FieldProblem[] => {
    const { text, prefix, name } = network;
    const { service, nodeBits, flag } = bounds[addressFamily(text)];
    const at = (message: string, action: string): FieldProblem[] => [
      { code: 'config.network-size', path: pathOf(network), message, action },
    ];
    if (name === 'serviceSubnet') {
      if (prefix.bits >= service.min && prefix.bits <= service.max) return [];
      return at(
        `${text} is ${prefix.bits < service.min ? 'larger' : 'smaller'} than Services’ network can be`,
        `choose one from /${service.min} to /${service.max}`,
      );
    }
    const bits = nodeMask(draft, [flag, 'node-cidr-mask-size']) ?? nodeBits;
    const most = Math.max(0, bits - MAX_DIFFERENCE);
    if (prefix.bits < most)
      return at(
        `${text} is larger than kubeadm lets it be, with a /${bits} for each node`,
        `choose one from /${most} on`,
      );
    const [nodes, room] = [nodeCount(draft), 2 ** (bits - prefix.bits)];
    if (nodes <= room) return [];
    const holds = room < 1 ? 'not even one' : `only ${room}`;
    return at(
      `${text} holds ${holds} of the /${bits} that each node gets, and there ${nodes === 1 ? 'is one node' : `are ${nodes} nodes`}`,
      'choose a larger network',
    );
  });
};

/** As the controller manager is told; of the last one, as it reads flags. */
function nodeMask(draft: ConfigDraft, flags: readonly string[]): number | undefined {
  const given = draft.spec?.controlPlane?.controllerManager?.extraArgs ?? [];
  const text = given.findLast((arg) => arg?.name !== undefined && flags.includes(arg.name))?.value;
  return text !== undefined && /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}

function hasNodes(draft: ConfigDraft): boolean {
  return hostsWith(draft, 'control-plane').length > 0;
}

function nodeCount(draft: ConfigDraft): number {
  return hostsWith(draft, 'control-plane').length + hostsWith(draft, 'worker').length;
}

/** Addresses that belong to the machines' network. */
function addressesOutside(draft: ConfigDraft): { address: string; whose: string }[] {
  const machines = hostsOf(draft).flatMap(({ address, name }) =>
    address === undefined ? [] : [{ address, whose: name ?? 'a machine' }],
  );
  const section = draft.spec?.controlPlane;
  const endpoint = parseEndpoint(section?.endpoint ?? '')?.host ?? '';
  const shared = [
    { address: section?.loadBalancer?.virtualIP ?? '', whose: 'the load balancer' },
    { address: endpoint, whose: 'the endpoint' },
  ];
  return [...machines, ...shared].filter(({ address }) => parseIp(address) !== null);
}

function pathOf({ name }: ClusterNetwork) {
  return ['spec', 'network', name];
}
