import { certificateFiles, etcdCa } from './certificates.ts';
import { clusterKeyFiles } from './cluster-keys.ts';
import type { NodeRole } from './nodes.ts';

export const API_SERVER_CERTIFICATE = '/etc/kubernetes/pki/apiserver.crt';
/** The kubelet renews it by itself, and keeps its key in the same file. */
export const KUBELET_CERTIFICATE = '/var/lib/kubelet/pki/kubelet-client-current.pem';

/** Authorities of the cluster, the same on all control planes. */
export const authorityFiles: ReadonlyMap<string, string> = new Map([
  [etcdCa.certPath, 'the CA’s certificate'],
  ...clusterKeyFiles.flatMap(({ name, public: path }): [string, string][] => {
    if (name === 'kubernetes-ca') return [[path, 'the Kubernetes CA’s certificate']];
    return name === 'front-proxy-ca' ? [[path, 'the front proxy CA’s certificate']] : [];
  }),
]);

/**
 * Files on a node with a certificate in them, as kubeadm and the kubelet place them; most hold a key as well. Not each is on every machine:
 * super-admin.conf is the first control plane's, those of etcd are there only when it is stacked.
 */
export function nodeCertificateFiles(role: NodeRole): readonly string[] {
  if (role === 'worker') return [KUBELET_CERTIFICATE];
  const authorities = [...authorityFiles.keys()].filter((path) => path !== etcdCa.certPath);
  return [
    ...authorities,
    API_SERVER_CERTIFICATE,
    '/etc/kubernetes/pki/apiserver-kubelet-client.crt',
    '/etc/kubernetes/pki/front-proxy-client.crt',
    ...certificateFiles.map(({ certPath }) => certPath),
    ...['admin', 'super-admin', 'controller-manager', 'scheduler'].map((name) => `/etc/kubernetes/${name}.conf`),
    KUBELET_CERTIFICATE,
  ];
}
