import type { ClusterKeyName } from '../ports/vault.ts';

const PKI = '/etc/kubernetes/pki';

/** A key that control planes share, as kubeadm names and expects it. */
export interface ClusterKeyFile {
  name: ClusterKeyName;
  public: string;
  key: string;
  /** Of the authority; the service accounts' key pair has no certificate. */
  commonName: string | null;
}

/** A leaf certificate that kubeadm issues on a control plane, beside those of etcd. */
export interface ControlPlaneCertificateFile {
  certPath: string;
  keyPath: string;
  issuer: ClusterKeyName;
}

export const controlPlaneCertificateFiles: readonly ControlPlaneCertificateFile[] = [
  { certPath: `${PKI}/apiserver.crt`, keyPath: `${PKI}/apiserver.key`, issuer: 'kubernetes-ca' },
  {
    certPath: `${PKI}/apiserver-kubelet-client.crt`,
    keyPath: `${PKI}/apiserver-kubelet-client.key`,
    issuer: 'kubernetes-ca',
  },
  { certPath: `${PKI}/front-proxy-client.crt`, keyPath: `${PKI}/front-proxy-client.key`, issuer: 'front-proxy-ca' },
];

// kubeadm's list: https://github.com/kubernetes/kubernetes/blob/v1.36.3/cmd/kubeadm/app/phases/certs/certlist.go
export const clusterKeyFiles: readonly ClusterKeyFile[] = [
  { name: 'kubernetes-ca', public: `${PKI}/ca.crt`, key: `${PKI}/ca.key`, commonName: 'kubernetes' },
  {
    name: 'front-proxy-ca',
    public: `${PKI}/front-proxy-ca.crt`,
    key: `${PKI}/front-proxy-ca.key`,
    commonName: 'front-proxy-ca',
  },
  { name: 'service-account', public: `${PKI}/sa.pub`, key: `${PKI}/sa.key`, commonName: null },
];
