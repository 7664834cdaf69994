import { beforeEach, expect, it, vi } from 'vitest';
import type { KubeconfigReport, KubeconfigRequest } from '../operations/kubeconfig.ts';
import { interruption } from './interruption.ts';
import { type Io, recorder } from './io.ts';
import { main } from './main.ts';

const fake = vi.hoisted(() => ({ requests: [] as unknown[], current: true }));

vi.mock('../operations/kubeconfig.ts', () => ({
  kubectlFile: () => '/home/me/.kube/config',
  openKubeconfig: async (_options: unknown, request: KubeconfigRequest): Promise<KubeconfigReport> => {
    fake.requests.push(request);
    const { to } = request;
    if (to.is === 'output') to.write('the whole file\n');
    return {
      file: to.is === 'output' ? null : (to.path ?? 'lab.kubeconfig'),
      cluster: 'lab',
      user: 'kubernetes-admin',
      groups: ['kubeadm:cluster-admins'],
      context: 'kubernetes-admin@lab',
      current: fake.current,
      server: 'https://10.77.0.100:8443',
      expiresAt: '2027-11-21T10:15:00.000Z',
    };
  },
}));
beforeEach(() => {
  fake.requests = [];
  fake.current = true;
});

async function keelson(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [recorder(), recorder()];
  const unasked = () => Promise.reject(new Error('a question'));
  const io: Io = {
    stdout,
    stderr,
    readStdin: async () => '',
    interactive: false,
    env: {},
    now: () => new Date('2026-11-21T10:15:00.000Z'),
    monotonicMs: () => 0,
  };
  const code = await main(['kubeconfig', ...argv], io, interruption(), {
    confirm: unasked,
    text: unasked,
    password: unasked,
  });
  return { code, out: stdout.text(), err: stderr.text() };
}

it('writes a file of the cluster’s name, and tells how long it is good and what comes next', async () => {
  const { code, out } = await keelson();
  expect([code, out]).toEqual([
    0,
    `lab.kubeconfig was written: context kubernetes-admin@lab, https://10.77.0.100:8443
kubernetes-admin (kubeadm:cluster-admins) until 2027-11-21T10:15:00.000Z; nobody can take it back before.
next: kubectl --kubeconfig lab.kubeconfig get nodes
`,
  ]);
  expect(fake.requests).toEqual([{ superAdmin: false, to: { is: 'file' } }]);
});

it('merges into kubectl’s own file, and names the context where another one is current', async () => {
  fake.current = false;
  const { out } = await keelson('--merge', '--user', 'alice', '--validity', '24h');
  expect(out).toContain('next: kubectl --kubeconfig /home/me/.kube/config --context kubernetes-admin@lab get nodes');
  expect(fake.requests).toEqual([
    {
      user: 'alice',
      validity: '24h',
      superAdmin: false,
      to: { is: 'merge', path: '/home/me/.kube/config', use: false },
    },
  ]);
  await keelson('--merge', '--use', '--super-admin');
  expect(fake.requests[1]).toMatchObject({ superAdmin: true, to: { use: true } });
});

it('goes to standard output as it is, and what is said about it does not', async () => {
  const { code, out, err } = await keelson('--out', '-');
  expect([code, out]).toEqual([0, 'the whole file\n']);
  expect(err).toContain('until 2027-11-21T10:15:00.000Z');
});

it('tells programs paths and names', async () => {
  const { out } = await keelson('-o', 'json', '--out', 'x.kubeconfig');
  expect(JSON.parse(out)).toEqual({
    apiVersion: 'keelson.dev/v1alpha1',
    kind: 'Kubeconfig',
    file: 'x.kubeconfig',
    cluster: 'lab',
    user: 'kubernetes-admin',
    groups: ['kubeadm:cluster-admins'],
    context: 'kubernetes-admin@lab',
    current: true,
    server: 'https://10.77.0.100:8443',
    expiresAt: '2027-11-21T10:15:00.000Z',
  });
});

it.each([
  ['two places', ['--merge', '--out', 'x']],
  ['a context of a file that holds one', ['--use']],
  ['a document and a file on standard output', ['--out', '-', '-o', 'json']],
])('refuses %s', async (_what, argv) => {
  expect((await keelson(...argv)).code).toBe(1);
  expect(fake.requests).toEqual([]);
});
