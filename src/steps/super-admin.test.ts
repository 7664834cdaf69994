import { expect, it } from 'vitest';
import { nodesView, stackedConfig } from '../../test/checks/stacked.ts';
import { nodeProbe } from '../facts/node.ts';
import type { KubeClusterFact, NodeFact } from '../facts/types.ts';
import { hostId } from '../model/ids.ts';
import { applyCandidates } from '../plan/candidates.ts';
import type { WriteCommand } from '../ports/command.ts';
import type { World } from '../ports/world.ts';
import { superAdminRemoved } from './super-admin.ts';
import type { View } from './types.ts';

const on = hostId('cp-0');
const config = stackedConfig({ source: 'preinstalled' });

function viewOf(lacking: readonly string[] | null, said: string): View {
  const result = { exitCode: 0, stdout: said, stderr: '' };
  const view = nodesView(config, {});
  const node = nodeProbe.parse([result], view.desired, on, { sentAt: 0, receivedAt: 0 }) as NodeFact;
  const cluster = lacking === null ? null : ({ lacking } as unknown as KubeClusterFact);
  return nodesView(config, { hosts: { 'cp-0': { node } }, kube: { servers: new Map(), cluster } });
}

const verdict = (lacking: readonly string[] | null, said = ''): string =>
  superAdminRemoved.bind({}, on).judge(viewOf(lacking, said)).is;

const THERE = 'kubeconfig=admin\nkubeconfig=super-admin\n';

it('goes when the cluster is whole, and not before', () => {
  expect(verdict([], THERE)).toBe('needed');
  expect(verdict([], 'kubeconfig=admin\n')).toBe('satisfied');
});

it('is planned before kubeadm init has made it, and is not done as long as something of that is missing', () => {
  expect(verdict(null)).toBe('needed');
  expect(verdict(['ClusterRoleBinding kubeadm:cluster-admins'])).toBe('needed');
});

it('stays where a static pod reads it', () => {
  expect(verdict([], `${THERE}superAdmin=kube-vip\n`)).toBe('satisfied');
});

it('is removed, and read by nobody', async () => {
  const ran: (readonly string[])[] = [];
  const run = async (command: WriteCommand) => {
    ran.push(command.argv);
    return { exitCode: 0, stdout: '', stderr: '' };
  };
  const world = { host: { id: on, run }, signal: new AbortController().signal } as unknown as World;
  await superAdminRemoved.bind({}, on).apply(world, viewOf([], THERE));
  expect(ran).toEqual([['rm', '-rf', '--one-file-system', '--', '/etc/kubernetes/super-admin.conf']]);
});

it('comes after every node is Ready, on the machine where the cluster begins alone', () => {
  const candidates = applyCandidates(viewOf(null, ''));
  const found = candidates.filter(({ kind }) => kind === 'super-admin-removed');
  expect(found.map((c) => [c.on, c.needs])).toEqual([[on, ['nodes-ready@the operator']]]);
});
