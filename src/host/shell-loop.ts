import type { ShellRequest } from './remote-shell.ts';

const SAFE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** One argument for a POSIX shell. Everything is literal within single quotes. */
export function quote(argument: string): string {
  if (argument.includes('\0')) throw new TypeError('an argument of a command holds a NUL character');
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}

const PROXIES = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];

/** Proxy settings, which some sites need, as separate arguments of `env` or `systemd-run`; nothing for those that are not set. */
export function proxyArguments(prefix: string): string {
  return PROXIES.map((name) => `\${${name}:+"${prefix}${name}=$${name}"}`).join(' ');
}

/**
 * Reads `ID TIMEOUT SCRIPT-BYTES STDIN-BYTES` lines and runs them one after the other. It relies on `read` taking single bytes from
 * a pipe and on `head -c` taking no byte too many, so that what follows a line can be read by others.
 *
 * The marker comes over stdin and is kept in a variable: nobody else on the machine can see it, and no output can forge it.
 * A command that leaves some of its stdin unread must not leave it to the loop: hence the `cat`.
 */
const LOOP = [
  'IFS= read -r M',
  'umask 022; cd /',
  `e() { printf '\\n%s %s %s\\n' "$M" "$1" "$2" && printf '\\n%s %s %s\\n' "$M" "$1" "$2" >&2 || exit 1; }`,
  'e ready "$(id -u)"',
  `while IFS=' ' read -r i t n m; do`,
  // Fails when the connection is gone: what still waits in the pipe is then not run.
  `printf '\\n%s start %s\\n' "$M" "$i" || exit 1`,
  'eval "set -- $(head -c "$n")"',
  'if [ "$m" = 0 ]; then timeout -k 2 "$t" "$@" </dev/null',
  'else head -c "$m" | { timeout -k 2 "$t" "$@"; c=$?; cat >/dev/null; exit $c; }; fi',
  'e "$i" $?',
  'done',
].join('\n');

/** The words before the loop runs; they are visible in the machine's process list. */
const HELLO = 'keelson-hello';

export interface Bootstrap {
  /** For the user's login shell, whichever it is: one line without `!`, without backslashes, with single quotes only around words. */
  command: string;
  /** Printed when the login shell has got as far as a command of ours. */
  greeting: string;
  /** What `sudo` prints when it wants the password; empty without sudo. */
  prompt: string;
  /** To be sent first, once `greeting` has come twice with sudo, at once without. */
  opening: Buffer;
}

/** How the loop is started through any login shell, with any PATH and environment. `token` is hexadecimal. */
export function bootstrap(token: string, marker: string, become: 'sudo' | undefined): Bootstrap {
  const loop = Buffer.from(LOOP);
  const greeting = `${HELLO}-${token}`;
  const prompt = become === undefined ? '' : `keelson-password-${token}:`;
  const start = [
    `PATH=${SAFE_PATH}; export PATH; echo; echo ${greeting}; L=$(head -c ${loop.length})`,
    `exec env -i PATH=${SAFE_PATH} LC_ALL=C HOME=/root TERM=dumb ${proxyArguments('')} /bin/sh -c "$L"`,
  ].join('; ');
  const opening = Buffer.concat([loop, Buffer.from(`${marker}\n`)]);
  if (become === undefined) return { command: `exec /bin/sh -c '${start}'`, greeting, prompt, opening };
  const outer = `PATH=${SAFE_PATH}; export PATH; echo; echo ${greeting}; exec sudo -S -p "$1" -- /bin/sh -c "$0"`;
  return { command: `exec /bin/sh -c '${outer}' '${start}' '${prompt}'`, greeting, prompt, opening };
}

/** What makes the loop run one request; its standard input follows. */
export function encodeRequest(id: number, request: ShellRequest, stdinBytes: number): Buffer {
  const words = Buffer.from(request.argv.map(quote).join(' '));
  const seconds = Math.max(0.1, request.timeoutMs / 1000).toFixed(1);
  return Buffer.concat([Buffer.from(`${id} ${seconds} ${words.length} ${stdinBytes}\n`), words]);
}
