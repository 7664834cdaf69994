import { stringify } from 'yaml';

export interface NameValue {
  name: string;
  value: string;
}

export interface EtcdKubeadmConfig {
  nodeName: string;
  advertiseAddress: string;
  criSocket: string;
  /** `v1.36.3`: always given, else kubeadm asks the internet for the newest. */
  kubernetesVersion: string;
  /** kubeadm's names: `ECDSA-P256`, `RSA-2048`. */
  encryptionAlgorithm: string;
  dataDir: string;
  imageRepository?: string;
  etcdImage: { repository?: string; tag?: string };
  serverCertSANs: readonly string[];
  peerCertSANs: readonly string[];
  extraArgs: readonly NameValue[];
}

/**
 * kubeadmcfg.yaml of one etcd machine: InitConfiguration and ClusterConfiguration of kubeadm.k8s.io/v1beta4.
 * Source: "Set up a High Availability etcd Cluster with kubeadm", step 2.
 */
export function etcdKubeadmConfig(config: EtcdKubeadmConfig): string {
  const init = {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'InitConfiguration',
    nodeRegistration: { name: config.nodeName, criSocket: config.criSocket },
    localAPIEndpoint: { advertiseAddress: config.advertiseAddress },
  };
  const cluster = {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'ClusterConfiguration',
    kubernetesVersion: config.kubernetesVersion,
    encryptionAlgorithm: config.encryptionAlgorithm,
    ...(config.imageRepository === undefined ? {} : { imageRepository: config.imageRepository }),
    etcd: {
      local: {
        ...(config.etcdImage.repository === undefined ? {} : { imageRepository: config.etcdImage.repository }),
        ...(config.etcdImage.tag === undefined ? {} : { imageTag: config.etcdImage.tag }),
        dataDir: config.dataDir,
        serverCertSANs: config.serverCertSANs,
        peerCertSANs: config.peerCertSANs,
        extraArgs: config.extraArgs,
      },
    },
  };
  return `# Written by keelson.\n${stringify(init, { lineWidth: 0 })}---\n${stringify(cluster, { lineWidth: 0 })}`;
}
