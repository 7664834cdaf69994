import { createHash } from 'node:crypto';
import type { BuilderName } from '../../ports/command.ts';
import { args, base64, fail, type Handler, ok, stdin, text } from './handler.ts';
import { runKubeadm } from './kubeadm-run.ts';
import { KUBECONFIG, KUBELET_CONFIG } from './kubelet.ts';
import { bridgeSysctls, type SimMachine } from './machine.ts';

const KUBECONFIGS = ['admin', 'super-admin', 'kubelet', 'bootstrap-kubelet', 'controller-manager', 'scheduler'];
const MANIFESTS = '/etc/kubernetes/manifests';

/** What makes a machine a node, and tells whether it is one. */
export const nodeHandlers = {
  'node-state': (m, c) => {
    const manifests = m
      .children(MANIFESTS)
      .map((path) => path.slice(MANIFESTS.length + 1))
      .filter((name) => /^[^./][^/]*\.yaml$/.test(name));
    const kubelet = m.files.get(KUBECONFIG)?.content ?? '';
    const authority = /^ *certificate-authority-data: *(\S+)$/m.exec(kubelet)?.[1];
    return ok(
      text([
        ...KUBECONFIGS.filter((name) => m.files.has(`/etc/kubernetes/${name}.conf`)).map(
          (name) => `kubeconfig=${name}`,
        ),
        ...manifests.map((name) => `manifest=${name.replace(/\.yaml$/, '')}`),
        ...superAdmins(m, manifests).map((name) => `superAdmin=${name}`),
        ...(m.files.has(KUBELET_CONFIG) ? ['kubelet=yes'] : []),
        ...args(c).flatMap((name) => (m.sysctls.has(name) ? [`sysctl=${name}=${m.sysctls.get(name)}`] : [])),
        'overlay=yes',
        ...(authority === undefined ? [] : [`ca=${sha256(Buffer.from(authority, 'base64'))}`]),
        ...m.transients.flatMap((t) => (t.builder === 'kubeadm' && t.state === 'running' ? ['kubeadm=4242'] : [])),
      ]),
    );
  },
  'apply-sysctls': (m, c) => {
    const [modules = '', ...pairs] = args(c);
    if (modules.split(' ').includes('br_netfilter'))
      for (const [name, value] of bridgeSysctls) if (!m.sysctls.has(name)) m.sysctls.set(name, value);
    for (let n = 0; n + 1 < pairs.length; n += 2) {
      const [name = '', value = ''] = pairs.slice(n);
      if (m.sysctls.has(name)) m.sysctls.set(name, value);
    }
    return ok();
  },
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
  'load-balancer-state': (m) => {
    const programs = ['haproxy', 'keepalived', 'curl'].filter((name) => m.program(name) !== null);
    const length = m.address.includes(':') ? 64 : 24;
    return ok(
      text([`address=lo|127.0.0.1/8`, `address=eth0|${m.address}/${length}`, ...programs.map((p) => `program=${p}`)]),
    );
  },
  /** A load balancer that the simulation leaves to itself: it leads to any API server that is ready. */
  'probe-endpoint': (m, c, world) => ok(world.kube.reach(m, args(c)[2] ?? '') === null ? 'refused\n' : 'answers\n'),
  'service-reach': (m, _c, world) =>
    ok(world.kube.reach(m, 'any') === null ? '' : 'api=ok\ndns=002d4b4c81800001000100000000\n'),
  'check-load-balancer': (m, c) => {
    const [program = ''] = args(c);
    if (m.program(program) === null) return fail(127, `sh: ${program}: not found`);
    const good = (program === 'haproxy' ? /^frontend /m : /^vrrp_instance /m).test(stdin(c));
    return good ? ok() : fail(1, 'unknown keyword');
  },
  /** All at once, as nobody but a test of the handler itself asks for it. */
  kubeadm: (m, c, world) => {
    const work = runKubeadm(m, c, world);
    for (let next = work.next(); ; next = work.next()) if (next.done === true) return next.value;
  },
} satisfies Partial<Record<BuilderName, Handler>>;

/** Static pods that read super-admin.conf, as long as it is there. */
function superAdmins(m: SimMachine, manifests: readonly string[]): string[] {
  if (!m.files.has('/etc/kubernetes/super-admin.conf')) return [];
  const reads = (name: string): boolean =>
    m.files.get(`${MANIFESTS}/${name}`)?.content.includes('super-admin.conf') === true;
  return manifests.filter(reads).map((name) => name.replace(/\.yaml$/, ''));
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function certificateIn(path: string, content: string): string | undefined {
  const data = path.endsWith('.conf') ? /^ *client-certificate-data: *(\S+)/m.exec(content)?.[1] : undefined;
  const pem = path.endsWith('.conf') ? atob(data ?? '') : content;
  return /^-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]+\n)*-----END CERTIFICATE-----$/m.exec(pem)?.[0];
}
