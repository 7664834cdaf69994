import { addressFamily, urlHost } from '../config/address.ts';
import { staticPod } from './static-pod.ts';

export interface KeepalivedHost {
  name: string;
  address: string;
  /** 2 to 254, another one on each machine: the highest that is healthy holds the virtual IP. */
  priority: number;
}

export interface KeepalivedConfig {
  /** Name of the machine that the file is for. */
  self: string;
  /** All machines that may hold the virtual IP. */
  hosts: readonly KeepalivedHost[];
  /** Network interface of this machine. */
  interface: string;
  /** 1 to 255, of no other group on the same network segment. */
  virtualRouterId: number;
  virtualIp: string;
  prefixLength: number;
  advertSeconds: number;
  /** How often the check runs, and how many in a row decide. */
  check: { seconds: number; fall: number; rise: number };
  peers: 'unicast' | 'multicast';
  /**
   * One to eight letters and digits: VRRP has room for no more and sends it in clear, so it keeps groups apart by accident and nobody
   * out. Of VRRP version 2 alone: not used when the virtual IP is of IPv6.
   */
  authPass: string;
  /** Path of the check script. */
  checkScript: string;
}

/**
 * keepalived.conf for keepalived 2.2 or newer. It holds the password: mode 0600.
 *
 * Source: kubeadm's "Options for Software Load Balancing", with these faults mended:
 * - A failing check takes so much off the priority that the last of the healthy machines is above the first of the failing ones. When all
 *   fail, as before the first API server runs, the first holds the address all the same.
 * - By default two checks a second apart, where the page waits half a minute.
 * - BACKUP everywhere: a machine that starts hears the others before it takes the address, and `init_fail` lets none of them take it from a
 *   healthy one before its own check passed. MASTER would only take it at once, with nothing known.
 * - No `nopreempt`: with it a failing holder keeps the address for as long as it can send.
 * - Peers by name: many networks carry no multicast, and adverts of others are not heard.
 */
export function keepalivedConfig(config: KeepalivedConfig): string {
  const self = check(config);
  const version6 = addressFamily(config.virtualIp) === 'IPv6';
  return `# Written by keelson.
global_defs {
  router_id ${self.name}
  script_user root
  enable_script_security
}

vrrp_script check_apiserver {
  script "${config.checkScript}"
  interval ${config.check.seconds}
  fall ${config.check.fall}
  rise ${config.check.rise}
  weight ${failureWeight(config.hosts)}
  init_fail
}

vrrp_instance control-plane-endpoint {
  state BACKUP
  interface ${config.interface}
  virtual_router_id ${config.virtualRouterId}
  priority ${self.priority}
  advert_int ${config.advertSeconds}
${version6 ? '  native_ipv6\n' : ''}${config.peers === 'unicast' ? unicast(self, config.hosts) : ''}${version6 ? '' : authentication(config.authPass)}  virtual_ipaddress {
    ${config.virtualIp}/${config.prefixLength}
  }
  track_script {
    check_apiserver
  }
}
`;
}

/** What a failing check adds to a priority: any machine that is healthy is then above any that is not. */
function failureWeight(hosts: readonly KeepalivedHost[]): number {
  const priorities = hosts.map((host) => host.priority);
  return Math.min(...priorities) - Math.max(...priorities) - 1;
}

/** A single machine has no peers, and keepalived complains of any word about unicast without them: its adverts are multicast. */
function unicast(self: KeepalivedHost, hosts: readonly KeepalivedHost[]): string {
  const peers = hosts.filter((host) => host !== self).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (peers.length === 0) return '';
  return `  unicast_src_ip ${self.address}
  check_unicast_src
  unicast_peer {
${peers.map((peer) => `    ${peer.address}\n`).join('')}  }
`;
}

function authentication(password: string): string {
  return `  authentication {
    auth_type PASS
    auth_pass ${password}
  }
`;
}

/** Mistakes of ours: keepalived takes most of them in silence and then elects two holders, or none. */
function check(config: KeepalivedConfig): KeepalivedHost {
  const self = config.hosts.find((host) => host.name === config.self);
  if (self === undefined) throw new Error(`${config.self} is not among the machines of its own group`);
  const priorities = config.hosts.map((host) => host.priority);
  if (new Set(priorities).size !== priorities.length) throw new Error('two machines have the same priority');
  if (priorities.some((priority) => !Number.isInteger(priority) || priority < 2 || priority > 254)) {
    throw new Error('a priority is not between 2 and 254');
  }
  if (!/^[A-Za-z0-9]{1,8}$/.test(config.authPass))
    throw new Error('the password is not one to eight letters and digits');
  const family = addressFamily(config.virtualIp);
  if (config.peers === 'unicast' && config.hosts.some((host) => addressFamily(host.address) !== family)) {
    throw new Error(`the virtual IP is ${family}, and not every machine’s address is`);
  }
  return self;
}

/**
 * check_apiserver.sh: does haproxy of this machine lead to a healthy API server? Mode 0755, owner root: keepalived runs no script that
 * another user could have changed. Without curl it asks only whether anything listens there, which is haproxy's port alone; `ss`
 * comes with what keepalived itself needs.
 * Source: kubeadm's "Options for Software Load Balancing".
 */
export function checkApiserverScript(config: { families: 'ipv4' | 'ipv6' | 'both'; port: number }): string {
  // Not "localhost", which is what the machine's resolver makes of it.
  const url = `https://${urlHost(config.families === 'ipv6' ? '::1' : '127.0.0.1')}:${config.port}/healthz`;
  return `#!/bin/sh
# Written by keelson.
set -eu

fail() {
  echo "check_apiserver: $1" >&2
  exit 1
}

if command -v curl >/dev/null; then
  curl -sfk --max-time 1 --noproxy '*' -o /dev/null ${url} || fail 'no healthy API server at ${url}'
elif command -v ss >/dev/null; then
  [ -n "$(ss -Hltn 'sport = :${config.port}')" ] || fail 'nothing listens on port ${config.port}'
else
  fail 'neither curl nor ss is there'
fi
`;
}

export interface KeepalivedPod {
  image: string;
  configPath: string;
  scriptPath: string;
  /** Of both files: others make it another pod, which is how it gets to read them. */
  configDigest: string;
}

/**
 * keepalived as a static pod, on the network of its machine. The script stands in the container where it stands on the machine, because
 * the configuration names its path. Neither is mounted read-only: nor does the page, whose image has a start-up script of its own.
 * Source: kubeadm's "Options for Software Load Balancing".
 */
export function keepalivedPod(pod: KeepalivedPod): string {
  return staticPod({
    name: 'keepalived',
    configDigest: pod.configDigest,
    container: {
      image: pod.image,
      securityContext: { capabilities: { add: ['NET_ADMIN', 'NET_BROADCAST', 'NET_RAW'] } },
    },
    files: [
      { name: 'config', path: pod.configPath, mountPath: '/usr/local/etc/keepalived/keepalived.conf', readOnly: false },
      { name: 'check', path: pod.scriptPath, mountPath: pod.scriptPath, readOnly: false },
    ],
  });
}
