import type { Handler } from './handler.ts';
import { fail, ok } from './handler.ts';

/** What a simulated machine says about being a node: it is none yet. */
export const nodeHandlers = {
  'service-reach': () => ok('api=ok\ndns=002d4b4c81800001000100000000\n'),
  'node-state': () => ok('sysctl=net.ipv4.ip_forward=1\noverlay=yes\n'),
  'apply-sysctls': () => ok(''),
  kubeadm: () => fail(1, 'no simulated machine becomes a node'),
} satisfies Record<string, Handler>;
