import { type ReadCommand, readCommand, script, type WriteCommand, writeCommand } from '../command.ts';
import { FOUNDING_CONTAINER, FOUNDING_LOG } from './etcd.ts';

// What takes things away again. Each command may be cut short anywhere and be run again; none follows a symbolic link.

/** Puts into `$pids` the processes called etcd whose data directory is `$d`, containers included. */
const MEMBERS = [
  'members() { pids=; for p in /proc/[0-9]*; do read -r c <"$p/comm" || continue; [ "$c" = etcd ] || continue',
  `  tr '\\0' '\\n' <"$p/cmdline" | grep -qxF -e "--data-dir=$d" && pids="$pids \${p#/proc/}"; done 2>/dev/null; }`,
].join('\n');

/** Exit code when etcd goes on although nothing of keelson's can keep it up. */
export const STILL_RUNS = 70;

/**
 * Takes etcd's static pod away and waits until its process and the kubelet's folder of the pod are gone. The kubelet ends the pod; after
 * 2 s, and where no kubelet runs, the process is killed, because an etcd whose peers are gone takes 7 s to give up, and its log survives
 * this as it survives a power cut; so is a member that runs as its cluster was founded. A process that is in neither is nobody of ours: it is
 * left alone, and the command fails.
 */
export function endStaticPod(manifest: string, dataDir: string): WriteCommand {
  const text = [
    'm=$1 d=$2; dir=$(dirname -- "$m")',
    'rm -f -- "$m" || exit 1; [ ! -d "$dir" ] || sync -- "$dir"',
    MEMBERS,
    `ours() { for p in $pids; do grep -q -e "$1" "/proc/$p/cgroup" 2>/dev/null && kill -KILL "$p" 2>/dev/null; done; }; founding=/${FOUNDING_CONTAINER}`,
    'members; ours "$founding"',
    'gone() { members; [ -z "$pids" ] || return 1; for f in /var/lib/kubelet/pods/*/containers/etcd; do [ ! -e "$f" ] || return 1; done; }',
    'managed() { case $(systemctl is-active kubelet.service) in active|activating|reloading) return 0;; esac; return 1; }',
    'n=0; until gone; do',
    '  [ $n -lt 300 ] || break; if [ $((n % 20)) = 0 ] && ! managed; then break; fi',
    '  [ $n -lt 20 ] || ours kubepods; sleep 0.1; n=$((n+1)); done',
    'members; ours kubepods; n=0; while members; [ -n "$pids" ] && [ $n -lt 30 ]; do sleep 0.1; n=$((n+1)); done',
    `[ -z "$pids" ] || { echo "etcd (process$pids) uses $d and is in no pod of the kubelet" >&2; exit ${STILL_RUNS}; }`,
  ].join('\n');
  return writeCommand('end-static-pod', script(text, [manifest, dataDir]), { mayBeLong: true, timeoutMs: 90_000 });
}

/**
 * Removes what etcd keeps in its data directory (`member` and names that begin with `.etcd`) and nothing else. `remove` takes the folder
 * itself as well, unless something is left in it or it is a mount point. Fails while an etcd uses the directory.
 */
export function clearData(dataDir: string, folder: 'keep' | 'remove'): WriteCommand {
  const text = [
    'd=$1; [ -d "$d" ] && [ ! -L "$d" ] || exit 0',
    MEMBERS,
    `members; [ -z "$pids" ] || { echo "etcd (process$pids) uses $d" >&2; exit ${STILL_RUNS}; }`,
    'for x in "$d/member" "$d"/.etcd*; do [ -e "$x" ] || [ -L "$x" ] || continue',
    // A disk of its own for the log or for all of etcd's data: emptied, and left mounted.
    '  if mountpoint -q -- "$x"; then find "$x" -xdev -mindepth 1 -delete || exit 1',
    '  else rm -rf --one-file-system -- "$x" || exit 1; fi; done',
    'sync -- "$d"; [ "$2" = remove ] || exit 0',
    'mountpoint -q -- "$d" || rmdir --ignore-fail-on-non-empty -- "$d"; sync -- "$(dirname -- "$d")"',
  ].join('\n');
  return writeCommand('clear-data', script(text, [dataDir, folder]), { mayBeLong: true, timeoutMs: 120_000 });
}

/** `etcd`: its static pod alone, because the machine is for etcd. `all`: every pod of a node. */
export type WhosePods = 'etcd' | 'all';

/** containerd's filters for the containers of pods, sandboxes included: https://github.com/containerd/containerd/tree/main/pkg/filters */
const podFilters: Readonly<Record<WhosePods, string>> = {
  etcd: 'labels."io.kubernetes.pod.namespace"==kube-system,labels."io.kubernetes.pod.name"~=^etcd-',
  all: 'labels."io.kubernetes.pod.namespace"',
};
const CTR = 'k() { ctr --connect-timeout 3s --address "$s" "$@" 2>/dev/null; }';

/** `NAMESPACE/ID` for each container that runs and is not of these pods. Nothing where no containerd answers. */
export function otherContainers(socket: string, pods: WhosePods): ReadCommand {
  const text = [
    `s=$1 f=$2; command -v ctr >/dev/null && [ -S "$s" ] || exit 0`,
    CTR,
    `own=" $(k -n k8s.io containers ls -q "$f" | tr "\\n" " ") ${FOUNDING_CONTAINER} "`,
    'for n in $(k namespaces ls -q); do for c in $(k -n "$n" tasks ls -q); do',
    '  case $n$own in "k8s.io"*" $c "*) continue;; esac',
    '  printf "%s/%s\\n" "$n" "$c"; done; done; exit 0',
  ].join('\n');
  return readCommand('other-containers', script(text, [socket, podFilters[pods]]), { timeoutMs: 60_000 });
}

/**
 * Ends and removes the containers of pods, with the network namespaces of their sandboxes; of etcd's pod alone also what the kubelet keeps of
 * it: its folder and its logs. To be called when no kubelet could start them again. Without a containerd that answers, only those files go.
 */
export function removePod(socket: string, pods: WhosePods): WriteCommand {
  const text = [
    's=$1 f=$2 whose=$3',
    CTR,
    'if command -v ctr >/dev/null && [ -S "$s" ] && k version >/dev/null; then',
    `  for c in $(k -n k8s.io containers ls -q "$f") ${FOUNDING_CONTAINER}; do`,
    `    for x in $(k -n k8s.io containers info "$c" | grep -o '/run/netns/cni-[0-9A-Za-z-]*' | sort -u); do umount -- "$x" 2>/dev/null; rm -f -- "$x"; done`,
    '    k -n k8s.io tasks kill -a -s KILL "$c"; k -n k8s.io tasks rm -f "$c" >/dev/null',
    '    x=/run/containerd/io.containerd.grpc.v1.cri/sandboxes/$c/shm; ! mountpoint -q "$x" || umount "$x"',
    '    k -n k8s.io sandboxes rm -f "$c" >/dev/null; k -n k8s.io containers rm "$c" >/dev/null',
    '    for x in containers sandboxes; do for r in /run /var/lib; do rm -rf --one-file-system -- "$r/containerd/io.containerd.grpc.v1.cri/$x/$c"; done; done',
    '  done',
    '  left=$(k -n k8s.io containers ls -q "$f"); [ -z "$left" ] || { printf "containers of pods remain:\\n%s\\n" "$left" >&2; exit 71; }',
    'fi; [ "$whose" = etcd ] || exit 0',
    'for p in /var/lib/kubelet/pods/*; do [ ! -d "$p/containers/etcd" ] || rm -rf --one-file-system -- "$p" || exit 1; done',
    `rm -f -- ${FOUNDING_LOG} /var/log/containers/etcd-*_kube-system_etcd-*.log; rm -rf --one-file-system -- /var/log/pods/kube-system_etcd-*`,
  ].join('\n');
  return writeCommand('remove-pod', script(text, [socket, podFilters[pods], pods]), {
    mayBeLong: true,
    timeoutMs: 120_000,
  });
}

/**
 * Removes whole folders of programs that have been stopped: containerd's and the kubelet's state. What containers left mounted or running
 * there ends first; `end` also ends the kubelet's containers, when their containerd is stopped for good. A folder that is a mount point is emptied; another file system below it is not entered, and makes the command fail.
 */
export function removeState(folders: readonly string[], containers: 'end' | 'leave'): WriteCommand {
  const text = [
    'c=$1; shift; if [ "$c" = end ]; then',
    // Shims outlive their containerd. Those of the kubelet's containers say so themselves.
    'for p in /proc/[0-9]*; do read -r c <"$p/comm" || continue; case $c in containerd-shim*) ;; *) continue;; esac',
    `  tr '\\0' ' ' <"$p/cmdline" | grep -q -e '-namespace k8s.io ' && kill -KILL "\${p#/proc/}"; done 2>/dev/null`,
    'for p in /proc/[0-9]*; do grep -q kubepods "$p/cgroup" && kill -KILL "${p#/proc/}"; done 2>/dev/null; fi',
    'for d do [ -d "$d" ] && [ ! -L "$d" ] || continue',
    // Deepest first. Container roots and their shared memory, and what the kubelet mounted for pods: disks, and folders of the machine that are not
    // to be emptied. Elsewhere nothing that somebody mounted from a disk.
    `  m() { awk -v d="$d/" 'index($2, d) == 1 && ($3 == "overlay" || $3 == "tmpfs" || $3 == "nsfs" || $2 ~ "^/var/lib/kubelet/(pods|plugins)/") {print $2}' /proc/mounts; }`,
    '  m | sort -r | while read -r x; do x=$(printf %b "$x"); umount -- "$x" 2>/dev/null || umount -l -- "$x"; done',
    '  x=$(m); [ -z "$x" ] || { printf "still mounted:\n%s\n" "$x" >&2; exit 1; }',
    '  if mountpoint -q -- "$d"; then find "$d" -xdev -mindepth 1 -delete || exit 1',
    '  else rm -rf --one-file-system -- "$d" || exit 1; fi; done',
  ].join('\n');
  return writeCommand('remove-state', script(text, [containers, ...folders]), {
    mayBeLong: true,
    timeoutMs: 300_000,
  });
}

/** Removes the large files that keelson placed and nobody has changed since; prints `kept|PATH` for those that somebody has. */
export function removeArtefacts(stamps: string): WriteCommand {
  const text = [
    's=$1; [ -f "$s" ] || exit 0',
    `while IFS='|' read -r p h n; do [ -f "$p" ] && [ ! -L "$p" ] || continue`,
    `  if [ "$(stat -c '%s|%i|%.Y|%.Z' -- "$p")" = "$n" ]; then rm -f -- "$p" || exit 1; else printf 'kept|%s\\n' "$p"; fi; done <"$s"`,
  ].join('\n');
  return writeCommand('remove-artefacts', script(text, [stamps]), { timeoutMs: 60_000 });
}

/** Removes half-sent files of keelson's from folders, and of those folders the ones named in `own` that are empty then. */
export function sweepFolders(folders: readonly string[], own: readonly string[]): WriteCommand {
  const text = [
    'n=$1; shift; while [ "$n" -gt 0 ]; do n=$((n-1)); d=$1; shift; [ -d "$d" ] && [ ! -L "$d" ] || continue',
    '  for x in "$d"/.keelson-*; do [ ! -f "$x" ] || rm -f -- "$x" || exit 1; done; done',
    'for d do [ -d "$d" ] && [ ! -L "$d" ] || continue',
    // A mount point stays, and says so by an exit code that does not matter.
    '  mountpoint -q -- "$d" || rmdir --ignore-fail-on-non-empty -- "$d"; done; exit 0',
  ].join('\n');
  return writeCommand('sweep-folders', script(text, [String(folders.length), ...folders, ...own]));
}

/**
 * The last of a reset: everything in keelson's own two folders goes, all of it is on the disk, and only then the machine's record, so that
 * a reset that was cut short is known by it. The fencing number stays: who held an old lock must still be refused. So do the files that
 * the fence itself is working with.
 */
export function forgetMachine(record: string, stateDirectory: string, flushed: readonly string[]): WriteCommand {
  const text = [
    'r=$1 s=$2; shift 2; e=$(dirname -- "$r")',
    'for x in "$e"/* "$e"/.[!.]*; do [ "$x" = "$r" ] || rm -rf --one-file-system -- "$x" || exit 1; done',
    'for x in "$s"/* "$s"/.[!.]*; do case ${x##*/} in fence|lock|last|.flock) ;; *) rm -rf --one-file-system -- "$x" || exit 1;; esac; done',
    'for x in /etc "$s" "$@"; do [ ! -d "$x" ] || sync -f -- "$x" || exit 1; done',
    'rm -f -- "$r" && { [ ! -d "$e" ] || rmdir -- "$e"; } && sync -f -- /etc',
  ].join('\n');
  return writeCommand('forget-machine', script(text, [record, stateDirectory, ...flushed]), {
    mayBeLong: true,
    timeoutMs: 120_000,
  });
}
