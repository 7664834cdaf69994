import { type ReadCommand, readCommand, script } from '../command.ts';

/** `ss` of all listening TCP sockets with the process that has each. */
export function listeningPorts(): ReadCommand {
  return readCommand('listening-ports', ['ss', '-Hltnp']);
}

/** `df` of the file systems that hold the paths; a path that does not exist yet counts as its nearest parent that does. */
export function diskSpace(paths: readonly string[]): ReadCommand {
  const text =
    'for p do q=$p; while [ ! -e "$q" ]; do q=$(dirname -- "$q"); done; printf "%s|%s\\n" "$p" "$(df -P -B1 -- "$q" | tail -n1)"; done';
  return readCommand('disk-space', script(text, paths));
}

/**
 * Seconds that each of 60 synchronous writes of 2300 bytes (the size etcd's own disk test uses) took on the file system of a folder,
 * one a line. The file has no name left while it is measured, so that nothing remains whatever happens.
 */
export function fsyncLatency(path: string): ReadCommand {
  const text = [
    'q=$1; while [ ! -d "$q" ]; do q=$(dirname -- "$q"); done',
    'umask 077; f=$(mktemp "$q/.keelson-fsync.XXXXXXXX") || exit 1; exec 3>"$f"; rm -f -- "$f"; i=0',
    'export LC_ALL=C',
    `while [ $i -lt 60 ]; do dd if=/dev/zero bs=2300 count=1 oflag=dsync 2>&1 >&3 | sed -n 's/.* copied, \\([0-9.e-]*\\) s.*/\\1/p'; i=$((i+1)); done`,
  ].join('\n');
  return readCommand('fsync-latency', script(text, [path]), { timeoutMs: 60_000 });
}

/** Listens on an address for up to `seconds` and closes each connection: a real listener for the reachability test. */
export function listenOnce(address: string, port: number, seconds: number): ReadCommand {
  const bracketed = address.includes(':') ? `[${address}]` : address;
  return readCommand(
    'listen-once',
    ['timeout', String(seconds), 'systemd-socket-activate', '--accept', '--inetd', '-l', `${bracketed}:${port}`, 'true'],
    { timeoutMs: (seconds + 5) * 1000 },
  );
}

/** Exit code 0 when a TCP connection to each `ADDRESS PORT` pair is accepted; prints `ADDRESS|PORT|ok` or `|failed`. */
export function connect(targets: readonly { address: string; port: number }[]): ReadCommand {
  const text =
    'while [ $# -gt 1 ]; do if timeout 3 bash -c \'exec 3<>"/dev/tcp/$0/$1"\' "$1" "$2" 2>/dev/null; then s=ok; else s=failed; fi; printf "%s|%s|%s\\n" "$1" "$2" $s; shift 2; done';
  return readCommand('connect', script(text, targets.flatMap((t) => [t.address, String(t.port)])), { timeoutMs: 60_000 });
}
