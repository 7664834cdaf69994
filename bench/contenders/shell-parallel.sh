#!/bin/bash
# The same work as shell-serial.sh, with everything at the same time that can be: kubelets start while certificates are made,
# each member's certificates are made at once, and a member starts when its own have arrived, without waiting for others.
# Arguments: ssh_config, the folder of files, the hosts.
set -euo pipefail
config=$1 files=$2
shift 2
hosts=("$@")
first=${hosts[0]}
on() { ssh -F "$config" "$@"; }

pids=()
for host in "${hosts[@]:1}"; do
  on "$host" bash -s <"$files/kubelet.sh" &
  pids+=($!)
done

# The authority, with all configuration in the same stream; the first host's kubelet meanwhile.
tar -C "$files" -c kubelet.sh "${hosts[@]}" | on "$first" "
set -e
tar -C /tmp -x
bash /tmp/kubelet.sh &
kubeadm init phase certs etcd-ca --config=/tmp/$first/kubeadmcfg.yaml
wait \$!"

# Makes one member's four certificates. With the host's name as its argument, on the first host.
issue='
set -e
pki=/etc/kubernetes/pki
if [ "$host" != "$first" ]; then
  pki=/tmp/$host/pki
  mkdir -p $pki/etcd
  cp -p /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/etcd/ca.key $pki/etcd/
fi
jobs=
for phase in etcd-server etcd-peer etcd-healthcheck-client apiserver-etcd-client; do
  kubeadm init phase certs $phase --config=/tmp/$host/issue.yaml >&2 &
  jobs="$jobs $!"
done
for job in $jobs; do wait $job; done
'
start='
set -e
kubeadm init phase etcd local --config=$place/kubeadmcfg.yaml
until curl -fs http://127.0.0.1:2381/health | grep -q "\"health\":\"true\""; do sleep 0.05; done
'
for host in "${hosts[@]:1}"; do
  {
    on "$first" "host=$host first=$first; $issue rm \$pki/etcd/ca.key; tar -C /tmp/$host -c pki kubeadmcfg.yaml" |
      on "$host" "set -e; tar -C /root --no-same-owner -x; mv /root/pki /etc/kubernetes/; place=/root; $start"
  } &
  pids+=($!)
done
on "$first" "host=$first first=$first; $issue place=/tmp/$first; $start" &
pids+=($!)
for pid in "${pids[@]}"; do wait "$pid"; done
