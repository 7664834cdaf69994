import type { Handler } from './handler.ts';
import { args, fail, ok, stdin, text } from './handler.ts';

/** What a simulated machine says about being a node: it is none yet. */
export const nodeHandlers = {
  'service-reach': () => ok('api=ok\ndns=002d4b4c81800001000100000000\n'),
  'node-state': () => ok('sysctl=net.ipv4.ip_forward=1\noverlay=yes\n'),
  'apply-sysctls': () => ok(''),
  'load-balancer-state': (m) => {
    const programs = ['haproxy', 'keepalived', 'curl'].filter((name) => m.program(name) !== null);
    const length = m.address.includes(':') ? 64 : 24;
    return ok(
      text([`address=lo|127.0.0.1/8`, `address=eth0|${m.address}/${length}`, ...programs.map((p) => `program=${p}`)]),
    );
  },
  // Nobody balances anything there yet.
  'probe-endpoint': () => ok('refused\n'),
  'check-load-balancer': (m, c) => {
    const [program = ''] = args(c);
    if (m.program(program) === null) return fail(127, `sh: ${program}: not found`);
    const good = (program === 'haproxy' ? /^frontend /m : /^vrrp_instance /m).test(stdin(c));
    return good ? ok() : fail(1, 'unknown keyword');
  },
  kubeadm: () => fail(1, 'no simulated machine becomes a node'),
} satisfies Record<string, Handler>;
