#!/bin/sh
# Runs one machine until it is powered off; machine.ts starts it with all settings in the environment.
#
# Without CAP_SYS_TIME: the clock is the whole computer's.
# With --keep-unit systemd-nspawn ends with 133 when the machine reboots, and leaves the rest to its service manager,
# which is this loop. Each round starts as a real boot does: with a new network namespace (no packet filter rule, route
# or interface of the time before) and no cgroup left.
set -eu

for group in $SUPERVISOR_GROUPS; do
  echo $$ >"$group/cgroup.procs"
done

remove_network() {
  ip link delete "$VETH" 2>/dev/null || true
  ip netns delete "$NETWORK_NAMESPACE" 2>/dev/null || true
}

make_network() {
  remove_network
  ip netns add "$NETWORK_NAMESPACE"
  ip link add "$VETH" type veth peer name host0 address "$HARDWARE_ADDRESS" netns "$NETWORK_NAMESPACE"
  ip link set "$VETH" master "$BRIDGE" up
  {
    echo "link set lo up"
    echo "addr add $ADDRESS/24 dev host0"
    if [ -n "$ADDRESS6" ]; then echo "addr add $ADDRESS6/64 dev host0 nodad"; fi
    echo "link set host0 up"
    # kubeadm wants a default route; nothing is forwarded.
    echo "route add default via $GATEWAY"
    if [ -n "$GATEWAY6" ]; then echo "route add default via $GATEWAY6 dev host0"; fi
  } | ip -n "$NETWORK_NAMESPACE" -batch -
}

remove_leftover_groups() {
  for group in $MACHINE_GROUPS; do
    find "$group" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

status=133
while [ "$status" = 133 ]; do
  make_network
  status=0
  (
    # $$ is the loop's number also here, so a new shell joins for itself.
    exec sh -c '
      for group in $MACHINE_GROUPS; do echo $$ >"$group/cgroup.procs"; done
      exec systemd-nspawn --quiet --directory="$ROOT" --machine="$CONTAINER" --hostname="$HOST_NAME" --boot \
        --register=no --keep-unit --console=pipe --network-namespace-path="/run/netns/$NETWORK_NAMESPACE" \
        --resolv-conf=off --timezone=off --capability=all --drop-capability=CAP_SYS_TIME --system-call-filter=@known \
        --bind=/dev/kmsg --bind=/dev/fuse
    '
  ) || status=$?
  remove_leftover_groups
done
remove_network
exit "$status"
