import { type ReadCommand, readCommand, script } from '../command.ts';

/** `ss` of all listening TCP sockets with the process that has each. */
export function listeningPorts(): ReadCommand {
  return readCommand('listening-ports', ['ss', '-Hltnp']);
}

/**
 * `PATH|MOUNT|rw or ro|TYPE|BLOCK SIZE|BLOCKS|AVAILABLE|INODES|FREE INODES` of the file systems that hold the paths; a path that does
 * not exist yet counts as its nearest parent that does. What is available is what a program without privileges may use.
 */
export function diskSpace(paths: readonly string[]): ReadCommand {
  const text = [
    'for p do q=$p; while [ ! -e "$q" ]; do q=$(dirname -- "$q"); done',
    // As root only a file system that is mounted read-only is not writable.
    'if [ -w "$q" ]; then w=rw; else w=ro; fi',
    `printf '%s|%s|%s|%s\\n' "$p" "$(stat -c %m -- "$q")" $w "$(stat -f -c '%T|%S|%b|%a|%c|%d' -- "$q")"; done`,
  ].join('\n');
  return readCommand('disk-space', script(text, paths));
}

/**
 * Seconds that each of up to 200 synchronous writes of 2300 bytes took on the file system of a folder, one a line; it ends after 5 s.
 * The size is that of etcd's own advice for a disk test. The file has no name left while it is measured, so that nothing remains
 * whatever happens; before, its name is one that is never taken for foreign data.
 */
export function fsyncLatency(path: string): ReadCommand {
  const text = [
    'export LC_ALL=C; q=$1; while [ ! -d "$q" ]; do q=$(dirname -- "$q"); done',
    'umask 077; f=$(mktemp "$q/.etcd.keelson-fsync.XXXXXXXX") || exit 1; exec 3>"$f"; rm -f -- "$f"',
    'n=0; read -r up rest </proc/uptime; end=$((${up%%.*} + 5))',
    'while [ $n -lt 200 ]; do',
    // Opened anew by its descriptor: O_DSYNC cannot be set on a file that is already open (fcntl(2)).
    '  dd if=/dev/zero of=/proc/self/fd/3 bs=2300 count=1 oflag=dsync,append conv=notrunc 2>&1',
    '  n=$((n+1)); read -r up rest </proc/uptime; [ ${up%%.*} -lt $end ] || break',
    `done | sed -n 's/^2300 bytes.* copied, \\([0-9.e-]*\\) s.*/\\1/p'`,
  ].join('\n');
  return readCommand('fsync-latency', script(text, [path]), { timeoutMs: 60_000 });
}

/** How long machines look for each other. All start at about the same moment. */
const REACH_SECONDS = 6;

/**
 * Run on all machines at the same time: listens on the machine's own address, unless it is told not to, and connects to itself and to
 * each of the others, trying again until the deadline. Prints `peer|ADDRESS|ok|` or `peer|ADDRESS|failed|WHY`. It ends as soon as all
 * have found each other: who connects says so through the connection, because the one who listens must not leave before.
 */
export function reachPeers(
  own: { address: string; listen: boolean },
  port: number,
  others: readonly string[],
): ReadCommand {
  const search: Search = { port, listen: own.listen, self: true, callers: others.length, others };
  const argv: [string, ...string[]] = ['bash', '-c', SEARCH, 'bash', ...searchArgs(own.address, search)];
  return readCommand('reach-peers', argv, { timeoutMs: 30_000 });
}

export interface Search {
  port: number;
  /** The machine listens on the port itself: nothing has it yet. */
  listen: boolean;
  /** It tries its own address, too: somebody listens there, or it does itself. */
  self: boolean;
  /** How many others come to this machine: it does not leave before. */
  callers: number;
  /** Addresses that it connects to. */
  others: readonly string[];
}

/** The same for several ports at the same time: `PORT|peer|ADDRESS|ok|`, `PORT|peer|ADDRESS|failed|WHY`. */
export function reachPorts(address: string, searches: readonly Search[]): ReadCommand {
  const text = [
    'search=$1; shift; while [ $# -gt 0 ]; do n=$1; own=("${@:2:n}"); shift $((n + 1))',
    // Each in one piece, so that lines of two searches do not mix.
    '  { found=$(bash -c "$search" bash "${own[@]}"); printf "%s\\n" "$found" | sed "s/^/${own[2]}|/"; } &',
    'done; wait; exit 0',
  ].join('\n');
  const args = searches.flatMap((search) => {
    const own = searchArgs(address, search);
    return [String(own.length), ...own];
  });
  return readCommand('reach-ports', ['bash', '-c', text, 'bash', SEARCH, ...args], { timeoutMs: 30_000 });
}

function searchArgs(address: string, { port, listen, self, callers, others }: Search): string[] {
  const listenOn = address.includes(':') ? `[${address}]` : address;
  const targets = self ? [address, ...others] : others;
  return [address, listenOn, String(port), String(REACH_SECONDS), listen ? 'yes' : 'no', String(callers), ...targets];
}

const SEARCH = [
  'export LC_ALL=C; own=$1 on=$2 port=$3 seconds=$4 listen=$5 callers=$6; shift 6; end=$((SECONDS + seconds))',
  'if [ "$listen" = yes ]; then',
  `  exec 4< <(exec timeout $((seconds + 2)) systemd-socket-activate --accept --inetd -l "$on:$port" sh -c 'timeout 2 head -c 80 >&2' 2>&1)`,
  "  listener=$!; trap 'kill $listener 2>/dev/null' EXIT",
  'fi',
  'reach() {',
  '  while :; do',
  `    why=$(timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "keelson-peer %s\\n" "$2" >&3' "$1" "$port" "$own" 2>&1) && { echo "peer|$1|ok|"; return; }`,
  '    rc=$?; [ $SECONDS -lt $end ] || break; sleep 0.05',
  '  done',
  `  [ $rc -ne 124 ] || why='no answer'; why=$(printf %s "$why" | tail -n 1 | tr -d '|'); why=\${why##*: }; echo "peer|$1|failed|\${why:0:120}"`,
  '}',
  'jobs=(); for peer do reach "$peer" & jobs+=($!); done',
  'declare -A seen',
  // Its own call is one more.
  'while [ "$listen" = yes ] && [ ${#seen[@]} -le $callers ] && [ $SECONDS -lt $end ] && read -r -t $((end - SECONDS)) -n 200 -u 4 line; do',
  // Anybody may connect: what is not an address is nothing.
  '  [[ $line =~ ^keelson-peer\\ ([0-9a-f.:]+)$ ]] && seen[${BASH_REMATCH[1]}]=1',
  'done',
  'wait "${jobs[@]}"; exit 0',
].join('\n');

/**
 * What a machine brings for being a node: `cpus=N`, `memoryKiB=N`, `lacks=PROGRAM` of those that kubeadm needs, `address=INTERFACE|CIDR`,
 * `route=DESTINATION|INTERFACE`.
 */
export function nodeFitness(): ReadCommand {
  const text = [
    'export LC_ALL=C; echo "cpus=$(nproc)"; sed -n "s/^MemTotal: *\\([0-9]*\\) kB/memoryKiB=\\1/p" /proc/meminfo',
    'for t in losetup mount cp; do command -v $t >/dev/null || echo "lacks=$t"; done',
    'command -v ip >/dev/null || exit 0',
    `ip -o addr show | awk '$3 == "inet" || $3 == "inet6" { print "address=" $2 "|" $4 }'`,
    '{ ip -o -4 route show; ip -o -6 route show; } 2>/dev/null |',
    `  awk '$1 ~ /^[0-9a-f.:]+(\\/[0-9]+)?$/ { for (n = 2; n < NF; n++) if ($n == "dev") print "route=" $1 "|" $(n + 1) }'`,
    'exit 0',
  ].join('\n');
  return readCommand('node-fitness', script(text, []));
}
