import { describe, expect, it } from 'vitest';
import { absentVault, known, openVault, unit } from '../../test/checks/scene.ts';
import { stackedConfig } from '../../test/checks/stacked.ts';
import { desire } from '../desired/desire.ts';
import { paths } from '../desired/paths.ts';
import type { BalancerFact, HostFacts, UnitFacts } from '../facts/types.ts';
import type { FileFact, FileSpec } from '../model/file.ts';
import { hostId } from '../model/ids.ts';
import { Secret } from '../model/secret.ts';
import type { World } from '../ports/world.ts';
import { loadBalancer } from './load-balancer.ts';
import type { View } from './types.ts';

const on = hostId('cp-1');
const step = loadBalancer.bind({}, on);
const WRITTEN = 1000;

interface Machine {
  source?: 'bundle' | 'packages' | 'preinstalled';
  files?: Readonly<Record<string, { text: string; mode: string; mtime?: number }>>;
  units?: Readonly<Record<string, Partial<UnitFacts>>>;
  balancer?: Partial<BalancerFact>;
  interface?: string;
  /** The vault is not made yet. */
  first?: boolean;
}

function viewOf({
  source = 'preinstalled',
  files = {},
  units = {},
  balancer = {},
  first = false,
  ...more
}: Machine = {}): View {
  const nic = more.interface === undefined ? '' : `\n      interface: ${more.interface}`;
  const config = stackedConfig({
    source,
    controlPlane: `    loadBalancer:\n      kind: haproxy-keepalived\n      virtualIP: 10.77.0.100${nic}\n`,
  });
  const vault = first ? absentVault : openVault('founding');
  const software =
    source === 'packages'
      ? { source, repository: { url: 'https://packages.example/', signingKey: '' } }
      : { source: 'preinstalled' as const };
  const at = new Map<string, FileFact>();
  for (const [path, { text, mode, mtime = WRITTEN }] of Object.entries(files))
    at.set(path, { is: 'file', mode, owner: 'root', group: 'root', size: text.length, inode: 1, mtime });
  const facts = {
    files: known({
      at,
      text: new Map(Object.entries(files).map(([path, { text }]) => [path, text])),
      entries: [],
      publicKeys: new Map(),
    }),
    units: known(new Map(Object.entries(units).map(([name, change]) => [name, { ...unit(), ...change }]))),
    balancer: known({
      addresses: [{ interface: 'host0', address: '10.77.0.21', prefixLength: 24 }],
      programs: new Set(['haproxy', 'keepalived', 'curl']),
      taken: null,
      ...balancer,
    }),
  } as unknown as HostFacts;
  return {
    desired: desire(config, vault, software),
    facts: {
      hosts: new Map([[on, facts]]),
      etcd: known({ endpoints: new Map() }),
      kube: known({ servers: new Map(), cluster: null }),
      vault: known(vault),
    },
  };
}

/** What apply does with a view, and the files that are there afterwards. */
async function applied(view: View, refuses?: string, did: string[] = []) {
  const files: Record<string, { text: string; mode: string }> = {};
  const world = {
    signal: new AbortController().signal,
    note: () => undefined,
    host: {
      id: on,
      run: async ({ builder, argv }: { builder: string; argv: readonly string[] }) => {
        const words = builder === 'systemctl' ? argv.slice(1) : argv.slice(4);
        did.push([builder, ...words].join(' '));
        const refused = builder === 'check-load-balancer' && argv[4] === refuses;
        return { exitCode: refused ? 1 : 0, stdout: refused ? '[ALERT] unknown keyword' : '', stderr: '' };
      },
      putFiles: async (specs: readonly FileSpec[]) => {
        for (const { path, content, mode } of specs) {
          did.push(`put ${path} ${mode}`);
          files[path] = { text: content instanceof Secret ? '' : content, mode };
        }
        return [];
      },
    },
  } as unknown as World;
  await step.apply(world, view);
  return { did, files };
}

async function goodFiles(): Promise<Record<string, { text: string; mode: string }>> {
  return (await applied(viewOf())).files;
}

const running = { startedAt: WRITTEN + 10, settledAt: WRITTEN + 10 };
const bothRun = { 'haproxy.service': running, 'keepalived.service': running };

function summaries(view: View): unknown {
  const check = step.judge(view);
  if (check.is === 'needed') return check.changes.map(({ summary }) => summary);
  return check.is === 'blocked' ? [check.finding.code, check.finding.message] : check.is;
}

describe('the verdict', () => {
  it('of a machine with nothing: files, units, in the order in which they are needed', () => {
    expect(summaries(viewOf())).toEqual([
      'create /etc/haproxy/haproxy.cfg (644)',
      'enable haproxy.service',
      'start haproxy.service',
      'create /etc/keepalived/keepalived.conf (600)',
      'create /etc/keepalived/check_apiserver.sh (755)',
      'enable keepalived.service',
      'start keepalived.service',
    ]);
  });

  it('is satisfied by what apply has made', async () => {
    expect(summaries(viewOf({ files: await goodFiles(), units: bothRun }))).toBe('satisfied');
  });

  const cases: readonly [string, (good: Awaited<ReturnType<typeof goodFiles>>) => Machine, unknown][] = [
    [
      'haproxy has not read its file yet',
      (good) => ({
        files: { ...good, [paths.haproxyConfig]: { ...good[paths.haproxyConfig], mtime: WRITTEN + 20 } as never },
        units: bothRun,
      }),
      ['reload haproxy.service'],
    ],
    [
      'haproxy was reloaded since the file was written',
      (good) => ({
        files: { ...good, [paths.haproxyConfig]: { ...good[paths.haproxyConfig], mtime: WRITTEN + 20 } as never },
        units: { ...bothRun, 'haproxy.service': { ...running, settledAt: WRITTEN + 30 } },
      }),
      'satisfied',
    ],
    [
      'the script’s mode is wrong',
      (good) => ({
        files: { ...good, [paths.checkScript]: { ...good[paths.checkScript], mode: '777' } as never },
        units: bothRun,
      }),
      ['mode of /etc/keepalived/check_apiserver.sh 777 -> 755', 'reload keepalived.service'],
    ],
    [
      'keepalived was stopped and disabled',
      (good) => ({ files: good, units: { ...bothRun, 'keepalived.service': { active: 'inactive', enabled: false } } }),
      ['enable keepalived.service', 'start keepalived.service'],
    ],
  ];
  it.each(cases)('%s', async (_when, machine, expected) => {
    expect(summaries(viewOf(machine(await goodFiles())))).toEqual(expected);
  });

  it.each<[string, Machine, unknown]>([
    [
      'a program that nobody brings',
      { balancer: { programs: new Set(['haproxy']) } },
      ['load-balancer.programs', 'cp-1 has no keepalived, and spec.software.source is preinstalled'],
    ],
    [
      'a haproxy that serves somebody',
      { files: { [paths.haproxyConfig]: { text: 'global\n\nfrontend web\n  bind :80\n', mode: '644' } } },
      [
        'load-balancer.foreign',
        '/etc/haproxy/haproxy.cfg on cp-1 is somebody else’s: it serves something, and keelson has not written it',
      ],
    ],
    [
      'a virtual IP of another subnet',
      { balancer: { addresses: [{ interface: 'host0', address: '10.77.0.21', prefixLength: 27 }] } },
      ['load-balancer.network', '10.77.0.100 is not in the subnet of cp-1, 10.77.0.21/27 on host0'],
    ],
    [
      'an address that somebody has',
      { first: true, balancer: { taken: '52:54:00:12:34:56' } },
      [
        'load-balancer.address-taken',
        '10.77.0.100 is in use already: 52:54:00:12:34:56 answers for it on the network of cp-1',
      ],
    ],
    [
      'an interface that is not there',
      { interface: 'eth7' },
      ['load-balancer.network', '10.77.0.100 is in no subnet of eth7 on cp-1, which has no address'],
    ],
  ])('blocks on %s', (_what, machine, expected) => expect(summaries(viewOf(machine))).toEqual(expected));

  it('takes its own address for nobody else’s', () => {
    expect(summaries(viewOf({ balancer: { taken: '52:54:00:12:34:56' } }))).toContain('start keepalived.service');
  });

  it('writes over what a package brings, which serves nobody, and installs what is missing', () => {
    const files = { [paths.haproxyConfig]: { text: 'global\n  daemon\ndefaults\n  mode http\n', mode: '644' } };
    const found = summaries(viewOf({ source: 'packages', files, balancer: { programs: new Set(['curl']) } }));
    expect(found).toEqual(
      expect.arrayContaining(['install haproxy', 'install keepalived', 'change /etc/haproxy/haproxy.cfg']),
    );
  });
});

describe('apply', () => {
  it('has each file accepted by its program before it is placed, haproxy first', async () => {
    expect((await applied(viewOf())).did).toEqual([
      'check-load-balancer haproxy',
      'put /etc/haproxy/haproxy.cfg 644',
      'systemctl --no-reload enable haproxy.service',
      'systemctl --no-block reload-or-restart haproxy.service',
      'put /etc/keepalived/check_apiserver.sh 755',
      'check-load-balancer keepalived',
      'put /etc/keepalived/keepalived.conf 600',
      'systemctl --no-reload enable keepalived.service',
      'systemctl --no-block reload-or-restart keepalived.service',
    ]);
  });

  it('places nothing that its program refuses', async () => {
    const did: string[] = [];
    await expect(applied(viewOf(), 'haproxy', did)).rejects.toMatchObject({
      code: 'load-balancer.refused',
      message: expect.stringContaining('[ALERT] unknown keyword'),
    });
    expect(did).toEqual(['check-load-balancer haproxy']);
  });

  it('leaves alone what is right', async () => {
    const view = viewOf({
      files: await goodFiles(),
      units: { ...bothRun, 'keepalived.service': { active: 'failed' } },
    });
    expect((await applied(view)).did.filter((line) => line.startsWith('systemctl'))).toEqual([
      'systemctl --no-block reload-or-restart keepalived.service',
    ]);
  });

  it('installs packages without holding them', async () => {
    const view = viewOf({ source: 'packages', balancer: { programs: new Set(['curl']) } });
    expect((await applied(view)).did.slice(0, 2)).toEqual(['apt update', 'apt add haproxy keepalived']);
  });

  it('puts the address on the interface that has the machine’s own, or on the one that is named', async () => {
    const two = {
      addresses: [
        { interface: 'host0', address: '10.77.0.21', prefixLength: 24 },
        { interface: 'eth1', address: '10.77.0.99', prefixLength: 25 },
      ],
    };
    const conf = async (machine: Machine) => (await applied(viewOf(machine))).files[paths.keepalivedConfig]?.text;
    expect(await conf({ balancer: two })).toMatch(/interface host0\n[\s\S]*10\.77\.0\.100\/24\n/);
    expect(await conf({ balancer: two, interface: 'eth1' })).toMatch(/interface eth1\n[\s\S]*10\.77\.0\.100\/25\n/);
  });
});
