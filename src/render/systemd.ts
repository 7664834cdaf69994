/** kubelet.service as the Kubernetes packages write it, for machines that get their programs from a bundle. */
export function kubeletUnit(program: string): string {
  return `# Written by keelson.
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target containerd.service

[Service]
ExecStart=${program}
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
`;
}

/**
 * Makes the kubelet a service manager for static pods only: no API server, one configuration file. The empty ExecStart
 * clears what earlier drop-ins have set.
 * Source: "Set up a High Availability etcd Cluster with kubeadm", step 1.
 */
export function kubeletDropIn(program: string, configPath: string): string {
  return `# Written by keelson.
[Service]
ExecStart=
ExecStart=${program} --config=${configPath}
Restart=always
RestartSec=2
`;
}

/**
 * 10-kubeadm.conf as the kubelet's package brings it: kubeadm writes the files that are named here.
 * Source: https://github.com/kubernetes/release/blob/master/cmd/krel/templates/latest/kubeadm/10-kubeadm.conf
 */
export function kubeadmDropIn(program: string): string {
  return `# Written by keelson.
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=${program} $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`;
}

/** containerd.service as the containerd project writes it. */
export function containerdUnit(program: string): string {
  return `# Written by keelson.
[Unit]
Description=containerd container runtime
Documentation=https://containerd.io
After=network.target local-fs.target

[Service]
ExecStartPre=-/sbin/modprobe overlay
ExecStart=${program}
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
`;
}
