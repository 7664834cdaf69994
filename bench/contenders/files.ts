import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Site } from '../lib/site.ts';

/** `documented`: the page says nothing, and kubeadm's default is RSA. `ecdsa` are the keys that keelson makes, which cost less time. */
export type Keys = 'documented' | 'ecdsa';

/** The files of the documented procedure, as people would have them ready: the same for shell and Ansible. */
export function writeProcedureFiles(site: Site, kubernetesVersion: string, keys: Keys): string {
  const folder = join(site.folder, 'files');
  mkdirSync(folder);
  writeFileSync(join(folder, 'kubelet.conf'), kubeletConfig);
  writeFileSync(join(folder, '20-etcd-service-manager.conf'), serviceManager);
  writeFileSync(join(folder, 'kubelet.sh'), kubeletScript);
  const cluster = site.machines.map(({ name, address }) => `${name}=https://${address}:2380`).join(',');
  site.machines.forEach(({ name, address }, index) => {
    mkdirSync(join(folder, name));
    const config = kubeadmConfig({ name, address, cluster, kubernetesVersion, keys });
    writeFileSync(join(folder, name, 'kubeadmcfg.yaml'), config);
    // On the first machine the others' certificates are made in folders of their own; its own where they belong.
    const pki = index === 0 ? '/etc/kubernetes/pki' : `/tmp/${name}/pki`;
    writeFileSync(join(folder, name, 'issue.yaml'), `${config}certificatesDir: ${pki}\n`);
  });
  return folder;
}

const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous:
    enabled: false
  webhook:
    enabled: false
authorization:
  mode: AlwaysAllow
cgroupDriver: systemd
address: 127.0.0.1
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
staticPodPath: /etc/kubernetes/manifests
failCgroupV1: false
failSwapOn: false
`;

// The machines' kubelet is in /usr/local/bin: it comes from a bundle, not from a package.
const serviceManager = `[Service]
ExecStart=
ExecStart=/usr/local/bin/kubelet --config=/etc/systemd/system/kubelet.service.d/kubelet.conf
Restart=always
`;

const kubeletScript = `set -e
mkdir -p /etc/systemd/system/kubelet.service.d
cat <<'END' >/etc/systemd/system/kubelet.service.d/kubelet.conf
${kubeletConfig}END
cat <<'END' >/etc/systemd/system/kubelet.service.d/20-etcd-service-manager.conf
${serviceManager}END
systemctl daemon-reload
systemctl restart kubelet
systemctl is-active --quiet kubelet
`;

interface Member {
  readonly name: string;
  readonly address: string;
  readonly cluster: string;
  readonly kubernetesVersion: string;
  readonly keys: Keys;
}

function kubeadmConfig({ name, address, cluster, kubernetesVersion, keys }: Member): string {
  const args = [
    ['initial-cluster', cluster],
    ['initial-cluster-state', 'new'],
    ['name', name],
    ['listen-peer-urls', `https://${address}:2380`],
    ['listen-client-urls', `https://${address}:2379`],
    ['advertise-client-urls', `https://${address}:2379`],
    ['initial-advertise-peer-urls', `https://${address}:2380`],
  ];
  return `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  name: ${name}
  criSocket: unix:///run/containerd/containerd.sock
localAPIEndpoint:
  advertiseAddress: ${address}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: ${kubernetesVersion}
${keys === 'ecdsa' ? 'encryptionAlgorithm: ECDSA-P256\n' : ''}etcd:
  local:
    serverCertSANs:
    - ${address}
    peerCertSANs:
    - ${address}
    extraArgs:
${args.map(([flag, value]) => `    - name: ${flag}\n      value: ${value}\n`).join('')}`;
}
