import { type ReadCommand, readCommand, script, type WriteCommand, writeCommand } from '../command.ts';

/** Exit code of {@link etcdManifest}: nothing was made, because the same kubeadm would make the same again. */
export const SAME_KUBEADM = 77;

/**
 * The static pod manifest that the machine's own kubeadm makes from a configuration on stdin. It writes only into a folder
 * of its own under /run, which the same command removes: the one write that a read may do. What the manifest was made by is told on
 * stderr: a stamp of the program's file. Where the machine's kubeadm still has the stamp `known`, the answer is {@link SAME_KUBEADM} and no
 * manifest: starting it costs 30 ms of a processor, and a run asks often.
 * Source: `kubeadm init phase etcd local --dry-run` with KUBEADM_INIT_DRYRUN_DIR (cmd/kubeadm/app/constants).
 */
export function etcdManifest(kubeadmConfig: string, known = ''): ReadCommand {
  const text = [
    'k=$(command -v kubeadm) || exit 127; k=$(stat -Lc %d-%i-%s-%.9Z -- "$k") || exit 1',
    `[ "$k" != "$1" ] || exit ${SAME_KUBEADM}`,
    'umask 077; d=$(mktemp -d "${XDG_RUNTIME_DIR:-/run}/keelson-dryrun.XXXXXXXX") || exit 1',
    `trap 'rm -rf -- "$d"' EXIT; trap 'exit 143' HUP INT TERM`,
    'cat >"$d/config.yaml" || exit 1',
    'GOGC=off GOMAXPROCS=1 KUBEADM_INIT_DRYRUN_DIR="$d" kubeadm init phase etcd local --dry-run --config "$d/config.yaml" >"$d/out" 2>&1',
    'rc=$?; if [ $rc -ne 0 ]; then cat "$d/out" >&2; exit $rc; fi',
    'printf "%s\\n" "$k" >&2; cat "$d/etcd.yaml"',
  ].join('\n');
  return readCommand('etcd-manifest', script(text, [known]), { stdin: kubeadmConfig, timeoutMs: 30_000 });
}

/** `PID|BASE64` of the null-separated arguments, for each process called etcd, containers included. */
export function etcdProcess(): ReadCommand {
  const text =
    'for d in /proc/[0-9]*; do read -r c <"$d/comm" || continue; [ "$c" = etcd ] && printf "%s|%s\\n" "${d#/proc/}" "$(base64 -w0 "$d/cmdline")"; done 2>/dev/null; exit 0';
  return readCommand('etcd-process', script(text, []));
}

/**
 * Replaces a running static pod's manifest by one that lies ready on the machine. A manifest that is changed in place costs 10 to 15 s: the
 * kubelet starts the new pod only at its next back-off after the old one has ended (allowStaticPodStart in pkg/kubelet/pod_workers.go).
 * Taken away first, and put back when the kubelet's worker of the old pod has ended (completeTerminated there), it costs about 2 s. The machine does both by itself, so that
 * a lost connection never leaves it between the two.
 *
 * `together`: all members are restarted at once, before anybody uses the cluster. A leader whose followers go down with it waits 7 s for a
 * successor; after a third of a second it is ended, which etcd's log survives as it survives a power cut.
 */
export function swapManifest(prepared: string, manifest: string, options: { together: boolean }): WriteCommand {
  const text = [
    // Whoever stops the unit waits: between taking away and putting back is no place to end.
    `trap '' TERM INT HUP`,
    'new=$1 target=$2 together=$3; dir=$(dirname -- "$target"); umask 077',
    '[ -f "$new" ] || exit 66',
    'pod= etcd= cgroup=',
    'for d in /proc/[0-9]*; do read -r c <"$d/comm" || continue; [ "$c" = etcd ] || continue',
    `  cgroup=$(sed -n 's#^[0-9]*:\\(memory\\|name=systemd\\|\\):\\(.*pod[0-9a-f_-]\\{32,36\\}[^/]*\\)/.*#\\2#p' "$d/cgroup" | head -n1)`,
    `  pod=$(printf '%s\\n' "$cgroup" | sed -n 's#.*pod\\([0-9a-f_-]\\{32,36\\}\\).*#\\1#p' | tr _ -); etcd=\${d#/proc/}; [ -n "$pod" ] && break; done 2>/dev/null`,
    'group() { for r in /sys/fs/cgroup/memory /sys/fs/cgroup/systemd /sys/fs/cgroup; do [ -d "$r$cgroup" ] && return 0; done; return 1; }',
    'rm -f -- "$target"; sync -- "$dir"',
    // In vain past the deadline, or too early: then the kubelet takes its back-off, and nothing else is lost. The pod's cgroup is the last
    // thing that its worker removes, half a second after the process' end; a pass that the kubelet makes every 2 s may remove it before.
    'n=0 dead=0; [ -z "$pod" ] || while [ $n -lt 1000 ]; do n=$((n+1)); [ -d "/proc/$etcd" ] || dead=$((dead+1))',
    '  [ $dead -lt 20 ] || group || break; sleep 0.03',
    '  [ "$together" = yes ] && [ $n = 10 ] && read -r c <"/proc/$etcd/comm" && [ "$c" = etcd ] && kill -KILL "$etcd"; done 2>/dev/null',
    '[ -z "$pod" ] || sleep 0.2',
    // The kubelet passes over names that begin with a dot.
    'tmp=$dir/.keelson-$$; cp -- "$new" "$tmp" && chmod 600 "$tmp" && sync -- "$tmp" && mv -fT -- "$tmp" "$target" && sync -- "$dir" && rm -f -- "$new"',
  ].join('\n');
  return writeCommand('swap-manifest', script(text, [prepared, manifest, options.together ? 'yes' : 'no']), {
    mayBeLong: true,
    timeoutMs: 60_000,
  });
}
