import { type ReadCommand, readCommand, script } from '../command.ts';

/**
 * The static pod manifest that the machine's own kubeadm makes from a configuration on stdin. It writes only into a folder
 * of its own under /run, which the same command removes: the one write that a read may do.
 * Source: `kubeadm init phase etcd local --dry-run` with KUBEADM_INIT_DRYRUN_DIR (cmd/kubeadm/app/constants).
 */
export function etcdManifest(kubeadmConfig: string): ReadCommand {
  const text = [
    'command -v kubeadm >/dev/null || exit 127',
    'umask 077; d=$(mktemp -d "${XDG_RUNTIME_DIR:-/run}/keelson-dryrun.XXXXXXXX") || exit 1',
    `trap 'rm -rf -- "$d"' EXIT; trap 'exit 143' HUP INT TERM`,
    'cat >"$d/config.yaml" || exit 1',
    'KUBEADM_INIT_DRYRUN_DIR="$d" kubeadm init phase etcd local --dry-run --config "$d/config.yaml" >"$d/out" 2>&1',
    'rc=$?; if [ $rc -ne 0 ]; then cat "$d/out" >&2; exit $rc; fi',
    'cat "$d/etcd.yaml"',
  ].join('\n');
  return readCommand('etcd-manifest', script(text, []), { stdin: kubeadmConfig, timeoutMs: 30_000 });
}

/** `PID|BASE64` of the null-separated arguments, for each process called etcd, containers included. */
export function etcdProcess(): ReadCommand {
  const text =
    'for d in /proc/[0-9]*; do read -r c <"$d/comm" || continue; [ "$c" = etcd ] && printf "%s|%s\\n" "${d#/proc/}" "$(base64 -w0 "$d/cmdline")"; done 2>/dev/null; exit 0';
  return readCommand('etcd-process', script(text, []));
}
