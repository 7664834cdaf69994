import type { Handler } from './handler.ts';
import { args, base64, fail, ok, stdin, text } from './handler.ts';

/** What a simulated machine says about being a node: it is none yet. */
export const nodeHandlers = {
  'service-reach': () => ok('api=ok\ndns=002d4b4c81800001000100000000\n'),
  'node-state': () => ok('sysctl=net.ipv4.ip_forward=1\noverlay=yes\n'),
  'certificates-in': (m, c) =>
    ok(
      text(
        args(c).flatMap((path) => {
          const file = m.files.get(path);
          const block = file?.type === 'file' ? certificateIn(path, file.content) : undefined;
          return block === undefined ? [] : [`${path}|${base64(`${block}\n`)}`];
        }),
      ),
    ),
  'node-fitness': (m) =>
    ok(text(['cpus=4', 'memoryKiB=8000000', 'address=lo|127.0.0.1/8', `address=eth0|${m.address}/24`])),
  'reach-ports': (m, c, world) => {
    const found: string[] = [];
    // The script of one search comes first, then each with the number of its arguments in front.
    let left = args(c).slice(1);
    while (left.length > 0) {
      const end = Number(left[0]) + 1;
      const [, own = '', , port, , , , ...targets] = left.slice(0, end);
      left = left.slice(end);
      const reached = (a: string): boolean => a === own || world.reaches(m, a);
      found.push(...targets.map((a) => `${port}|peer|${a}|${reached(a) ? 'ok|' : 'failed|no answer'}`));
    }
    return ok(text(found));
  },
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

function certificateIn(path: string, content: string): string | undefined {
  const data = path.endsWith('.conf') ? /^ *client-certificate-data: *(\S+)/m.exec(content)?.[1] : undefined;
  const pem = path.endsWith('.conf') ? atob(data ?? '') : content;
  return /^-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]+\n)*-----END CERTIFICATE-----$/m.exec(pem)?.[0];
}
