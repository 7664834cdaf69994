/** Of Kubernetes' own labels, those that a kubelet may give its own node. */
const OWN = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
]);

export type Labels = Readonly<Record<string, string>>;

export interface LabelsByWriter {
  /** Given by the kubelet when it registers its node, so that nothing is scheduled there before they are. */
  kubelet: Labels;
  /** For an administrator to set on the node, once it is there. */
  administrator: Labels;
}

/**
 * Who may give a node these labels. A kubelet that is told to give others does not start, and the API server would refuse it: a machine that
 * was broken into must not attract pods by a label such as `node-role.kubernetes.io/control-plane`.
 * Source: kubelet's check of --node-labels, and the admission plug-in NodeRestriction.
 */
export function labelsByWriter(labels: Labels): LabelsByWriter {
  const entries = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    kubelet: Object.fromEntries(entries.filter(([name]) => mayKubelet(name))),
    administrator: Object.fromEntries(entries.filter(([name]) => !mayKubelet(name))),
  };
}

function mayKubelet(name: string): boolean {
  const prefix = name.includes('/') ? name.slice(0, name.indexOf('/')) : '';
  if (!isIn(prefix, 'kubernetes.io') && !isIn(prefix, 'k8s.io')) return true;
  return OWN.has(name) || isIn(prefix, 'kubelet.kubernetes.io') || isIn(prefix, 'node.kubernetes.io');
}

function isIn(prefix: string, domain: string): boolean {
  return prefix === domain || prefix.endsWith(`.${domain}`);
}
