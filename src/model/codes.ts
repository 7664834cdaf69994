interface CodeEntry {
  /** The process's exit code when this ends a command; 0 for what is only ever a remark. */
  exit: 0 | 1 | 3 | 4 | 5 | 130;
  /** When it occurs, for the reference. */
  when: string;
  /** What to do next, unless the place that raises it knows better. */
  action: string;
}

/**
 * Every code keelson can report, in errors and in findings. Codes are stable: users' scripts match on them.
 * `docs/reference/errors.md` is generated from this table. Keep it sorted by area.
 */
export const errorCodes = {
  // --- config: the file itself
  'config.unreadable': {
    exit: 1,
    when: 'cluster.yaml cannot be read.',
    action: 'Check the path given with -f, or run keelson init.',
  },
  'config.syntax': {
    exit: 1,
    when: 'The file is not valid YAML, or holds more than one document.',
    action: 'Correct the YAML at the place shown.',
  },
  'config.invalid': {
    exit: 1,
    when: 'One or more fields of cluster.yaml are wrong; each is listed with its place.',
    action: 'Correct the fields listed.',
  },
  'config.too-large': {
    exit: 1,
    when: 'The file is larger, deeper or has more values than any cluster needs.',
    action: 'Check that this is the right file.',
  },
  'config.encoding': {
    exit: 1,
    when: 'The file is not UTF-8 text, or holds control characters.',
    action: 'Save it as UTF-8 text.',
  },
  'config.alias': { exit: 1, when: 'A YAML alias refers to itself or to nothing.', action: 'Write the value itself.' },
  'config.unknown-key': { exit: 1, when: 'A field does not exist.', action: 'Correct its name, or remove it.' },
  'config.duplicate-key': { exit: 1, when: 'A field is given twice.', action: 'Keep one of them.' },
  'config.missing-field': { exit: 1, when: 'A field that has no default is missing.', action: 'Add it.' },
  'config.wrong-type': {
    exit: 1,
    when: 'A field has a value of another type, or none.',
    action: 'Write the type named.',
  },
  'config.invalid-value': {
    exit: 1,
    when: 'A value is not what the field can hold.',
    action: 'Write it as the message says.',
  },
  'config.kubernetes-version': {
    exit: 1,
    when: 'This Kubernetes version cannot be had from this keelson.',
    action: 'Choose a version that is supported.',
  },
  'config.software-source': {
    exit: 1,
    when: 'What is said about software does not belong to the source chosen.',
    action: 'Make source and its fields fit.',
  },
  'config.reserved-field': {
    exit: 1,
    when: 'A field of KubeletConfiguration is set that keelson decides.',
    action: 'Remove it, or use the field named.',
  },
  'config.reserved-argument': {
    exit: 1,
    when: 'A flag of etcd is set that keelson decides.',
    action: 'Remove it, or use the field named.',
  },
  'config.unsafe-argument': {
    exit: 1,
    when: 'A flag of etcd is set that would undo a protection.',
    action: 'Remove it.',
  },
  'config.duplicate-argument': { exit: 1, when: 'A flag of etcd is set twice.', action: 'Keep one of them.' },
  'config.port-conflict': { exit: 1, when: 'A port is used twice on a machine.', action: 'Choose another port.' },
  'config.election-timeout': {
    exit: 1,
    when: 'The election timeout is less than five times the heartbeat.',
    action: 'Raise the one or lower the other.',
  },
  'config.leaf-outlives-ca': {
    exit: 1,
    when: 'Leaf certificates would be valid for longer than their CA.',
    action: 'Make pki.leafValidity shorter, or pki.caValidity longer.',
  },
  'config.address': {
    exit: 1,
    when: 'A host’s address is none by which others can reach it.',
    action: 'Give the address by which the other machines reach this one.',
  },
  'config.address-family': {
    exit: 1,
    when: 'IPv4 and IPv6 addresses are mixed.',
    action: 'Use one family for the whole cluster.',
  },
  'config.duplicate-name': {
    exit: 1,
    when: 'Two hosts have one name.',
    action: 'Give each machine a name of its own.',
  },
  'config.duplicate-address': {
    exit: 1,
    when: 'Two hosts have one address.',
    action: 'Give each machine its own address.',
  },
  'config.role-combination': {
    exit: 1,
    when: 'A host has more than one role.',
    action: 'Give each role machines of its own.',
  },
  'config.topology': {
    exit: 1,
    when: 'A host has a role, or a field a value, that the topology leaves nothing to do for.',
    action: 'Correct spec.etcd.topology, or the host’s role.',
  },
  'config.control-plane-endpoint': {
    exit: 1,
    when: 'There are several control planes and no endpoint before them, or the endpoint leads nowhere.',
    action: 'Give spec.controlPlane.endpoint; it cannot be added later.',
  },
  'config.load-balancer': {
    exit: 1,
    when: 'The load balancer’s machines or address do not go with its kind.',
    action: 'Correct spec.controlPlane.loadBalancer, or the hosts with the role load-balancer.',
  },
  'config.load-balancer-port': {
    exit: 1,
    when: 'The load balancer cannot listen on the endpoint’s port, or leads to another.',
    action: 'Choose another port for the endpoint.',
  },
  'config.virtual-ip': {
    exit: 1,
    when: 'The virtual IP is missing, is a machine’s, is outside of their network, or is not the endpoint’s.',
    action: 'Give an unused address of the machines’ subnet, and use it for the endpoint.',
  },
  'config.network-overlap': {
    exit: 1,
    when: 'The networks of pods, Services and machines overlap.',
    action: 'Give each a network of its own.',
  },
  'config.network-size': {
    exit: 1,
    when: 'The network of pods or Services is too small or too large for Kubernetes.',
    action: 'Choose another prefix.',
  },
  'config.cni': {
    exit: 1,
    when: 'The manifests of the pod network are missing, or are not used.',
    action: 'Name them with kind: manifest alone.',
  },
  'config.node-field': {
    exit: 1,
    when: 'A host that becomes no node has labels, taints, a zone or patches, or a node has one twice.',
    action: 'Remove them, or keep one.',
  },
  'config.not-yet': {
    exit: 1,
    when: 'The configuration is right, and asks for something that this keelson does not make yet.',
    action: 'Do what the message says, or wait for a later version.',
  },
  'config.no-members': {
    exit: 1,
    when: 'No host has the role that carries etcd: etcd, or control-plane with topology stacked.',
    action: 'List three or five machines.',
  },
  'config.even-members': {
    exit: 1,
    when: 'The number of etcd members is even, which tolerates no more failures than one less.',
    action: 'Use an odd number, or say why in spec.etcd.allowEvenMembers.',
  },
  'config.too-many-members': {
    exit: 1,
    when: 'There are more etcd members than etcd is made for.',
    action: 'Use five.',
  },

  // --- ssh and machines
  'host.unreachable': {
    exit: 1,
    when: 'A machine does not answer, or refuses the login.',
    action: 'Try the same with ssh by hand; see that machine, network and sshd are up.',
  },
  'host.auth': {
    exit: 1,
    when: 'SSH login was refused.',
    action: 'See that the key or agent is right and the user exists on the machine.',
  },
  'host.key-unknown': {
    exit: 1,
    when: 'A machine’s host key has not been recorded.',
    action: 'Compare the fingerprint, then run keelson hosts trust.',
  },
  'host.key-changed': {
    exit: 5,
    when: 'A machine shows another host key than the one recorded.',
    action: 'Find out why before anything else: this may be another machine or an attack.',
  },
  'host.sudo': {
    exit: 1,
    when: 'The user cannot become root by sudo.',
    action: 'Give the user sudo rights, or the right password.',
  },
  'host.ssh-client': {
    exit: 1,
    when: 'The operator’s computer has no OpenSSH client, or one older than 8.0.',
    action: 'Install the OpenSSH client (Debian: openssh-client).',
  },
  'host.shell': {
    exit: 1,
    when: 'The login shell of a machine does not start a command, for example because a start-up file ends or blocks it.',
    action: 'Log in by hand with ssh HOST true and mend the shell’s start-up files.',
  },
  'host.timeout': {
    exit: 1,
    when: 'A command on a machine did not end in time and was stopped.',
    action: 'Look at the machine’s load and disks; run the same command again.',
  },
  'host.output-limit': {
    exit: 1,
    when: 'A command printed more than its limit and was stopped.',
    action: 'Run the command by hand and see what it prints.',
  },
  'host.command-failed': {
    exit: 1,
    when: 'A command on a machine failed.',
    action: 'Read its output; mend the cause; run the same command again.',
  },
  'host.file-refused': {
    exit: 5,
    when: 'A file or one of its folders on a machine is a symbolic link, or belongs to another user, and is not overwritten.',
    action: 'Look at the path; remove or correct it by hand.',
  },
  'host.disk-full': {
    exit: 1,
    when: 'A machine has no room for a file.',
    action: 'Free space on the file system named, then run the same command again.',
  },

  // --- lock and fence
  'lock.held': {
    exit: 4,
    when: 'Another run holds the cluster’s lock.',
    action: 'Wait for it to end. If its operator is gone for good: keelson unlock ID.',
  },
  'lock.lost': {
    exit: 4,
    when: 'Another operator took the lock over; this run can write nothing more.',
    action: 'Ask the operator named; then plan again.',
  },
  'lock.no-majority': {
    exit: 1,
    when: 'Fewer than a majority of the machines could be locked.',
    action: 'Bring the unreachable machines back.',
  },
  'lock.unknown-id': {
    exit: 1,
    when: 'The ID given to keelson unlock is not that of the run which holds the lock.',
    action: 'See who holds it with keelson lock, and give that ID.',
  },
  'lock.host-unreachable': {
    exit: 1,
    when: 'A machine could not be reached while the lock was to be released by force: its holder could still write there.',
    action: 'Bring the machine back, or leave it out with --except HOST.',
  },

  // --- steps of a run
  'step.not-settled': {
    exit: 1,
    when: 'A step was applied, and what it should bring about was not so in time.',
    action: 'Look at the machine named; then run the same command again.',
  },
  'step.host-lost': {
    exit: 1,
    when: 'A machine went away during a step and did not return in time (timeouts.hostReturn).',
    action: 'Bring the machine back, then run the same command again: it looks at the machine and goes on.',
  },
  'step.riskier': {
    exit: 5,
    when: 'A step turned out to be riskier than the plan had said; it was not done.',
    action: 'Run keelson plan, look at the new plan, and apply that.',
  },

  // --- certificates
  'pki.certificate-unreadable': {
    exit: 1,
    when: 'A file that should hold a certificate holds none, or a damaged one.',
    action: 'Look at the file with openssl x509 -in FILE -noout -text.',
  },
  'pki.key-unreadable': {
    exit: 1,
    when: 'A file that should hold a private key holds none, an encrypted or a damaged one.',
    action: 'Give a PEM private key without a passphrase.',
  },
  'pki.ca-unusable': {
    exit: 5,
    when: 'A certificate authority cannot sign etcd’s certificates: it is no CA, has expired, its key belongs to another certificate, or its algorithm is not supported.',
    action: 'Give the right pair of files in pki, or let keelson make the CA.',
  },
  'pki.request-invalid': {
    exit: 1,
    when: 'A certificate was asked for with a name, address or validity that no certificate can hold.',
    action: 'Correct the names, addresses and validity periods in cluster.yaml.',
  },

  // --- software
  'software.bundle': {
    exit: 1,
    when: 'The bundle cannot be read, is damaged, or is for another version or architecture.',
    action: 'Check spec.software.bundle; build or copy the bundle again.',
  },
  'software.repository': {
    exit: 1,
    when: 'The package repository’s signing key cannot be had.',
    action: 'Put the key in a file and name it in spec.software.repository.signingKey.',
  },

  // --- the load balancer and the control plane's endpoint
  'load-balancer.programs': {
    exit: 5,
    when: 'A machine of the load balancer lacks haproxy or keepalived, and spec.software does not bring them.',
    action: 'Install both from the machine’s distribution, or choose another spec.controlPlane.loadBalancer.kind.',
  },
  'load-balancer.foreign': {
    exit: 5,
    when: 'A machine of the load balancer has a configuration of haproxy or keepalived that serves something and is not keelson’s. It is never written over.',
    action: 'Move what it serves to another machine and remove the file named, or choose other machines.',
  },
  'load-balancer.network': {
    exit: 5,
    when: 'The virtual IP is in no subnet of the network interface that is to carry it, or there is no such interface.',
    action: 'Correct spec.controlPlane.loadBalancer.virtualIP, or its interface.',
  },
  'load-balancer.address-taken': {
    exit: 5,
    when: 'A machine of the network has the virtual IP already, before the cluster is made.',
    action: 'Choose an address that nothing uses for spec.controlPlane.loadBalancer.virtualIP.',
  },
  'load-balancer.refused': {
    exit: 1,
    when: 'haproxy or keepalived of a machine does not accept the configuration made for it. The one before stays in force.',
    action: 'Read what the program says; it may be older than keelson needs (haproxy 2.4, keepalived 2.2).',
  },
  'endpoint.timeout': {
    exit: 1,
    when: 'A connection to spec.controlPlane.endpoint is neither accepted nor refused: no load balancer is there, or a firewall drops what is sent to it.',
    action:
      'See that the load balancer runs and has the address, and that the machines may connect to its port. Before the first API server runs it is right that it refuses.',
  },
  'endpoint.unreachable': {
    exit: 1,
    when: 'There is no way from the first control plane to spec.controlPlane.endpoint: its name is unknown there, or no machine has the address.',
    action: 'See that the machines can look the name up and reach the address.',
  },
  'endpoint.no-api-server': {
    exit: 1,
    when: 'The first API server runs, and at spec.controlPlane.endpoint no API server of the cluster answers.',
    action:
      'See that the load balancer leads to the control planes’ API servers, passes TLS through, and finds them healthy.',
  },

  // --- the kubelet's service
  'kubelet.overridden': {
    exit: 5,
    when: 'Somebody else’s drop-in for kubelet.service replaces the command that keelson gives the kubelet. Nothing is changed until it is gone.',
    action: 'Take the ExecStart out of the file named, or remove the file.',
  },

  // --- etcd
  'etcd.kubeadm-refuses': {
    exit: 1,
    when: 'kubeadm on a machine does not accept the configuration made for it.',
    action: 'Read kubeadm’s message; correct the field in cluster.yaml.',
  },
  'etcd.not-healthy': {
    exit: 1,
    when: 'The members did not become healthy in time.',
    action: 'Look at keelson status and at the kubelet’s log on the machine named; run the same command again.',
  },
  'etcd.verification': {
    exit: 1,
    when: 'The running cluster is not what was to be made: wrong members, cluster ids or answers.',
    action: 'Look at keelson status; nothing is handed over until this is right.',
  },

  // --- the Kubernetes API
  'kube.unreachable': {
    exit: 1,
    when: 'An API server cannot be reached, or the connection to it ended before the answer came.',
    action: 'See that the machine is up and that sshd there forwards connections, then run the same command again.',
  },
  'kube.not-listening': {
    exit: 1,
    when: 'A machine can be reached, and no API server accepts connections on it.',
    action: 'Look at the kubelet’s log and the kube-apiserver container on the machine named.',
  },
  'kube.tls': {
    exit: 1,
    when: 'keelson and an API server do not accept each other’s certificates.',
    action:
      'See that the vault and the machine belong to the same cluster, and that the API server’s certificate has not expired.',
  },
  'kube.unauthorized': {
    exit: 1,
    when: 'An API server does not accept keelson’s client certificate.',
    action:
      'See that the vault’s Kubernetes CA is the cluster’s, and compare the clocks of this computer and the machine named.',
  },
  'kube.timeout': {
    exit: 1,
    when: 'An API server did not answer in time.',
    action: 'See whether etcd has its quorum and the machine is not overloaded, then run the same command again.',
  },
  'kube.answer': {
    exit: 1,
    when: 'The answer of an API server is larger than keelson reads, or is not what the API answers.',
    action: 'See that nothing but an API server listens at the address named.',
  },
  'kube.refused': {
    exit: 1,
    when: 'An API server understood what keelson asked, and does not do it.',
    action: 'Read its message; it names the object and the reason.',
  },
  'kubeadm.preflight': {
    exit: 1,
    when: 'A check that kubeadm makes before it begins has failed on a machine.',
    action:
      'Mend what the check names, or name it in spec.kubeadm.ignorePreflightErrors when you know that it may fail.',
  },
  'kubeadm.failed': {
    exit: 1,
    when: 'kubeadm began on a machine and did not come to its end.',
    action: 'Read its output below and the logs of the containers it names; the same command goes on where it stopped.',
  },
  'node.network': {
    exit: 1,
    when: 'A node does not reach the Services of its own cluster, or its DNS.',
    action:
      'Look at the pods of kube-proxy, CoreDNS and the pod network on the machine named; UDP 8472 must be open between the machines for flannel.',
  },
  'kubeconfig.taken': {
    exit: 1,
    when: 'A kubeconfig holds something else under the name that keelson would write, or beside it in a file that would be replaced.',
    action: 'Remove that entry if nobody needs it, or write to a file of its own with --out FILE.',
  },
  'kubeconfig.unreadable': {
    exit: 1,
    when: 'A kubeconfig that is to be written to cannot be read, or is none.',
    action: 'Correct the file, or write to another one with --out FILE.',
  },
  'kubeconfig.unwritable': {
    exit: 1,
    when: 'A kubeconfig cannot be written.',
    action: 'Name a file in a folder that is yours.',
  },
  'kubeconfig.busy': {
    exit: 1,
    when: 'Another program is changing the kubeconfig: its lock file is there.',
    action: 'Run the same command again. If nothing changes the file any more, remove the lock file that is named.',
  },
  'kube.manifest': {
    exit: 1,
    when: 'A file of Kubernetes manifests is not valid; each fault is listed with its place.',
    action: 'Correct the file at the places shown.',
  },

  // --- preflight: what keelson check finds on machines
  'check.systemd': {
    exit: 3,
    when: 'systemd does not run a machine.',
    action: 'Use a machine that systemd boots and runs.',
  },
  'check.architecture': {
    exit: 3,
    when: 'A machine’s processor is not the one that the software is for.',
    action: 'Give a bundle for this architecture, or take another machine.',
  },
  'check.os': {
    exit: 3,
    when: 'A machine’s system is not one that keelson supports, or one that it was not tested on.',
    action:
      'Use Debian or Ubuntu for packages; on any other system use a bundle, or install the software by your own means.',
  },
  'check.tools': {
    exit: 3,
    when: 'A machine lacks a program that keelson runs there.',
    action: 'Install the packages that hold the programs named.',
  },
  'check.cgroup': {
    exit: 3,
    when: 'A machine uses cgroup v1, which the kubelet is leaving behind.',
    action:
      'Boot the machine with cgroup v2 (systemd.unified_cgroup_hierarchy=1), or set spec.kubelet.failCgroupV1 to false as long as the kubelet allows it.',
  },
  'check.cgroup-driver': {
    exit: 3,
    when: 'Kubelet and container runtime would not use the same cgroup driver, or not systemd’s.',
    action: 'Set SystemdCgroup = true in containerd’s configuration and leave spec.runtime.cgroupDriver out.',
  },
  'check.swap': {
    exit: 3,
    when: 'Swap is on.',
    action: 'Turn swap off (swapoff -a, and /etc/fstab), or set spec.kubelet.failSwapOn to false.',
  },
  'check.runtime': {
    exit: 3,
    when: 'A machine’s container runtime is missing, does not run, or is not the one that will be used.',
    action: 'Install and start containerd, or choose another spec.software.source.',
  },
  'check.oom-score': {
    exit: 3,
    when: 'Root may not lower oom_score_adj on a machine (a container without CAP_SYS_RESOURCE), and its containerd is not configured for that.',
    action:
      'Set restrict_oom_score_adj = true for the CRI plugin in /etc/containerd/config.toml (plugins.\'io.containerd.cri.v1.runtime\'; containerd 1: plugins."io.containerd.grpc.v1.cri") and restart containerd, or give the machine the capability.',
  },
  'check.versions': {
    exit: 3,
    when: 'A machine’s kubelet or kubeadm is missing or has a version that does not fit spec.kubernetesVersion.',
    action: 'Install exactly the version of spec.kubernetesVersion.',
  },
  'check.untested-version': {
    exit: 3,
    when: 'spec.kubernetesVersion is one that no cluster of control planes and workers was tested with.',
    action: 'Try it on machines that nobody needs, or use the tested one.',
  },
  'check.images': {
    exit: 3,
    when: 'An image that etcd’s static pod needs is not in the bundle, or not yet on a machine.',
    action: 'Build the bundle again for this version, or load the image.',
  },
  'check.port': {
    exit: 3,
    when: 'Another program has a TCP port that etcd, the kubelet or the control plane needs.',
    action: 'Stop that program or give it another port; etcd’s own ports are spec.etcd.ports.',
  },
  'check.address': {
    exit: 3,
    when: 'A machine does not have, or cannot listen on, the address that cluster.yaml gives it.',
    action: 'Give the address that the machine itself has; etcd cannot be behind address translation.',
  },
  'check.forwarding': {
    exit: 3,
    when: 'sshd on a machine does not forward TCP connections, through which keelson asks etcd and the API servers.',
    action: 'Set AllowTcpForwarding yes (or local) and PermitOpen any for this user in sshd_config.',
  },
  'check.peers': {
    exit: 3,
    when: 'A machine does not reach another one on etcd’s peer port, or on the API server’s or etcd’s ports of a control plane.',
    action:
      'Open spec.etcd.ports.peer and client between all machines of etcd, in both directions, and the API server’s port from every node to each control plane.',
  },
  'check.clock': {
    exit: 3,
    when: 'A machine’s clock and the operator’s are too far apart.',
    action: 'Let chrony or systemd-timesyncd set the clocks, the operator’s too.',
  },
  'check.host-key': {
    exit: 3,
    when: 'Two machines have the same SSH host key: one machine under two names, or clones.',
    action: 'Give each member a machine of its own; on a clone remove /etc/ssh/ssh_host_* and run ssh-keygen -A.',
  },
  'check.hostname': {
    exit: 3,
    when: 'A machine’s host name is not its name in cluster.yaml, or is another machine’s.',
    action: 'Set it with hostnamectl hostname NAME, so that logs and alerts name the right machine.',
  },
  'check.disk-space': {
    exit: 3,
    when: 'A file system has too little room, or too few inodes.',
    action: 'Free space, or give the folder a larger file system.',
  },
  'check.file-system': {
    exit: 3,
    when: 'A file system is read-only, or loses its data when the machine is switched off, or is a network’s.',
    action: 'Mount it writable, on a local disk.',
  },
  'check.fsync': {
    exit: 3,
    when: 'The disk under etcd’s data directory takes long to make a write durable.',
    action: 'Use a local SSD for spec.etcd.dataDir and share it with nothing else.',
  },
  'check.foreign-etcd': {
    exit: 3,
    when: 'An etcd that is not this cluster’s runs on a machine.',
    action: 'Use a machine of its own for each member, or stop and remove the other etcd.',
  },
  'check.foreign-node': {
    exit: 3,
    when: 'A machine is already a node or a control plane of a Kubernetes cluster.',
    action: 'Use a machine of its own; on one that is nobody’s any more run kubeadm reset.',
  },
  'check.processors': {
    exit: 3,
    when: 'A control plane has fewer than two processors, which kubeadm refuses.',
    action: 'Give the machine two, or list NumCPU in spec.kubeadm.ignorePreflightErrors.',
  },
  'check.memory': {
    exit: 3,
    when: 'A node has less memory than Kubernetes asks for; below 1700 MiB kubeadm refuses a control plane.',
    action: 'Give the machine 2 GiB or more, or list Mem in spec.kubeadm.ignorePreflightErrors.',
  },
  'check.networks': {
    exit: 3,
    when: 'The network of pods or Services overlaps an address or a route of a machine.',
    action: 'Choose another spec.network.podSubnet or serviceSubnet; neither can be changed later.',
  },
  'check.unknown': {
    exit: 3,
    when: 'Something about a machine could not be checked.',
    action: 'Read the reason; run keelson check again.',
  },

  // --- the state of a running cluster
  'status.not-founded': {
    exit: 3,
    when: 'The cluster has not been founded, or its founding has not come to its end.',
    action: 'Run keelson apply.',
  },
  'status.out-of-reach': {
    exit: 3,
    when: 'No member can be reached from here, so that nothing is known of the quorum.',
    action: 'See that machines and network are up, and that sshd forwards connections.',
  },
  'status.quorum-lost': {
    exit: 3,
    when: 'Fewer voters are healthy than the quorum needs: etcd takes no writes.',
    action:
      'Bring the members named back. If their data is gone for good, restore a snapshot; never found a new cluster in its place.',
  },
  'status.no-leader': {
    exit: 3,
    when: 'The members have no leader.',
    action: 'Wait for the election; if it lasts, look at the network between the members, their clocks and disks.',
  },
  'status.cluster-split': {
    exit: 3,
    when: 'Members answer for different etcd clusters.',
    action: 'Change nothing before it is clear which one is right; keep the data directories.',
  },
  'status.member-down': {
    exit: 3,
    when: 'A member is not a healthy voter.',
    action: 'Look at the machine and the kubelet’s log there; keelson apply repairs what it can.',
  },
  'status.member-unknown-health': {
    exit: 3,
    when: 'A member could not be asked, and nothing on its machine says that it is ill: it may be well.',
    action: 'Read the reason; see that sshd on the machine forwards connections, then ask again.',
  },
  'status.member-missing': {
    exit: 3,
    when: 'A configured member is not in etcd’s member list.',
    action: 'It has to be added as a member again before it is started.',
  },
  'status.member-unknown': {
    exit: 3,
    when: 'etcd’s member list has a member that cluster.yaml does not know.',
    action: 'Find out who added it; remove it (etcdctl member remove) if it is nobody’s.',
  },
  'status.learner': {
    exit: 3,
    when: 'A member is a learner: it has no vote, and while it is there no other one can be added.',
    action: 'Promote it when it has the whole log (etcdctl member promote), or remove it.',
  },
  'status.alarm-nospace': {
    exit: 3,
    when: 'A database has reached its quota: etcd takes no writes, only reads and deletes.',
    action:
      'In this order: compact to the current revision, defragment each member (the leader last), disarm the alarm, verify a write; then raise spec.etcd.quotaBackendBytes if it is needed.',
  },
  'status.alarm-corrupt': {
    exit: 3,
    when: 'Members hold different data at the same revision.',
    action:
      'Compare etcdctl endpoint hashkv --cluster; replace the members that differ from the majority, or restore a snapshot; disarm the alarm only then.',
  },
  'status.alarm': {
    exit: 3,
    when: 'A member reports something that keelson does not know more about.',
    action: 'Look at the member’s log.',
  },
  'status.database-size': {
    exit: 3,
    when: 'A database is close to its quota.',
    action: 'Compact and defragment (the leader last), or raise spec.etcd.quotaBackendBytes.',
  },
  'status.certificate-expiring': {
    exit: 3,
    when: 'A certificate on a machine expires soon.',
    action: 'Renew it in time; etcd reads new leaf certificates without a restart.',
  },
  'status.certificate-invalid': {
    exit: 3,
    when: 'A certificate on a machine has expired, or is not valid yet.',
    action:
      'Run keelson apply, which issues leaf certificates again; compare the machines’ clocks if it is not valid yet.',
  },
  'status.certificate-damaged': {
    exit: 3,
    when: 'A certificate or key file on a machine is missing, cannot be read, does not fit its pair, or is not of the cluster’s CA: no new connection can be made with it.',
    action: 'Run keelson apply, which issues it again and restarts nothing; find out who changed the file.',
  },
  'status.certificate-served': {
    exit: 3,
    when: 'A member, or an API server, serves another certificate than the one on its disk.',
    action: 'Restart the member with keelson apply, one at a time.',
  },
  'status.version-skew': {
    exit: 3,
    when: 'Members run different versions of etcd.',
    action: 'Finish the change of versions: a mixed cluster works as the oldest of them.',
  },
  'status.not-made': {
    exit: 3,
    when: 'etcd has been founded, and there is no Kubernetes cluster on it yet.',
    action: 'Run keelson apply.',
  },
  'status.no-api-server': {
    exit: 3,
    when: 'No API server of the cluster is ready: nothing in it can be looked at or changed.',
    action:
      'Look at etcd first, without which no API server is ready; then at the kubelet’s log on a control plane and at /var/log/pods/kube-system_kube-apiserver-*.',
  },
  'status.api-server': {
    exit: 3,
    when: 'An API server is not ready, or nothing listens on its port.',
    action:
      'Look at the kubelet’s log on the machine and at /var/log/pods/kube-system_kube-apiserver-*; keelson status says whether its etcd member is healthy.',
  },
  'status.api-server-unknown': {
    exit: 3,
    when: 'An API server could not be asked, and nothing says that it is not ready.',
    action: 'Read the reason; see that sshd on the machine forwards connections, then ask again.',
  },
  'status.endpoint': {
    exit: 3,
    when: 'The API does not answer at the control plane’s endpoint, as the first control plane sees it.',
    action:
      'See that the load balancer runs, has the address and finds the API servers healthy; keelson apply mends its own.',
  },
  'status.virtual-ip': {
    exit: 3,
    when: 'No machine of the load balancer holds the virtual IP, or several do.',
    action:
      'Look at keepalived’s log on each of them. Several: they must be able to send VRRP (IP protocol 112) to each other.',
  },
  'status.load-balancer': {
    exit: 3,
    when: 'haproxy or keepalived does not run on a machine of the load balancer.',
    action: 'Run keelson apply, which starts it; look at its log for why it ended.',
  },
  'status.manifest-missing': {
    exit: 3,
    when: 'A control plane lacks the manifest of one of its static pods.',
    action:
      'Find out who moved it, and put it back; kubeadm init phase control-plane (or etcd local) makes it again from the configuration in the cluster.',
  },
  'status.node-not-ready': {
    exit: 3,
    when: 'A node is not Ready, in the words of its kubelet or of the controller that misses it.',
    action: 'Look at the machine, and at the logs of its kubelet and its container runtime.',
  },
  'status.node-missing': {
    exit: 3,
    when: 'A machine of cluster.yaml is not a node of the cluster.',
    action: 'Run keelson apply: the machine joins.',
  },
  'status.node-unknown': {
    exit: 3,
    when: 'The cluster has a node that cluster.yaml does not list.',
    action: 'Find out who added it; list its machine, or drain it and delete the Node.',
  },
  'status.no-lease-holder': {
    exit: 3,
    when: 'No controller manager, or no scheduler, holds its lease: nothing is controlled, or no pod is placed.',
    action: 'Look at /var/log/pods/kube-system_kube-controller-manager-* (or scheduler) on each control plane.',
  },
  'status.kubernetes-skew': {
    exit: 3,
    when: 'A kubelet is newer than an API server, or more than three minor versions older; or API servers are more than one apart.',
    action: 'Upgrade what is behind, the API servers first; a kubelet that is newer has to go back.',
  },
  'status.kubelet': {
    exit: 3,
    when: 'The kubelet does not run, so that nobody would start etcd, or any other pod, again.',
    action: 'Run keelson apply, which starts it.',
  },
  'status.drift': {
    exit: 3,
    when: 'A machine differs from what cluster.yaml wants.',
    action: 'Look at it with keelson plan; keelson apply repairs it, one member at a time.',
  },

  // --- safety rules: what keelson refuses to do
  'safety.unknown-fact': {
    exit: 5,
    when: 'A fact that a step rests on could not be read.',
    action: 'Make the machine reachable, then plan again.',
  },
  'safety.quorum': {
    exit: 5,
    when: 'A step would leave fewer healthy voters than the quorum.',
    action: 'Bring the other members back first; see keelson status.',
  },
  'safety.others-unhealthy': {
    exit: 5,
    when: 'A member would be disturbed while another one is not healthy.',
    action: 'Bring the other member back first; see keelson status.',
  },
  'safety.cluster-id': {
    exit: 5,
    when: 'A member answers with another etcd cluster id than the vault’s.',
    action: 'Find out which cluster the member belongs to before anything is changed.',
  },
  'safety.foreign-host': {
    exit: 5,
    when: 'A machine carries the record of another cluster.',
    action: 'Take the machine out of cluster.yaml, or reset it from its own cluster first.',
  },
  'safety.machine-id': {
    exit: 5,
    when: 'A machine is not the one that was recorded under its name.',
    action: 'Put the recorded machine back; replacing a machine is a capability of its own.',
  },
  'safety.twin': {
    exit: 5,
    when: 'Two names in cluster.yaml lead to one machine, or to clones with one machine-id.',
    action: 'Give each member a machine of its own; a clone needs a new /etc/machine-id.',
  },
  'safety.foreign-data': {
    exit: 5,
    when: 'A data directory holds data that this cluster did not make.',
    action: 'Look at the directory on the machine; move the data away if nobody needs it.',
  },
  'safety.foreign-control-plane': {
    exit: 5,
    when: 'A machine for etcd already runs static pods or holds keys of another Kubernetes cluster.',
    action: 'Use a machine of its own for etcd, or clean this one by hand.',
  },
  'safety.vault-lost': {
    exit: 5,
    when: 'Machines belong to a cluster whose vault is not here.',
    action: 'Restore the vault folder from its backup, or name it with --vault.',
  },
  'safety.vault-old': {
    exit: 5,
    when: 'The vault is older than the machines: they record a founding that it does not know.',
    action: 'Restore the newest copy of the vault folder.',
  },
  'safety.data-gone': {
    exit: 5,
    when: 'A member of a founded cluster has lost its data directory; starting it would not bring the data back.',
    action: 'Leave it stopped. The member has to be replaced (member remove, then add) while the others keep quorum.',
  },
  'safety.all-data-gone': {
    exit: 5,
    when: 'No machine of a founded cluster has its data any more.',
    action: 'Restore a snapshot; a new and empty cluster is never founded in its place.',
  },
  'safety.founding-quorum': {
    exit: 5,
    when: 'A founding may have had a quorum, so that it cannot be started over.',
    action: 'Go on with the founding: keelson apply without --restart-founding.',
  },

  // --- reset
  'reset.current-member': {
    exit: 5,
    when: 'A machine to be reset by itself is a member of the cluster.',
    action: 'Reset the whole cluster, or remove the member first; that is a capability of its own.',
  },
  'reset.unknown-host': {
    exit: 1,
    when: 'A machine to be reset is neither in cluster.yaml nor in the inventory of what was applied last.',
    action: 'Correct the name, or say where the machine is: NAME=ADDRESS.',
  },
  'reset.foreign-containers': {
    exit: 5,
    when: 'The containerd that keelson brought, and would remove, also runs containers that keelson did not start.',
    action: 'Stop these containers, then run the same command again.',
  },
  'reset.nothing-there': {
    exit: 0,
    when: 'A machine carries no record of keelson: there is nothing to remove.',
    action: 'Nothing: what lies there is not keelson’s.',
  },
  'reset.left-in-place': {
    exit: 0,
    when: 'Beside keelson’s files lie others, which a reset leaves alone.',
    action: 'Look at them, and remove by hand what nobody needs.',
  },
  'reset.left-out': {
    exit: 0,
    when: 'A machine is left out of a reset: it keeps its data and keys, and the vault stays as it is.',
    action:
      'Run keelson reset again when the machine is back. If it never comes back, move the vault’s folder away by hand.',
  },

  'reset.vault-sealed': {
    exit: 0,
    when: 'A reset is planned without the identity that opens the vault: what lies in it is put aside unread.',
    action:
      'Keep the folder that is named if anybody may still want to read old backups of this cluster; the identity of one of its recipients opens it. Else remove it by hand.',
  },

  // --- changes after the founding that cannot be made yet
  'change.hosts': {
    exit: 5,
    when: 'Machines were added to or removed from a founded cluster, or have another role. Workers may be added.',
    action: 'Put the list of hosts back as it was; only workers can be added.',
  },
  'change.network': {
    exit: 5,
    when: 'The networks of pods or Services, or the DNS domain, of a cluster that is there were changed.',
    action: 'Put it back as it was; another network is another cluster.',
  },
  'change.endpoint': {
    exit: 5,
    when: 'The endpoint of a cluster that is there was changed.',
    action: 'Put it back as it was; kubeadm does not support another one.',
  },
  'change.address': { exit: 5, when: 'A member’s address was changed.', action: 'Put the address back.' },
  'change.name': { exit: 5, when: 'The cluster was given another name.', action: 'Put metadata.name back as it was.' },
  'change.ports': { exit: 5, when: 'etcd’s ports were changed.', action: 'Put the ports back.' },
  'change.data-dir': { exit: 5, when: 'etcd’s data directory was changed.', action: 'Put dataDir back.' },
  'change.ca': {
    exit: 5,
    when: 'The certificate authority was changed.',
    action: 'Put the CA back; rotating it is a capability of its own.',
  },
  'change.algorithm': { exit: 5, when: 'The key algorithm was changed.', action: 'Put pki.algorithm back.' },
  'change.kubernetes-version': {
    exit: 5,
    when: 'kubernetesVersion was changed.',
    action: 'Put kubernetesVersion back; upgrading is a capability of its own.',
  },
  'plan.stale': {
    exit: 1,
    when: 'A saved plan does not fit the configuration or the machines any more.',
    action: 'Make a new plan.',
  },

  // --- vault
  'vault.absent': {
    exit: 1,
    when: 'Something needs the vault, or a part of it, and it has not been made.',
    action: 'Check that this is the right folder; if the vault was lost, restore it from its backup.',
  },
  'vault.unreadable': {
    exit: 1,
    when: 'The vault’s files are damaged or incomplete.',
    action: 'Restore the vault folder from its backup.',
  },
  'vault.version': {
    exit: 1,
    when: 'The vault was written by a newer keelson.',
    action: 'Use the version that wrote it, or a newer one.',
  },
  'vault.ca-mismatch': {
    exit: 1,
    when: 'The CA certificate and the CA key in the vault do not belong together.',
    action: 'Restore etcd-ca.crt and etcd-ca.key.age together from the same backup.',
  },
  'vault.conflict': {
    exit: 5,
    when: 'The vault already records something else: another cluster, another CA, a later phase, an earlier run. It is never overwritten.',
    action: 'Check that --vault and cluster.yaml belong to the same cluster.',
  },
  'vault.busy': {
    exit: 4,
    when: 'Another process on this machine is writing the vault.',
    action: 'Wait for it to end, then run the same command again.',
  },
  'vault.write-failed': {
    exit: 1,
    when: 'A file of the vault, or the age identity, cannot be written.',
    action: 'See that the folder is yours, writable, and its disk not full.',
  },
  'vault.identity-missing': {
    exit: 1,
    when: 'The age identity that opens the vault is not there.',
    action: 'Put the identity file back, or name it with --identity.',
  },
  'vault.ca-key-missing': {
    exit: 1,
    when: 'The vault has lost the CA’s private key.',
    action: 'Restore etcd-ca.key.age from the vault’s backup.',
  },
  'vault.identity-wrong': {
    exit: 1,
    when: 'The age identity does not open this vault.',
    action: 'Use an identity of one of the recipients.',
  },
  'vault.identity-unreadable': {
    exit: 1,
    when: 'The identity file cannot be read, or holds no age identity.',
    action: 'Put the identity file back from its backup, or name another one with --identity.',
  },
  'vault.recipient-invalid': {
    exit: 1,
    when: 'A recipient is not an age recipient, or cannot be combined with the others.',
    action: 'Give age1... recipients in vault.recipients; SSH keys are not supported.',
  },
  'vault.recipients-unclear': {
    exit: 5,
    when: 'Somebody can open the vault whom spec.vault.recipients does not name, and it does not name your own identity either: nobody is taken out by a list that may not be everybody.',
    action: 'Name your own identity in the list, too, or name again whom it has lost.',
  },
  'vault.run-unknown': {
    exit: 1,
    when: 'There is no journal of that run.',
    action: 'List the runs with keelson runs.',
  },

  internal: { exit: 1, when: 'A fault in keelson itself.', action: 'Run again with -v and report the output.' },
  usage: { exit: 1, when: 'The command line is wrong.', action: 'See keelson --help.' },
  timeout: {
    exit: 1,
    when: 'A command was not done within --timeout.',
    action: 'Run the same command again, with a longer --timeout or none.',
  },
  interrupted: {
    exit: 130,
    when: 'The run was interrupted by a signal.',
    action: 'Run the same command again; it goes on where it was.',
  },
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof errorCodes;
