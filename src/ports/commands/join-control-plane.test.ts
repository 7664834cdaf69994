import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { Secret } from '../../model/secret.ts';
import { kubeadmJoinControlPlane } from './kubeadm.ts';

const folder = mkdtempSync(join(tmpdir(), 'join-'));
afterAll(() => rmSync(folder, { recursive: true }));
const log = join(folder, 'log');

function program(name: string, text: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

beforeEach(() => {
  rmSync(log, { force: true });
  // The last argument is the configuration, which is a secret.
  program(
    'kubeadm',
    `echo "kubeadm $*" | sed 's/ --config .*//' >>${log}; for f; do :; done; stat -c %a "$f" >>${log}; cat "$f"`,
  );
  program('systemctl', `echo "systemctl $*" >>${log}`);
  program('sleep', ':');
  // Refused, then not ready, then ready.
  program(
    'openssl',
    `n=$(cat ${folder}/n); echo $((n+1)) >${folder}/n; case $n in 0) exit 1;; 1) echo "HTTP/1.0 500 x";; *) echo "HTTP/1.0 200 OK";; esac`,
  );
  writeFileSync(join(folder, 'n'), '0');
});

function run() {
  const command = kubeadmJoinControlPlane(new Secret('token: abc\n'), { address: 'fd00::1', port: 6443 });
  const [name, ...args] = command.argv;
  const env = { PATH: `${folder}:/usr/bin:/bin`, LC_ALL: 'C' };
  const { status, stdout } = spawnSync(name, args, { input: 'token: abc\n', env, encoding: 'utf8' });
  return { argv: command.argv.slice(4), status, stdout, log: readFileSync(log, 'utf8').split('\n').slice(0, -1) };
}

it('lets the member vote first, and starts the kubelet again when the API server is ready', () => {
  const { argv, status, log: did } = run();
  expect(argv[1]).toBe('[fd00::1]:6443');
  expect(status).toBe(0);
  expect(did).toEqual([
    'kubeadm join --skip-phases control-plane-prepare/control-plane,kubelet-wait-bootstrap,control-plane-join,wait-control-plane',
    '600',
    'kubeadm join phase control-plane-prepare control-plane',
    '600',
    'systemctl restart kubelet.service',
    'kubeadm join --skip-phases preflight,control-plane-prepare,check-etcd,kubelet-start,etcd-join',
    '600',
  ]);
  expect(readFileSync(join(folder, 'n'), 'utf8')).toBe('3\n');
  const left = existsSync('/run/keelson/kubeadm') ? readdirSync('/run/keelson/kubeadm') : [];
  expect(left).toEqual([]);
});

it('ends with the phase that fails', () => {
  program('kubeadm', `echo "kubeadm $*" >>${log}; echo error: no >&2; exit 3`);
  const { status, stdout, log: did } = run();
  expect([status, stdout, did.length]).toEqual([3, 'error: no\n', 1]);
});
