import { describe, expect, it } from 'vitest';
import { CLUSTER_HOSTS, controlPlaneNode, STACKED } from '../../../test/checks/nodes.ts';
import { type Scene, scene } from '../../../test/checks/scene.ts';
import { hostId } from '../../model/ids.ts';
import type { CommandResult } from '../../ports/host.ts';
import type { Probe } from '../probe.ts';
import { fitnessProbe } from './fitness.ts';
import { waysProbe } from './ways.ts';

const viewOf = (change: Scene = {}) => scene({ hosts: CLUSTER_HOSTS, spec: STACKED, ...change }).view;
const all = new Set(CLUSTER_HOSTS.map(({ name }) => hostId(name)));

function parse<T>(probe: Probe<T>, host: string, stdout: string, stderr = ''): T {
  const result: CommandResult = { exitCode: 0, stdout, stderr };
  return probe.parse([result], viewOf().desired, hostId(host), { sentAt: 0, receivedAt: 0 });
}

describe('the search between nodes', () => {
  /** `PORT LISTENS CALLERS: TARGETS` of each search. */
  const searches = (view: ReturnType<typeof viewOf>, host: string, takingPart = all): string[] => {
    const [, ...args] = waysProbe(view, takingPart).commands(view.desired, hostId(host))[0]?.argv.slice(4) ?? [];
    const found: string[] = [];
    for (let left = args; left.length > 0; left = left.slice(Number(left[0]) + 1)) {
      const [, , , port, , listens, callers, ...targets] = left.slice(0, Number(left[0]) + 1);
      found.push(`${port} ${listens} ${callers}: ${targets.join(' ')}`);
    }
    return found;
  };
  it('leads from all to each API server, and between control planes to etcd', () => {
    expect(searches(viewOf(), 'cp-0')).toEqual([
      '6443 yes 3: 10.77.0.20 10.77.0.21 10.77.0.22',
      '2379 yes 2: 10.77.0.20 10.77.0.21 10.77.0.22',
      '2380 yes 2: 10.77.0.20 10.77.0.21 10.77.0.22',
    ]);
    expect(searches(viewOf(), 'worker-0')).toEqual(['6443 no 0: 10.77.0.20 10.77.0.21 10.77.0.22']);
  });
  it('is for those who take part, and leaves ports to a control plane that is there', () => {
    const made = viewOf({ facts: { 'cp-0': { node: controlPlaneNode } } });
    const some = new Set([hostId('cp-0'), hostId('worker-0')]);
    expect(searches(made, 'cp-0', some)[0]).toBe('6443 no 0: 10.77.0.20');
  });
  it('has no etcd to find where that is elsewhere', () => {
    const view = viewOf({
      hosts: [
        { name: 'etcd-0', address: '10.77.0.10', role: 'etcd' },
        { name: 'cp-0', address: '10.77.0.20', role: 'control-plane' },
      ],
      spec: '  etcd: { topology: external }',
    });
    expect(searches(view, 'cp-0')).toEqual(['6443 yes 0: 10.77.0.20']);
    expect(waysProbe(view, all).commands(view.desired, hostId('etcd-0'))).toEqual([]);
  });
  it('is read by port', () => {
    const out =
      '6443|peer|10.77.0.20|ok|\n6443|peer|10.77.0.21|failed|No route to host\n2380|peer|10.77.0.20|failed|\n';
    expect(parse(waysProbe(viewOf(), all), 'cp-0', out)).toEqual(
      new Map([
        [
          6443,
          { self: { is: 'reached' }, others: new Map([['10.77.0.21', { is: 'failed', why: 'No route to host' }]]) },
        ],
        [2380, { self: { is: 'failed', why: 'no answer' }, others: new Map() }],
      ]),
    );
    const fromWorker = parse(waysProbe(viewOf(), all), 'worker-0', '6443|peer|10.77.0.20|ok|\n');
    expect(fromWorker.get(6443)?.self).toBeNull();
    expect(() => parse(waysProbe(viewOf(), all), 'cp-0', '', 'bash: not found\n')).toThrow('bash: not found');
  });
});

describe('what a machine brings', () => {
  // Recorded on Debian 12.
  const out = `cpus=2
memoryKiB=2019584
lacks=losetup
address=lo|127.0.0.1/8
address=eth0|10.77.0.20/24
route=10.77.0.0/24|eth0
`;
  it('is read', () => {
    expect(parse(fitnessProbe, 'cp-0', out)).toEqual({
      cpus: 2,
      memoryKiB: 2_019_584,
      lacks: ['losetup'],
      addresses: [
        { interface: 'lo', cidr: '127.0.0.1/8' },
        { interface: 'eth0', cidr: '10.77.0.20/24' },
      ],
      routes: [{ destination: '10.77.0.0/24', interface: 'eth0' }],
    });
    expect(() => parse(fitnessProbe, 'cp-0', 'cpus=\n')).toThrow('processors');
  });
  it('is asked of nodes alone', () => {
    const asked = (view: ReturnType<typeof viewOf>, host: string) => fitnessProbe.commands(view.desired, hostId(host));
    expect(asked(viewOf(), 'worker-0').map(({ builder }) => builder)).toEqual(['node-fitness']);
    expect(asked(scene().view, 'etcd-0')).toEqual([]);
  });
});
