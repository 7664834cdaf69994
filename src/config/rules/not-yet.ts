import type { ConfigDraft } from '../draft.ts';
import type { FieldProblem } from '../issues.ts';
import type { Path } from '../path.ts';
import { hostsWith } from './hosts.ts';
import type { ConfigRule } from './types.ts';

interface NotYet {
  /** Continues "asks for". */
  what: string;
  /** What to do instead. */
  action: string;
}

/** One that depends on values, and where the file asks for it; nowhere where it does not. */
interface NotYetCase extends NotYet {
  at: (draft: ConfigDraft) => readonly Path[];
}

/** A field that may not be given at all; `[]` for every item of a list. */
interface NotYetField extends NotYet {
  field: readonly string[];
}

const LOAD_BALANCER = ['spec', 'controlPlane', 'loadBalancer'];

/**
 * What the format has a place for and keelson does not make yet: refused, so that nothing is accepted that nothing makes. Who builds one of
 * these takes its row away.
 */
export const notYetTable: readonly (NotYetCase | NotYetField)[] = [
  {
    what: 'kube-vip',
    at: (draft) => when(kindOf(draft) === 'kube-vip', [...LOAD_BALANCER, 'kind']),
    action: 'use haproxy-keepalived',
  },
  {
    what: 'a load balancer that you keep',
    at: (draft) => when(kindOf(draft) === 'external', [...LOAD_BALANCER, 'kind']),
    action: 'use haproxy-keepalived; with a single control plane the endpoint may be a DNS name that leads to it',
  },
  {
    what: 'several control planes without a load balancer of keelson’s',
    at: (draft) =>
      when(hostsWith(draft, 'control-plane').length > 1 && kindOf(draft) === undefined, ['spec', 'controlPlane']),
    action: 'add loadBalancer with kind: haproxy-keepalived and a virtualIP, or list one control plane',
  },
  {
    what: 'a load balancer on machines of its own',
    at: (draft) => when(draft.spec?.controlPlane?.loadBalancer?.hosts === 'load-balancer', [...LOAD_BALANCER, 'hosts']),
    action: 'set hosts: control-plane, and remove the machines with the role load-balancer',
  },
  {
    what: 'a load balancer in static pods',
    at: (draft) => when(draft.spec?.controlPlane?.loadBalancer?.runAs === 'static-pod', [...LOAD_BALANCER, 'runAs']),
    action: 'remove it',
  },
  {
    what: 'a pod network from manifests of yours',
    at: (draft) => when(draft.spec?.network?.cni?.kind === 'manifest', ['spec', 'network', 'cni', 'kind']),
    action: 'use flannel, or none and apply them yourself',
  },
  {
    what: 'patches of kubeadm’s manifests',
    field: ['spec', 'kubeadm', 'patches'],
    action: 'remove it; flags of components are in spec.controlPlane',
  },
  {
    what: 'patches of kubeadm’s manifests',
    field: ['spec', 'hosts', '[]', 'patches'],
    action: 'remove it; flags of components are in spec.controlPlane',
  },
  {
    what: 'packages on control planes and workers',
    at: (draft) => {
      const software = draft.spec?.software;
      const packages = software === undefined || !('source' in software) || software.source === 'packages';
      return when(packages && hasNodes(draft), ['spec', 'software']);
    },
    action: 'set source: bundle, or install what a node needs and set source: preinstalled',
  },
  { what: 'another wait than 5m', field: ['spec', 'timeouts', 'nodeReady'], action: 'remove it' },
  {
    what: 'draining',
    field: ['spec', 'timeouts', 'drain'],
    action: 'remove it',
  },
  {
    what: 'a bound of its own for joins',
    field: ['spec', 'concurrency', 'joins'],
    action: 'remove it; spec.concurrency.hosts bounds them',
  },
];

/** Fields that are refused whatever they hold. */
export const notYetFields: readonly string[] = notYetTable.flatMap((row) =>
  'field' in row ? [row.field.join('.')] : [],
);

/** Asked only of a file that is right otherwise: what it says may still change with what has to be corrected. */
export const notYet: ConfigRule = (draft) =>
  notYetTable.flatMap((row) => {
    const message = `asks for ${row.what}, which this keelson does not do yet`;
    const paths = 'at' in row ? row.at(draft) : given(draft, row.field);
    return paths.map((path): FieldProblem => ({ code: 'config.not-yet', path, message, action: row.action }));
  });

/** Where a field is given. */
function given(value: unknown, [part, ...rest]: readonly string[], path: Path = []): readonly Path[] {
  if (value === undefined) return [];
  if (part === undefined) return [path];
  if (part === '[]') return Array.isArray(value) ? value.flatMap((item, n) => given(item, rest, [...path, n])) : [];
  return given((value as Readonly<Record<string, unknown>>)[part], rest, [...path, part]);
}

function when(asked: boolean, path: Path): readonly Path[] {
  return asked ? [path] : [];
}

function kindOf(draft: ConfigDraft) {
  return draft.spec?.controlPlane?.loadBalancer?.kind;
}

function hasNodes(draft: ConfigDraft): boolean {
  return hostsWith(draft, 'control-plane').length + hostsWith(draft, 'worker').length > 0;
}
