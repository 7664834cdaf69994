import { expect, it } from 'vitest';
import { nodesView, stackedConfig } from '../../test/checks/stacked.ts';
import { paths } from '../desired/paths.ts';
import type { FilesFact, KubeClusterFact } from '../facts/types.ts';
import type { FileSpec } from '../model/file.ts';
import { hostId } from '../model/ids.ts';
import type { World } from '../ports/world.ts';
import { kubeVip } from './kube-vip.ts';
import type { View } from './types.ts';

const on = hostId('cp-0');
const controlPlane = '    loadBalancer: { kind: kube-vip, virtualIP: 10.77.0.100 }\n';
const config = stackedConfig({ source: 'preinstalled', controlPlane, endpoint: '10.77.0.100:6443' });

function viewOf(text?: string, lacking: readonly string[] | null = null, prefixLength = 24): View {
  const files: FilesFact = {
    at: new Map(
      text === undefined
        ? []
        : [
            [
              paths.kubeVipManifest,
              { is: 'file', mode: '600', owner: 'root', group: 'root', size: 1, inode: 1, mtime: 1 },
            ],
          ],
    ),
    text: new Map(text === undefined ? [] : [[paths.kubeVipManifest, text]]),
    entries: [],
    publicKeys: new Map(),
  };
  const addresses = [{ interface: 'host0', address: '10.77.0.20', prefixLength }];
  const cluster = lacking === null ? null : ({ lacking } as unknown as KubeClusterFact);
  return nodesView(config, {
    hosts: { 'cp-0': { files, balancer: { addresses, programs: new Set() } } },
    kube: { servers: new Map(), cluster },
  });
}

async function placed(step: 'admin' | 'super-admin', view: View): Promise<FileSpec[]> {
  const put: FileSpec[] = [];
  const host = {
    id: on,
    run: async () => ({ exitCode: 0, stdout: '', stderr: '' }),
    putFiles: async (files: readonly FileSpec[]) => void put.push(...files),
  };
  const world = { host, signal: new AbortController().signal, note: () => undefined } as unknown as World;
  await kubeVip.bind({ config: step }, on).apply(world, view);
  return put;
}

const verdict = (step: 'admin' | 'super-admin', view: View): unknown => {
  const check = kubeVip.bind({ config: step }, on).judge(view);
  return check.is === 'blocked' ? check.finding.code : check.is;
};

it('has super-admin.conf until the cluster is made, and admin.conf from then on', async () => {
  const [first] = await placed('super-admin', viewOf());
  const [second] = await placed('admin', viewOf());
  expect(first).toMatchObject({ path: '/etc/kubernetes/manifests/kube-vip.yaml', mode: '600' });
  expect(first?.content).toContain('path: /etc/kubernetes/super-admin.conf');
  expect(first?.content).toMatch(/name: vip_interface\s+value: host0/);
  expect(second?.content).toContain('path: /etc/kubernetes/admin.conf');

  expect(verdict('super-admin', viewOf())).toBe('needed');
  expect(verdict('super-admin', viewOf(String(first?.content)))).toBe('satisfied');
  expect(verdict('super-admin', viewOf(String(second?.content)))).toBe('needed');
  // The cluster is made: it is not put back.
  expect(verdict('super-admin', viewOf(String(second?.content), []))).toBe('satisfied');
  expect(verdict('admin', viewOf(String(first?.content), []))).toBe('needed');
  expect(verdict('admin', viewOf(String(second?.content), []))).toBe('satisfied');
});

it('blocks where the address is of no network of the machine', () => {
  expect(verdict('admin', viewOf(undefined, null, 27))).toBe('load-balancer.network');
});
