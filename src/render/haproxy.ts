import { urlHost } from '../config/address.ts';
import { staticPod } from './static-pod.ts';

export interface HaproxyServer {
  name: string;
  address: string;
  /** Of the API server. */
  port: number;
  /** It is being taken out: known, but given no connection. */
  draining: boolean;
}

export interface HaproxyConfig {
  /** Of the control plane's endpoint. */
  port: number;
  /** Both: one IPv6 socket for the two. With IPv4 alone none of IPv6 is opened: a kernel without it would refuse. */
  families: 'ipv4' | 'ipv6' | 'both';
  /** Port of the API server on this very machine; absent where none is. */
  apiPortHere?: number;
  servers: readonly HaproxyServer[];
  balance: 'roundrobin' | 'leastconn';
  maxConnections: number;
  /** A pod is a user of its own from the start, and has no socket for administration: it is started again instead. */
  runsAs: 'service' | 'static-pod';
}

/** Where the service can be told to take a server out and to end its connections; for root alone. */
export const HAPROXY_SOCKET = '/run/haproxy/keelson.sock';

/** The backend's name, as commands on the socket need it: `shutdown sessions server kube-apiserver/cp-0`. */
export const HAPROXY_BACKEND = 'kube-apiserver';

/**
 * haproxy.cfg for haproxy 2.4 or newer: passes TCP through to the API servers, so that TLS ends there.
 *
 * Source: "Creating Highly Available Clusters with kubeadm" and kubeadm's "Options for Software Load Balancing", with these faults
 * mended:
 * - `mode http` and its options are left out: all of it is TCP, and haproxy warns of `forwardfor` there.
 * - 35 s of silence do not end a connection: watches, `exec` and `logs` are silent for longer. `timeout tunnel` counts once data went both
 *   ways, and is as long as the kubelet lets a silent `exec` live. Peers that are gone are found by TCP keep-alive.
 * - An API server that is down is seen after two checks a second apart, and its connections are ended, so that clients come again.
 * - After a reload the old process neither checks servers nor ends by itself while a watch lives. It gets a minute.
 *
 * /healthz is asked without a client certificate: an API server that refuses anonymous requests is down for this check.
 */
export function haproxyConfig(config: HaproxyConfig): string {
  if (config.port === config.apiPortHere) {
    throw new Error(`haproxy cannot listen on port ${config.port}: the API server of the same machine does`);
  }
  return `# Written by keelson.
global
  log stdout format raw local0 info
  maxconn ${config.maxConnections}
  hard-stop-after 1m
${config.runsAs === 'service' ? SERVICE : ''}
defaults
  mode tcp
  log global
  option tcplog
  option dontlognull
  option clitcpka
  option srvtcpka
  clitcpka-idle 60s
  srvtcpka-idle 60s
  option redispatch 1
  retries 2
  timeout queue 5s
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout client-fin 30s
  timeout server-fin 30s
  timeout tunnel 4h
  timeout check 2s

frontend control-plane-endpoint
  bind ${bindAddress(config)}
  default_backend ${HAPROXY_BACKEND}

backend ${HAPROXY_BACKEND}
  balance ${config.balance}
  option log-health-checks
  option httpchk
  http-check connect ssl
  http-check send meth GET uri /healthz
  http-check expect status 200
  default-server check inter 1s fall 2 rise 2 verify none on-marked-down shutdown-sessions
${inNameOrder(config.servers).map(serverLine).join('')}`;
}

const SERVICE = `  user haproxy
  group haproxy
  chroot /var/lib/haproxy
  stats socket ${HAPROXY_SOCKET} mode 600 user root group root level admin
`;

function bindAddress({ families, port }: HaproxyConfig): string {
  if (families === 'ipv4') return `0.0.0.0:${port}`;
  return `[::]:${port} ${families === 'both' ? 'v4v6' : 'v6only'}`;
}

function inNameOrder(servers: readonly HaproxyServer[]): readonly HaproxyServer[] {
  return [...servers].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function serverLine({ name, address, port, draining }: HaproxyServer): string {
  return `  server ${name} ${urlHost(address)}:${port}${draining ? ' disabled' : ''}\n`;
}

export interface HaproxyPod {
  image: string;
  /** Where haproxy listens. */
  port: number;
  /** haproxy.cfg on the machine; readable by all, because the image's haproxy is not root. */
  configPath: string;
  /** Of haproxy.cfg: another one makes it another pod, which is how it gets to read the file. */
  configDigest: string;
}

/**
 * haproxy as a static pod, on the network of its machine.
 * Source: kubeadm's "Options for Software Load Balancing". Unlike there, liveness asks for haproxy's own port and not for an API server
 * behind it: without any, before `kubeadm init` above all, haproxy would be killed again and again, and the kubelet would wait
 * up to five minutes to start it.
 */
export function haproxyPod(pod: HaproxyPod): string {
  return staticPod({
    name: 'haproxy',
    configDigest: pod.configDigest,
    container: {
      image: pod.image,
      // Below 1024 only root may listen on the machine's own network.
      ...(pod.port < 1024 ? { securityContext: { runAsUser: 0 } } : {}),
      livenessProbe: { tcpSocket: { port: pod.port }, periodSeconds: 5, failureThreshold: 8 },
    },
    files: [{ name: 'config', path: pod.configPath, mountPath: '/usr/local/etc/haproxy/haproxy.cfg', readOnly: true }],
  });
}
