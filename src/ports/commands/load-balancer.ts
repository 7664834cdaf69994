import { type ReadCommand, readCommand, script, type WriteCommand, writeCommand } from '../command.ts';

/**
 * `address=INTERFACE|ADDRESS/PREFIX` for each of the machine's own; `program=NAME` for each of haproxy, keepalived and curl that is there. With an
 * address that is to be nobody's yet, `taken=MAC` when some machine of the network answers for it: that takes a third of a second.
 */
export function loadBalancerState(unused: string | null): ReadCommand {
  const text = [
    `ip -o addr show 2>/dev/null | sed -n 's/^[0-9]*: \\([^ ]*\\) *inet6\\{0,1\\} \\([^ ]*\\) .*/address=\\1|\\2/p'`,
    'for p in haproxy keepalived curl; do command -v "$p" >/dev/null && echo "program=$p"; done',
    '[ -n "$1" ] || exit 0',
    // Whoever has the address is looked for before a packet can be sent there. An entry that is merely old proves nothing.
    `bash -c 'echo >"/dev/udp/$0/9"' "$1" 2>/dev/null; sleep 0.3`,
    `ip neigh show to "$1" 2>/dev/null | sed -n 's/.* lladdr \\([^ ]*\\).* REACHABLE.*/taken=\\1/p'`,
    'exit 0',
  ].join('\n');
  return readCommand('load-balancer-state', script(text, [unused ?? '']));
}

/**
 * One line: `refused`, `timed-out`, or `unreachable|WHY` when no connection comes about; `answers` when what answers HTTP there shows a
 * certificate of the authority in the file, `silent` when nothing does.
 */
export function probeEndpoint(host: string, port: number, caFile: string): ReadCommand {
  const at = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const text = [
    `why=$(timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1); rc=$?`,
    'if [ $rc -eq 124 ]; then echo timed-out; exit 0; fi',
    'if [ $rc -ne 0 ]; then',
    '  case $why in *refused*|*reset*) echo refused;; *"timed out"*) echo timed-out;;',
    `  *) why=$(printf "%s" "$why" | head -n 1 | tr -d "|"); why=\${why##*: }; printf "unreachable|%.120s\\n" "$why";; esac`,
    '  exit 0',
    'fi',
    // `-quiet` waits for the answer although there is no more input.
    `a=$(printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' | timeout 3 openssl s_client -connect "$3" -quiet -CAfile "$4" -verify_return_error 2>/dev/null | head -n 1)`,
    'case $a in HTTP/*) echo answers;; *) echo silent;; esac',
  ].join('\n');
  return readCommand('probe-endpoint', script(text, [host, String(port), at, caFile]));
}

/**
 * Asks haproxy or keepalived of the machine whether it accepts a configuration, from stdin, before it takes the place of the present one.
 * keepalived looks at the script that the configuration names, too.
 */
export function checkLoadBalancer(program: 'haproxy' | 'keepalived', candidate: string): WriteCommand {
  const text = [
    'umask 077; mkdir -p /run/keelson || exit 1; d=$(mktemp -d /run/keelson/check.XXXXXXXX) || exit 1',
    `trap 'rm -rf -- "$d"' EXIT; trap 'exit 143' HUP INT TERM PIPE`,
    'cat >"$d/candidate" || exit 1',
    'if [ "$1" = haproxy ]; then haproxy -c -f "$d/candidate" 2>&1; else keepalived -t -f "$d/candidate" 2>&1; fi',
  ].join('\n');
  return writeCommand('check-load-balancer', script(text, [program]), { stdin: candidate });
}
