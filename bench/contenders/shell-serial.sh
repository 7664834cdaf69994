#!/bin/bash
# "Set up a High Availability etcd Cluster with kubeadm", step by step and host by host. The page's blocks are run as they stand, with
# ssh and scp as anybody has them: each is a connection of its own. Arguments: ssh_config, the folder of files, the hosts.
set -euo pipefail
config=$1 files=$2
shift 2
hosts=("$@")
first=${hosts[0]}
own=(-F "$config" -o ControlMaster=no -o ControlPath=none)
on() { ssh "${own[@]}" "$@"; }
copy() { scp -q "${own[@]}" "$@"; }

# 1. The kubelet as a service manager for etcd.
for host in "${hosts[@]}"; do
  on "$host" bash -s <"$files/kubelet.sh"
done

# 2. Configuration files for kubeadm.
for host in "${hosts[@]}"; do
  on "$first" mkdir -p "/tmp/$host"
  copy "$files/$host/kubeadmcfg.yaml" "$first:/tmp/$host/"
done

# 3. The certificate authority.
on "$first" kubeadm init phase certs etcd-ca --config="/tmp/$first/kubeadmcfg.yaml"

# 4. Certificates for each member, the first one's last.
for ((n = ${#hosts[@]} - 1; n >= 0; n--)); do
  host=${hosts[n]}
  on "$first" bash -s "$host" "$first" <<'END'
set -e
for phase in etcd-server etcd-peer etcd-healthcheck-client apiserver-etcd-client; do
  kubeadm init phase certs $phase --config="/tmp/$1/kubeadmcfg.yaml"
done
[ "$1" != "$2" ] || exit 0
cp -R /etc/kubernetes/pki "/tmp/$1/"
find /etc/kubernetes/pki -not -name ca.crt -not -name ca.key -type f -delete
find "/tmp/$1" -name ca.key -type f -delete
END
done

# 5. Certificates and configuration to the other members.
for host in "${hosts[@]:1}"; do
  copy -3 -r "$first:/tmp/$host/pki" "$first:/tmp/$host/kubeadmcfg.yaml" "$host:"
  on "$host" 'chown -R root:root pki && mv pki /etc/kubernetes/'
done

# 6. The static pods.
for host in "${hosts[@]}"; do
  if [ "$host" = "$first" ]; then place=/tmp/$host; else place=/root; fi
  on "$host" kubeadm init phase etcd local --config="$place/kubeadmcfg.yaml"
done

# 7. Health.
for host in "${hosts[@]}"; do
  on "$host" 'until curl -fs http://127.0.0.1:2381/health | grep -q "\"health\":\"true\""; do sleep 0.1; done'
done
