import type { HandlerWorld } from './handler.ts';
import { KUBECONFIG } from './kubelet.ts';
import type { SimMachine } from './machine.ts';
import { unitOf } from './systemd.ts';

export interface OpenPort {
  /** As `ss` writes it. */
  at: string;
  port: number;
  program: string;
  pid: number;
}

/** Who listens on the machine. */
export function openPorts(m: SimMachine, world: HandlerWorld): OpenPort[] {
  const own = m.address.includes(':') ? `[${m.address}]` : m.address;
  const open = (at: string, port: number, program: string, pid: number): OpenPort => ({ at, port, program, pid });
  const found = [open('0.0.0.0', 22, 'sshd', 50)];
  const kubelet = unitOf(m, 'kubelet.service');
  if (kubelet.state === 'active') {
    const all = m.files.has(KUBECONFIG) ? '*' : '127.0.0.1';
    found.push(open('127.0.0.1', 10248, 'kubelet', kubelet.pid), open(all, 10250, 'kubelet', kubelet.pid));
  }
  const pid = world.kube.processOn(m);
  if (pid !== null) {
    found.push(
      open('*', 6443, 'kube-apiserver', pid),
      open('127.0.0.1', 10257, 'kube-controller', pid),
      open('127.0.0.1', 10259, 'kube-scheduler', pid),
    );
  }
  const process = world.etcd.process(m.id);
  if (process === null || !world.etcd.ready(m.id)) return found;
  found.push(open(own, 2379, 'etcd', process.pid), open(own, 2380, 'etcd', process.pid));
  return [...found, open('127.0.0.1', 2381, 'etcd', process.pid)];
}
