import { inspectFiles, readFiles } from '../../ports/commands/files.ts';
import { parseInspected, parseTexts } from '../files.ts';
import { only, type Probe } from '../probe.ts';

const HOST_KEYS = ['ed25519', 'ecdsa', 'rsa'].map((type) => `/etc/ssh/ssh_host_${type}_key.pub`);

/** The keys at sshd's usual places; a machine that keeps them elsewhere has none here. */
export const hostKeysProbe: Probe<readonly string[]> = {
  commands: () => [readFiles(HOST_KEYS)],
  parse: (results) =>
    [...parseTexts(only(results).stdout).values()]
      .map((text) => text.trim().split(/\s+/).slice(0, 2).join(' '))
      .filter((key) => key.includes(' ')),
};

/** kubeadm writes the first two on every node, the third on a control plane. */
const NODE_FILES = [
  '/etc/kubernetes/kubelet.conf',
  '/etc/kubernetes/bootstrap-kubelet.conf',
  '/etc/kubernetes/admin.conf',
];

export const nodeFilesProbe: Probe<readonly string[]> = {
  commands: () => [inspectFiles(NODE_FILES)],
  parse: (results) => [...parseInspected(only(results).stdout).keys()],
};
