import { testedMinor } from '../../config/kubernetes-policy.ts';
import { finding } from '../finding.ts';
import { type Check, minorOf } from './types.ts';

/** etcd's own machines rest on little of kubeadm; nodes rest on all of it. */
export const testedVersion: Check = {
  code: 'check.untested-version',
  judge: ({ view: { desired } }) => {
    const { kubernetesVersion } = desired.config.spec;
    if (desired.nodes.length === 0 || minorOf(kubernetesVersion) === testedMinor) return [];
    const message = `control planes and workers of ${kubernetesVersion} were not tested with this keelson, those of v1.${testedMinor} were`;
    return [finding('check.untested-version', 'warning', message)];
  },
};
