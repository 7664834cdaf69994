import { mayBeNode } from '../desired/managed.ts';
import { nodeSysctls } from '../desired/node-system.ts';
import { nodeState } from '../ports/commands/kubeadm.ts';
import { keyValues, only, type Probe } from './probe.ts';
import type { NodeFact } from './types.ts';

/** What kubeadm has left on a machine, and what a node needs of the kernel. Nothing is asked of machines that are to be something else. */
export const nodeProbe: Probe<NodeFact | null> = {
  commands: (desired, on) => (mayBeNode(desired, on) ? [nodeState(nodeSysctls(desired).map(([name]) => name))] : []),
  parse: (results) => {
    if (results.length === 0) return null;
    const found = keyValues(only(results).stdout);
    const sysctls = (found.get('sysctl') ?? []).map((pair): [string, string] => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)];
    });
    return {
      kubeconfigs: new Set(found.get('kubeconfig')),
      manifests: new Set(found.get('manifest')),
      superAdminUsers: new Set(found.get('superAdmin')),
      kubeletConfigured: found.has('kubelet'),
      sysctls: new Map(sysctls),
      hasOverlay: found.has('overlay'),
      caSha256: found.get('ca')?.[0] ?? null,
      kubeadmPids: (found.get('kubeadm') ?? []).map(Number),
    };
  },
};
