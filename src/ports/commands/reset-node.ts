import { script, type WriteCommand, writeCommand } from '../command.ts';
import { FOUNDING_CONTAINER } from './etcd.ts';

// What takes a node away again, beside the commands for any machine of etcd's. Each may be cut short anywhere and be run again.

/**
 * Ends the processes of all the kubelet's pods, and of a member that is being founded, at once: the cluster goes as a whole, and nobody waits for it. To be called when no kubelet
 * could start them again. Fails when one is still there after ten seconds.
 */
export function endPods(): WriteCommand {
  const text = [
    `pods() { pids=; for p in /proc/[0-9]*; do grep -q -e kubepods -e /${FOUNDING_CONTAINER} "$p/cgroup" && pids="$pids \${p#/proc/}"; done 2>/dev/null; }`,
    'n=0; while pods; [ -n "$pids" ]; do [ $n -lt 100 ] || { echo "these processes of pods do not end:$pids" >&2; exit 70; }',
    '  kill -KILL $pids 2>/dev/null; sleep 0.1; n=$((n+1)); done',
    // Their slices are units without a file, which nothing else ends.
    'systemctl stop kubepods.slice 2>/dev/null; exit 0',
  ].join('\n');
  return writeCommand('end-pods', script(text, []), { mayBeLong: true, timeoutMs: 60_000 });
}

export interface PodNetwork {
  /** keelson applied flannel: its interfaces, its CNI configuration and what its plug-ins keep are then this cluster's. */
  flannel: boolean;
  /** Its plug-in was brought by flannel's own pod. */
  flannelPlugin: boolean;
  /** No other container runtime of the machine uses CNI: keelson has brought the only one, and takes it away. */
  onlyCni: boolean;
  /** An address that a pod has carried and may have left on an interface. */
  virtualIp: string | null;
}

/**
 * Removes what pods' networks have left when all pods have ended: the rules of kube-proxy, the kubelet, flannel and the CNI plug-ins
 * (chains by their names, tables by theirs, and the rules elsewhere that lead to them), interfaces, network namespaces, leases of
 * addresses. Nothing else in any table is touched: rules go in and out by `iptables-restore --noflush`. Prints `left|WHAT` for what it could not
 * remove, which the next boot does.
 */
export function removePodNetwork({ flannel, flannelPlugin, onlyCni, virtualIp }: PodNetwork): WriteCommand {
  const text = [
    'flannel=$1 plugin=$2 only=$3 vip=$4; export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"',
    RULES,
    'if command -v nft >/dev/null; then nft list tables 2>/dev/null | while read -r _ family name; do',
    '  case "$name $flannel $only" in "kube-proxy "*|flannel-ipv[46]\\ yes\\ *|cni_hostport\\ yes\\ yes) nft delete table "$family" "$name" || echo "left|nft table $family $name";; esac; done; fi',
    LINKS,
    'if [ "$only" = yes ]; then for x in /run/netns/cni-*; do [ -e "$x" ] || continue; umount -- "$x" 2>/dev/null; rm -f -- "$x" || echo "left|$x"; done; [ ! -d /run/netns ] || mountpoint -q /run/netns || rmdir --ignore-fail-on-non-empty /run/netns; fi',
    'if [ "$flannel" = yes ]; then link flannel.1 vxlan; link flannel-v6.1 vxlan; link cni0 bridge',
    '  c=/etc/cni/net.d/10-flannel.conflist; [ ! -f "$c" ] || [ -L "$c" ] || ! grep -q \'"flannel"\' "$c" || rm -f -- "$c" || exit 1',
    '  [ "$plugin" = no ] || rm -f -- /opt/cni/bin/flannel || exit 1',
    '  rm -rf --one-file-system -- /run/flannel /var/lib/cni/flannel /var/lib/cni/networks/cbr0 || exit 1',
    '  rm -f -- /var/lib/cni/results/cbr0-* || exit 1; fi',
    'link kube-ipvs0 dummy',
    `[ -z "$vip" ] || ip -o addr show to "$vip" 2>/dev/null | while read -r _ if _ a _; do ip addr del "$a" dev "\${if%@*}" || echo "left|$a on $if"; done`,
    '[ "$only" = no ] || rm -f -- /var/lib/cni/results/cni-loopback-* || exit 1',
    'for d in /var/lib/cni/networks /var/lib/cni/results /var/lib/cni; do [ ! -d "$d" ] || [ -L "$d" ] || rmdir --ignore-fail-on-non-empty -- "$d"; done; exit 0',
  ].join('\n');
  return writeCommand(
    'remove-pod-network',
    script(text, [...[flannel, flannelPlugin, onlyCni].map(yesNo), virtualIp ?? '']),
    {
      mayBeLong: true,
      timeoutMs: 120_000,
    },
  );
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

/** An interface of this name that is of this kind. */
const LINKS = [
  // Not by /sys, which may show another network namespace's.
  'link() { command -v ip >/dev/null || { [ ! -d "/sys/class/net/$1" ] || echo "left|interface $1"; return 0; }',
  '  ip -d link show dev "$1" 2>/dev/null | grep -qw -e "$2" || return 0; ip link delete dev "$1" || echo "left|interface $1"; }',
].join('\n');

/**
 * From what `iptables-save` prints, what `iptables-restore --noflush` is to be given: our chains declared (which empties them), the rules of other chains
 * that jump into them deleted, our chains deleted. A quoted comment may hold anything, and is left out when the target is looked for.
 */
export const chainsProgram = [
  'function ours(c) { return c ~ /^KUBE-/ || (flannel == "yes" && (c ~ /^FLANNEL-/ || (cni == "yes" && c ~ /^CNI-/))) }',
  '/^[*]/ { table = $1; chains = rules = gone = ""; next }',
  '/^:/ { c = substr($1, 2); if (ours(c)) { chains = chains ":" c " - [0:0]\\n"; gone = gone "-X " c "\\n" } next }',
  '/^-A / { line = $0; gsub(/"([^"\\\\]|\\\\.)*"/, "", line); if (ours($2) || !match(line, / -[jg] [^ ]+/)) next',
  '  if (ours(substr(line, RSTART + 4, RLENGTH - 4))) rules = rules "-D " substr($0, 4) "\\n"; next }',
  '/^COMMIT/ { if (chains != "") printf "%s\\n%s%s%sCOMMIT\\n", table, chains, rules, gone }',
].join('\n');

/** Both ways in which the kernel may hold them. Where another network than flannel’s has used the CNI plug-ins, too, their chains stay. */
const RULES = [
  'for f in ip ip6; do tools="${f}tables-nft ${f}tables-legacy"; command -v "${f}tables-nft-save" >/dev/null || tools="$tools ${f}tables"',
  'for t in $tools; do command -v "$t-save" >/dev/null && command -v "$t-restore" >/dev/null || continue',
  '  saved=$("$t-save" 2>/dev/null) || continue',
  `  cni=yes; ! printf "%s\\n" "$saved" | grep "^-A CNI-" | grep -o 'name: [\\]"[^\\"]*' | grep -qv '"cbr0$' || cni=no`,
  `  change=$(printf "%s\\n" "$saved" | awk -v flannel="$flannel" -v cni="$cni" '${chainsProgram}')`,
  '  [ -n "$change" ] || continue',
  '  printf "%s\\n" "$change" | "$t-restore" -w 10 --noflush || echo "left|rules of $t"; done; done',
].join('\n');
