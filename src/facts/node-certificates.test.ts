import { expect, it } from 'vitest';
import { goodFingerprint, goodLeaf } from '../../test/checks/certificates.ts';
import { goodServer, kubeFacts, runningCluster } from '../../test/checks/nodes.ts';
import { scene } from '../../test/checks/scene.ts';
import { API_SERVER_CERTIFICATE, KUBELET_CERTIFICATE } from '../desired/node-certificates.ts';
import { hostId } from '../model/ids.ts';
import type { CommandResult, ReadHost } from '../ports/host.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { gatherNodeCertificates } from './node-certificates.ts';

const never = new AbortController().signal;

it('asks each node for its files alone, and API servers that gave an answer for what they show', async () => {
  const { view } = scene(
    runningCluster({
      away: ['cp-2'],
      kube: kubeFacts({
        servers: {
          'cp-0': goodServer,
          'cp-1': { is: 'failed', code: 'kube.not-listening', message: 'nothing listens' },
        },
      }),
    }),
  );
  const asked = new Map<string, readonly string[]>();
  const hosts = new Map(
    view.desired.nodes.map(({ host }): [typeof host, ReadHost] => {
      const runAll: ReadHost['runAll'] = (commands) => {
        asked.set(
          host,
          commands.flatMap((command) => [command.builder, ...command.argv.slice(4)]),
        );
        const stdout = `${KUBELET_CERTIFICATE}|${btoa(goodLeaf)}\n`;
        return Promise.resolve<CommandResult[]>([{ exitCode: 0, stdout, stderr: '' }]);
      };
      return [host, { id: host, runAll } as ReadHost];
    }),
  );
  const looked: string[] = [];
  const kube = {
    servedCertificate: ({ on }: { on: string }) => {
      looked.push(on);
      return Promise.resolve(goodLeaf);
    },
  };
  const found = await gatherNodeCertificates(view, { hosts, kube, clock: manualClock('2026-01-01T00:00:00Z') }, never);
  expect([...found.keys()]).toEqual(['cp-0', 'cp-1', 'worker-0']);
  expect(asked.get('worker-0')).toEqual(['certificates-in', KUBELET_CERTIFICATE]);
  expect(asked.get('cp-0')).toEqual(expect.arrayContaining([API_SERVER_CERTIFICATE, '/etc/kubernetes/admin.conf']));
  expect(asked.get('cp-0')?.filter((path) => path.endsWith('.key'))).toEqual([]);
  expect(looked).toEqual(['cp-0']);
  expect(found.get(hostId('cp-0'))).toMatchObject({
    files: { value: new Map([[KUBELET_CERTIFICATE, goodLeaf]]) },
    served: { is: 'known', value: goodFingerprint },
  });
  expect(found.get(hostId('cp-1'))?.served).toBeNull();
});
