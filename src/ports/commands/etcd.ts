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
    `trap 'rm -rf -- "$d"' EXIT; trap 'exit 143' HUP INT TERM PIPE`,
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

/** The container in which a member runs while its cluster is founded, until the kubelet takes it over. */
export const FOUNDING_CONTAINER = 'keelson-founding';
/** Where it writes its log. */
export const FOUNDING_LOG = '/run/keelson/founding.log';

/** `k` is containerd's own client; `forget` removes what is left of the container. */
export const FOUNDING_SCRIPT = [
  `c=${FOUNDING_CONTAINER}; k() { ctr --connect-timeout 5s --address "$s" -n k8s.io "$@"; }`,
  'forget() { k tasks kill -a -s KILL "$c"; k tasks rm -f "$c"; k containers rm "$c"; } >/dev/null 2>&1',
  // Puts into `$pids` the processes of the container that are called etcd.
  'founders() { pids=; for p in /proc/[0-9]*; do read -r n <"$p/comm" && [ "$n" = etcd ] && grep -q "/$c" "$p/cgroup" && pids="$pids ${p#/proc/}"; done 2>/dev/null; }',
  // A leader whose peers are gone would wait for 7 s for a successor; its log survives the end as it survives a power cut.
  'end_founding() { for sig in $1 KILL; do founders; [ -n "$pids" ] || return; for p in $pids; do kill -s $sig "$p"; done 2>/dev/null',
  '  n=0; while founders; [ -n "$pids" ] && [ $n -lt 100 ]; do sleep 0.02; n=$((n+1)); done; done; }',
].join('\n');

/**
 * Starts a member with an empty data directory, in a container of its own and not by the kubelet: a manifest with `initial-cluster-state: new`
 * is then never on any machine, and nothing starts such a member again after it has been stopped. It outlives the command. A container that
 * an earlier attempt has left is ended first; its data stays.
 */
export function foundMember(
  place: { socket: string; image: string; dataDir: string; pkiDir: string },
  argv: readonly string[],
): WriteCommand {
  const text = [
    's=$1 image=$2 data=$3 pki=$4; shift 4; umask 077',
    FOUNDING_SCRIPT,
    'end_founding KILL; mkdir -p /run/keelson',
    'm() { printf "type=bind,src=%s,dst=%s,options=rbind:%s" "$1" "$1" "$2"; }',
    // As a rule there is no such container and there is the image: each question would cost as much as the start.
    `try() { : >${FOUNDING_LOG}; why=$(k run --detach --net-host --log-uri "file://${FOUNDING_LOG}" --mount "$(m "$data" rw)" --mount "$(m "$pki" ro)" "$image" "$c" "$@" 2>&1); }`,
    'try "$@" && exit 0; forget; try "$@" && exit 0',
    'forget; if ! k images ls -q "name==$image" | grep -qxF -e "$image"; then',
    '  { crictl -r "unix://$s" pull "$image" || k images pull --hosts-dir /etc/containerd/certs.d "$image"; } >/dev/null 2>&1 || { echo "containerd has no image $image, and cannot pull it" >&2; exit 71; }',
    '  try "$@" && exit 0; forget; fi',
    'printf "%s\\n" "$why" >&2; exit 1',
  ].join('\n');
  return writeCommand('found-member', script(text, [place.socket, place.image, place.dataDir, place.pkiDir, ...argv]), {
    mayBeLong: true,
    timeoutMs: 300_000,
  });
}

/** A static pod that is away while another one is exchanged: its manifest, and where that lies meanwhile. */
export interface HeldManifest {
  manifest: string;
  held: string;
}

/**
 * Replaces a running static pod's manifest by one that lies ready on the machine. A manifest that is changed in place costs 10 to 15 s: the
 * kubelet starts the new pod only at its next back-off after the old one has ended (allowStaticPodStart in pkg/kubelet/pod_workers.go).
 * Taken away first, and put back when the kubelet's worker of the old pod has ended (completeTerminated there), it costs about 2 s. A member
 * that still runs as its cluster was founded is no pod, and is ended before. The machine does all of it by itself, so that a lost connection never leaves it between
 * the two.
 *
 * `beside` is the API server that stands on this etcd alone: it is taken away first. Before the kubelet starts a static pod it removes the
 * mirror pod of the old one, through an API server that would hang for 40 s on its missing etcd; one that is not there refuses at once.
 */
export function swapManifest(prepared: string, manifest: string, socket: string, beside?: HeldManifest): WriteCommand {
  const text = [
    // Whoever stops the unit waits: between taking away and putting back is no place to end.
    `trap '' TERM INT HUP`,
    'new=$1 target=$2 s=$3 b=$4 held=$5; dir=$(dirname -- "$target"); umask 077',
    '[ -f "$new" ] || exit 66',
    FOUNDING_SCRIPT,
    'pod= etcd= cgroup=',
    'for d in /proc/[0-9]*; do read -r c2 <"$d/comm" || continue; [ "$c2" = etcd ] || continue',
    `  cgroup=$(sed -n 's#^[0-9]*:\\(memory\\|name=systemd\\|\\):\\(.*pod[0-9a-f_-]\\{32,36\\}[^/]*\\)/.*#\\2#p' "$d/cgroup" | head -n1)`,
    `  pod=$(printf '%s\\n' "$cgroup" | sed -n 's#.*pod\\([0-9a-f_-]\\{32,36\\}\\).*#\\1#p' | tr _ -); etcd=\${d#/proc/}; [ -n "$pod" ] && break; done 2>/dev/null`,
    'group() { for r in /sys/fs/cgroup/memory /sys/fs/cgroup/systemd /sys/fs/cgroup; do [ -d "$r$cgroup" ] && return 0; done; return 1; }',
    'back() { [ -z "$held" ] || [ ! -f "$held" ] || { mv -fT -- "$held" "$b" && sync -- "$dir"; }; }',
    'if [ -n "$b" ] && [ -f "$b" ]; then mv -fT -- "$b" "$held" || exit 1; sync -- "$dir"; n=0',
    '  served() { for p in /proc/[0-9]*; do read -r c2 <"$p/comm" && [ "$c2" = kube-apiserver ] && return 0; done 2>/dev/null; return 1; }',
    // It waits half a minute for watches to end, and keeps nothing that could be lost: those who asked come to another one.
    '  while served && [ $n -lt 400 ]; do [ $n -ne 30 ] || kill -KILL "${p#/proc/}" 2>/dev/null; sleep 0.1; n=$((n+1)); done; fi',
    'rm -f -- "$target"; sync -- "$dir"',
    'founders; was=$pids; [ -z "$was" ] || end_founding TERM',
    // In vain past the deadline, or too early: then the kubelet takes its back-off, and nothing else is lost. The pod's cgroup is the last
    // thing that its worker removes, up to a second after the process' end; a pass that the kubelet makes every 2 s may remove it before.
    'n=0 dead=0; [ -z "$pod" ] || while [ $n -lt 1000 ]; do n=$((n+1)); [ -d "/proc/$etcd" ] || dead=$((dead+1))',
    '  [ $dead -lt 34 ] || group || break; sleep 0.03; done',
    '[ -z "$pod" ] || sleep 0.1',
    // The kubelet passes over names that begin with a dot.
    'tmp=$dir/.keelson-$$; cp -- "$new" "$tmp" && chmod 600 "$tmp" && sync -- "$tmp" && mv -fT -- "$tmp" "$target" && sync -- "$dir" && rm -f -- "$new"',
    'e=$?; [ -z "$was" ] || forget; back || exit $?; exit $e',
  ].join('\n');
  return writeCommand(
    'swap-manifest',
    script(text, [prepared, manifest, socket, beside?.manifest ?? '', beside?.held ?? '']),
    {
      mayBeLong: true,
      timeoutMs: 60_000,
    },
  );
}
