import { type ReadCommand, readCommand, script } from '../command.ts';

/** `KEY=VALUE` lines about the machine itself; see facts/machine.ts for what is read from them. */
export function machine(): ReadCommand {
  const text = [
    'r() { [ -r "$2" ] && { IFS= read -r l <"$2" || [ -n "$l" ]; } && printf "%s=%s\\n" "$1" "$l"; }',
    'r machineId /etc/machine-id',
    'r bootId /proc/sys/kernel/random/boot_id',
    'r hostname /proc/sys/kernel/hostname',
    'u=$(uname -rm); echo "kernel=${u% *}"; echo "architecture=${u##* }"',
    'echo "uid=$(id -u)"',
    `sed -n -e 's/^ID=/osId=/p' -e 's/^VERSION_ID=/osVersion=/p' -e 's/^PRETTY_NAME=/osName=/p' /etc/os-release 2>/dev/null`,
    '[ -d /run/systemd/system ] && { v=$(systemctl --version); v=${v#* }; echo "systemd=${v%% *}"; }',
    'echo "cgroup=$(stat -f -c %T /sys/fs/cgroup 2>/dev/null)"',
    `echo "swapKiB=$(awk 'NR>1 {s+=$3} END {print s+0}' /proc/swaps 2>/dev/null)"`,
    'for t in flock sha256sum base64 openssl stat find timeout systemd-run bash ss systemd-socket-activate apt-get; do command -v $t >/dev/null || echo "missing=$t"; done',
    `sed -n 's/^CapEff:[[:space:]]*/capabilities=/p' /proc/self/status`,
    'echo "clock=$(date +%s.%N)"',
  ].join('\n');
  return readCommand('machine', script(text, []));
}

/**
 * `TOOL|PATH|STAMP|VERSION` for each program that is installed, as it names its own version; the stamp is of its file. `known` are
 * `TOOL=STAMP`: such a program is not started again, and its version is said to be `same`.
 */
export function versions(known: readonly string[] = []): ReadCommand {
  const text = [
    'k=" $* "; export GOGC=off GOMAXPROCS=1',
    'v() { t=$1; p=$(command -v "$t") || return 0; s=$(stat -Lc %d-%i-%s-%.9Z -- "$p"); shift',
    'case $k in *" $t=$s "*) printf "%s|%s|%s|same\\n" "$t" "$p" "$s";;',
    '*) printf "%s|%s|%s|%s\\n" "$t" "$p" "$s" "$("$p" "$@" 2>/dev/null | head -n1)";; esac; }',
    'v kubeadm version -o short & v kubelet --version & v containerd --version & v runc --version & wait',
  ].join('\n');
  return readCommand('versions', script(text, known));
}

/** The container runtime's own configuration (`containerd config dump`): cgroup driver, sandbox image, socket. */
export function runtime(): ReadCommand {
  return readCommand(
    'runtime',
    script('command -v containerd >/dev/null || exit 127; exec containerd config dump', []),
  );
}

/** One image reference a line, of the namespace that the kubelet uses. */
export function images(socket: string): ReadCommand {
  return readCommand(
    'images',
    script('command -v ctr >/dev/null || exit 127; exec ctr --address "$1" -n k8s.io images ls -q', [socket]),
  );
}
