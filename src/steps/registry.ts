import { apiServersBack } from './api-servers-back.ts';
import { clusterIdentity, foundingBegins } from './cluster-identity.ts';
import { clusterKeys, controlPlaneKeys } from './cluster-keys.ts';
import { controlPlaneEndpoint } from './control-plane-endpoint.ts';
import { controlPlaneJoin } from './control-plane-join.ts';
import { etcdCertificates } from './etcd-certificates.ts';
import { etcdClientCertificate } from './etcd-client-certificate.ts';
import { etcdFounded, etcdHandover } from './etcd-cluster.ts';
import { etcdMemberFound, etcdMemberRun } from './etcd-member.ts';
import { hostRecord } from './host-record.ts';
import { inventory } from './inventory.ts';
import { kubeVip } from './kube-vip.ts';
import { kubeadmConfigExisting } from './kubeadm-config-existing.ts';
import { kubeadmInit } from './kubeadm-init.ts';
import { workerJoin } from './kubeadm-join.ts';
import { kubeletService } from './kubelet-service.ts';
import { loadBalancer } from './load-balancer.ts';
import { nodeKubelet } from './node-kubelet.ts';
import { nodeNetwork } from './node-network.ts';
import { nodeSettings } from './node-settings.ts';
import { nodeSystem } from './node-system.ts';
import { nodesReady } from './nodes-ready.ts';
import { packages } from './packages.ts';
import { podNetwork } from './pod-network.ts';
import { resetHost } from './reset-host.ts';
import { foundingClear, foundingRestart, foundingStop } from './restart-founding.ts';
import { bundleImages, bundlePrograms, containerRuntime } from './software.ts';
import { superAdminRemoved } from './super-admin.ts';
import type { Step } from './types.ts';
import { vaultReseal } from './vault-reseal.ts';
import { vaultRetire } from './vault-retire.ts';

/** Every kind of step. A new capability adds a file and a line here. */
export const stepKinds: readonly Step[] = [
  foundingStop,
  foundingClear,
  foundingRestart,
  clusterIdentity,
  foundingBegins,
  vaultReseal,
  hostRecord,
  bundlePrograms,
  containerRuntime,
  bundleImages,
  packages,
  kubeletService,
  etcdCertificates,
  etcdMemberFound,
  etcdFounded,
  etcdMemberRun,
  etcdHandover,
  inventory,
  clusterKeys,
  controlPlaneKeys,
  nodeSystem,
  nodeKubelet,
  loadBalancer,
  kubeVip,
  controlPlaneEndpoint,
  etcdClientCertificate,
  kubeadmInit,
  apiServersBack,
  kubeadmConfigExisting,
  podNetwork,
  controlPlaneJoin,
  workerJoin,
  nodeSettings,
  nodesReady,
  nodeNetwork,
  superAdminRemoved,
  resetHost,
  vaultRetire,
];
