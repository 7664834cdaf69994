import { containerdUnit as keelsonsUnit } from '../src/render/systemd.ts';

/** Files as the Kubernetes and containerd packages bring them, for machines that have their software from elsewhere. */

export function kubeletUnit(program: string): string {
  return `[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=${program}
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
`;
}

export function kubeadmDropIn(program: string): string {
  return `# Note: This dropin only works with kubeadm and kubelet v1.11+
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
# Written by "kubeadm init" and "kubeadm join".
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
# For the user's own flags, as a last resort.
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=${program} $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`;
}

/** As the containerd project writes it, which is what keelson brings to machines that have none, but for the line that says so. */
export function containerdUnit(program: string): string {
  return keelsonsUnit(program).replace(/^# .*\n/, '');
}

/** Without restrict_oom_score_adj no pod starts where root may not lower that score (no CAP_SYS_RESOURCE). */
export function containerdConfig(pauseImage: string | undefined): string {
  const pinned = `[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '${pauseImage}'
`;
  return `version = 3
${pauseImage === undefined ? '' : pinned}[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = true
`;
}
