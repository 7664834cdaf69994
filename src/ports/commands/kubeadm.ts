import type { Secret } from '../../model/secret.ts';
import { type ReadCommand, readCommand, script, type WriteCommand, writeCommand } from '../command.ts';

/** Longer than kubeadm's own longest wait (its `timeouts` add up to less), so that its own words tell what went wrong. */
const TIMEOUT_MS = 15 * 60_000;

/** Where a configuration lies while kubeadm runs; gone when the command has ended, and after a reboot in any case. */
const CONFIGS = '/run/keelson/kubeadm';

const verbs = {
  /** Makes the first control plane. */
  init: ['init', '--skip-token-print', '--skip-certificate-key-print'],
  join: ['join'],
  /** Puts the keys that control planes share into the Secret kubeadm-certs, encrypted, for two hours. */
  'upload-certs': ['init', 'phase', 'upload-certs', '--upload-certs', '--skip-certificate-key-print'],
} as const;
export type KubeadmVerb = keyof typeof verbs;

/** Puts the configuration from stdin into `$f`. It holds tokens and keys: it is in a file of root's in memory only as long as kubeadm runs. */
const takeConfig = [
  `umask 077; mkdir -p ${CONFIGS} || exit 1; f=$(mktemp ${CONFIGS}/XXXXXXXX) || exit 1`,
  `trap 'rm -f -- "$f"' EXIT; trap 'exit 143' HUP INT TERM PIPE`,
  // One that a power cut of the process, not of the machine, has left.
  `find ${CONFIGS} -type f ! -path "$f" -delete`,
  'cat >"$f" || exit 1; umask 022',
];

/** Runs kubeadm with a configuration of v1beta4 from stdin: it is never an argument. */
export function kubeadm(verb: KubeadmVerb, config: Secret | string): WriteCommand {
  const text = [...takeConfig, 'kubeadm "$@" --config "$f" 2>&1'].join('\n');
  return writeCommand('kubeadm', script(text, verbs[verb]), { stdin: config, mayBeLong: true, timeoutMs: TIMEOUT_MS });
}

/** Phases that come once the machine's own API server runs. */
const LATE = ['kubelet-wait-bootstrap', 'control-plane-join', 'wait-control-plane'];
const EARLY = ['preflight', 'control-plane-prepare', 'check-etcd', 'kubelet-start', 'etcd-join'];

/**
 * Joins a further control plane by kubeadm's own phases in a better order. By itself kubeadm places API server and controller manager before etcd's
 * member is there: they fail, and the kubelet lets each wait for 10 s and longer. Its own request for a certificate goes to that API server
 * as well, and waits for 2, 4, 8, 16 s. Here the member votes first; and when the API server is ready the kubelet is started again, which
 * asks at once and has forgotten who was to wait. Containers go on meanwhile.
 */
export function kubeadmJoinControlPlane(
  config: Secret | string,
  apiServer: { address: string; port: number },
): WriteCommand {
  const early = ['control-plane-prepare/control-plane', ...LATE];
  const text = [
    ...takeConfig,
    'at=$2; k() { kubeadm "$@" --config "$f" 2>&1; }',
    'k join --skip-phases "$3" || exit $?',
    'k join phase control-plane-prepare control-plane || exit $?',
    'n=0; until [ $n -ge 200 ]; do n=$((n+1))',
    // Where anonymous requests are refused, that is an answer as well.
    `  case $(printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' | timeout 3 openssl s_client -connect "$at" -quiet 2>/dev/null | head -n 1) in *" 200"*|*" 40"[13]*) break;; esac`,
    '  sleep 0.3; done',
    'systemctl restart kubelet.service || exit $?',
    'k join --skip-phases "$4"',
  ].join('\n');
  const at = `${apiServer.address.includes(':') ? `[${apiServer.address}]` : apiServer.address}:${apiServer.port}`;
  return writeCommand('kubeadm', script(text, ['join', at, early.join(','), EARLY.join(',')]), {
    stdin: config,
    mayBeLong: true,
    timeoutMs: TIMEOUT_MS,
  });
}

/**
 * What stands where kubeadm puts it: `kubeconfig=NAME` of those in /etc/kubernetes, `manifest=NAME` of the static pods, `superAdmin=NAME` of those that read super-admin.conf, `kubelet=yes` when the
 * node's kubelet has its configuration, `sysctl=NAME=VALUE` of the settings that a node needs and the kernel has, `overlay=yes` when the kernel
 * knows that file system, `ca=SHA256` of kubelet.conf's authority in PEM, and `kubeadm=PID` for each kubeadm that runs.
 */
export function nodeState(sysctls: readonly string[]): ReadCommand {
  const text = [
    'for n in admin super-admin kubelet bootstrap-kubelet controller-manager scheduler; do [ -f "/etc/kubernetes/$n.conf" ] && echo "kubeconfig=$n"; done',
    'for f in /etc/kubernetes/manifests/*.yaml; do [ -f "$f" ] && f=${f##*/} && echo "manifest=${f%.yaml}"; done',
    '[ ! -f /etc/kubernetes/super-admin.conf ] || for f in $(grep -ls super-admin.conf /etc/kubernetes/manifests/*.yaml); do f=${f##*/}; echo "superAdmin=${f%.yaml}"; done',
    '[ -f /var/lib/kubelet/config.yaml ] && echo kubelet=yes',
    // Not by `read`, which takes single bytes: the kernel gives a number's first digit and then nothing.
    'for s do n=$(cat "/proc/sys/$(printf %s "$s" | tr . /)" 2>/dev/null) && echo "sysctl=$s=$n"; done',
    'while read -r a b; do [ "${b:-$a}" = overlay ] && echo overlay=yes; done </proc/filesystems',
    `c=$(sed -n "s/^ *certificate-authority-data: *//p" /etc/kubernetes/kubelet.conf 2>/dev/null | head -n1); [ -z "$c" ] || printf "%s" "$c" | base64 -d | sha256sum | sed -n "s/^\\([0-9a-f]*\\) .*/ca=\\1/p"`,
    'for p in /proc/[0-9]*; do read -r c <"$p/comm" && [ "$c" = kubeadm ] && echo "kubeadm=${p#/proc/}"; done 2>/dev/null',
    'exit 0',
  ].join('\n');
  return readCommand('node-state', script(text, sysctls));
}

/**
 * `PATH|BASE64` of the first certificate, in PEM, in each file that holds one: bare, beside its key, or inside a kubeconfig. What is not a
 * certificate's own block never leaves the machine; a block that another one begins in is none.
 */
export function certificatesIn(paths: readonly string[]): ReadCommand {
  const text = [
    `first() { awk '{ sub(/\\r$/, "") } /^-----BEGIN CERTIFICATE-----$/ { on = 1; block = $0; next } on && /^-----END CERTIFICATE-----$/ { print block; print; exit } !/^[A-Za-z0-9+\\/=]+$/ { on = 0 } on { block = block "\\n" $0 }'; }`,
    'for f do [ -f "$f" ] || continue',
    `case $f in *.conf) c=$(sed -n 's/^ *client-certificate-data: *//p' "$f" | head -n 1 | base64 -d 2>/dev/null | first) ;; *) c=$(first <"$f") ;; esac`,
    `[ -z "$c" ] || printf '%s|%s\\n' "$f" "$(printf '%s\\n' "$c" | base64 -w0)"; done`,
    'exit 0',
  ].join('\n');
  return readCommand('certificates-in', script(text, paths));
}

/** Loads kernel modules where they are not built in, and sets what the kernel has of these; what it lacks is passed over. */
export function applySysctls(
  modules: readonly string[],
  sysctls: readonly (readonly [name: string, value: string])[],
): WriteCommand {
  const text = [
    'm=$1; shift; for n in $m; do modprobe -- "$n" 2>/dev/null; done',
    'while [ $# -gt 1 ]; do f=/proc/sys/$(printf %s "$1" | tr . /); [ ! -e "$f" ] || printf "%s\\n" "$2" >"$f" || exit 1; shift 2; done',
    'exit 0',
  ].join('\n');
  return writeCommand('apply-sysctls', script(text, [modules.join(' '), ...sysctls.flat()]));
}
