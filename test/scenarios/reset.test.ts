import { describe, expect, it } from 'vitest';
import { etcdCa } from '../../src/desired/certificates.ts';
import { paths } from '../../src/desired/paths.ts';
import { type HostRecord, hostRecordText } from '../../src/model/host-record.ts';
import { type HostId, hostId } from '../../src/model/ids.ts';
import { systemClock } from '../../src/operations/local.ts';
import type { ResetRequest } from '../../src/operations/reset.ts';
import type { Subject } from '../../src/operations/run.ts';
import { createIssuer } from '../../src/pki/issuer.ts';
import type { VaultState } from '../../src/ports/vault.ts';
import type { SimCluster } from '../../src/testing/sim/cluster.ts';
import { cutForms } from '../../src/testing/sim/gate.ts';
import type { SimMachine } from '../../src/testing/sim/machine.ts';
import type { SimProcess } from '../../src/testing/sim/process.ts';
import { emptyVault } from '../../src/testing/sim/vault.ts';
import { apply, codeOf, describeApplied } from './sim/apply.ts';
import { founded } from './sim/founded.ts';
import { halfFounded } from './sim/half-founded.ts';
import { differencesFromNew, reset, shownReset } from './sim/reset.ts';
import { newCluster, type Shape, shapeOf, subjectOf } from './sim/world.ts';

const HOUR = 3_600_000;
const three: Shape = { members: 3, source: 'preinstalled' };
const sources = ['preinstalled', 'bundle', 'packages'] as const;

async function running(shape: Shape, seed = 1): Promise<SimCluster> {
  const sim = newCluster(shape, seed, await founded(shape));
  sim.ending = true;
  return sim;
}

function anotherCa() {
  return systemIssuer.createCa({ commonName: 'etcd-ca', algorithm: 'ecdsa-p256', validitySeconds: 3600 });
}
const systemIssuer = createIssuer({ clock: systemClock });

function machine(sim: SimCluster, name: string): SimMachine {
  const found = sim.machines.get(hostId(name));
  if (found === undefined) throw new Error(`no machine ${name}`);
  return found;
}

function shown(sim: SimCluster, subject: Subject, request?: ResetRequest, process: SimProcess = sim.process()) {
  return sim.clock.drive(shownReset(process, subject, request));
}

function clear(sim: SimCluster, subject: Subject, request?: ResetRequest, process: SimProcess = sim.process()) {
  return sim.clock.drive(reset(process, subject, request), 6 * HOUR);
}

describe.each(sources)('the whole cluster, software from %s', (source) => {
  const shape: Shape = { members: 3, source };

  it('leaves the machines as they were, the fencing number beside it, and puts the vault aside', async () => {
    const sim = await running(shape);
    const numbers = [...sim.machines.values()].map((m) => m.fence);
    expect(describeApplied(await clear(sim, subjectOf(shape)))).toBe('done');
    expect(differencesFromNew(sim, shape)).toEqual([]);
    expect([...sim.machines.values()].map((m) => m.fence)).toEqual(numbers.map((n) => n + 1));
    expect(sim.vault).toEqual(emptyVault());
    expect(sim.check()).toEqual([]);
  });

  it('is done once: the next time there is nothing, and it says so', async () => {
    const sim = await running(shape);
    await clear(sim, subjectOf(shape));
    const before = sim.fingerprint();
    const { plan, warnings } = await shown(sim, subjectOf(shape));
    expect(plan?.steps).toEqual([]);
    expect(warnings.map((w) => [w.code, w.host])).toEqual(
      [...sim.machines.keys()].map((host) => ['reset.nothing-there', host]),
    );
    expect(describeApplied(await clear(sim, subjectOf(shape)))).toBe('nothing-to-do');
    expect(sim.fingerprint()).toBe(before);
  });

  it('shows every path that goes before it asks, machine by machine, all side by side', async () => {
    const sim = await running(shape);
    const { plan } = await shown(sim, subjectOf(shape));
    const steps = plan?.steps ?? [];
    expect(steps.map((s) => [s.kind, s.risk, s.on])).toEqual([
      ...[...sim.machines.keys()].map((host) => ['reset-host', 'destructive', host]),
      ['vault-retire', 'safe', 'the operator'],
    ]);
    expect(steps.at(-1)?.needs).toEqual(expect.arrayContaining(steps.slice(0, -1).map((s) => s.id)));
    for (const step of steps.slice(0, -1)) {
      expect(step.quorum).toBeUndefined();
      expect(step.needs).toEqual([]);
      const text = step.changes.map((c) => c.summary).join('\n');
      const fresh = newCluster(shape, 1);
      const placed = [...machine(sim, step.on).files].filter(
        ([path, file]) =>
          file.type === 'file' &&
          !fresh.machines.get(step.on)?.files.has(path) &&
          !/^\/(?:var\/lib\/etcd|var\/lib\/containerd|etc\/keelson)\//.test(path) &&
          !(source === 'packages' && path.startsWith('/usr/')),
      );
      expect(placed.length).toBeGreaterThan(8);
      for (const [path] of placed) expect(text).toContain(`remove ${path}`);
      for (const path of ['/var/lib/etcd', '/etc/keelson']) expect(text).toContain(`remove ${path}`);
    }
  });

  it('works on all machines at a time', async () => {
    const sim = await running(shape);
    await clear(sim, subjectOf(shape));
    const events = [...sim.journals.values()].at(-1) ?? [];
    const kinds = events.map((e) => e.type).filter((type) => type === 'step.started' || type === 'step.finished');
    expect(kinds.slice(0, 3)).toEqual(['step.started', 'step.started', 'step.started']);
  });

  it('can be founded again on the same machines, as another cluster', async () => {
    const sim = await running(shape);
    const old = sim.vault.identity;
    await clear(sim, subjectOf(shape));
    sim.refounding = true;
    expect(describeApplied(await sim.clock.drive(apply(sim.process(), shape)))).toBe('done');
    expect(sim.vault.identity?.clusterUid).not.toBe(old?.clusterUid);
    expect(sim.vault.identity?.clusterToken).not.toBe(old?.clusterToken);
    expect(sim.etcd.serving()).toHaveLength(3);
  });
});

/** Every call has been cut in every form; here each is cut in one. */
describe.each([
  { shape: { members: 1, source: 'bundle' } as Shape, stride: 1 },
  { shape: { members: 1, source: 'packages' } as Shape, stride: 4 },
  { shape: three, stride: 13 },
])('interrupted at any call: $shape.members members, $shape.source', ({ shape, stride }) => {
  it('goes on where it was', async () => {
    const subject = subjectOf(shape);
    const sim = await running(shape);
    const counted = sim.process();
    await clear(sim, subject, undefined, counted);
    expect(counted.gate.calls()).toBeGreaterThan(40);
    for (let n = 0; n * stride < counted.gate.calls(); n += 1) {
      const at = 1 + n * stride;
      await cutAndGoOn(shape, at, n);
    }
  }, 120_000);
});

async function cutAndGoOn(shape: Shape, at: number, n: number): Promise<void> {
  const form = cutForms[n % cutForms.length] ?? 'not-run';
  const survived = form !== 'run-twice' && form !== 'host-gone' && n % 3 === 0;
  const sim = await running(shape, at);
  const first = await clear(sim, subjectOf(shape), undefined, sim.process({ cuts: [{ at, form, survived }] }));
  await sim.rest();
  let last = first;
  for (let tries = 0; tries < 4; tries += 1) {
    last = await clear(sim, subjectOf(shape));
    if (last.is !== 'failed') break;
    await sim.clock.advance(30_000);
  }
  // Of a run that died after its last step only marks of the lock and of ended commands can be left: an empty plan takes no lock.
  const left = differencesFromNew(sim, shape).filter((line) => !/: locked by |\.service is left$/.test(line));
  expect([at, form, last.is === 'failed' ? describeApplied(last) : '', left, sim.vault.identity, sim.check()]).toEqual([
    at,
    form,
    '',
    [],
    null,
    [],
  ]);
}

describe('what is not keelson’s', () => {
  it('stays, and is told', async () => {
    const sim = await running(three);
    const one = machine(sim, 'etcd-1');
    const strange = [
      '/etc/kubernetes/pki/sa.key',
      '/etc/kubernetes/pki/etcd/old/server.crt',
      '/etc/kubernetes/manifests/other.yaml',
      `${paths.kubeletDropInDirectory}/50-ours.conf`,
    ];
    for (const path of strange) one.putFile(path, 'somebody’s\n', '600', 1);
    one.putFile('/var/lib/etcd/notes.txt', 'somebody’s\n', '644', 1);
    one.putFile('/etc/kubernetes/admin.conf', 'somebody’s\n', '600', 1);
    const { warnings } = await shown(sim, subjectOf(three));
    expect(warnings.map((w) => [w.code, w.host])).toEqual([['reset.left-in-place', 'etcd-1']]);
    const told = strange.map((path) => path.replace('/old/server.crt', '/old'));
    for (const path of [...told, '/var/lib/etcd/notes.txt']) expect(warnings[0]?.message).toContain(path);
    await clear(sim, subjectOf(three));
    for (const path of [...strange, '/var/lib/etcd/notes.txt', '/etc/kubernetes/admin.conf'])
      expect(one.files.get(path)?.content).toBe('somebody’s\n');
    expect(one.files.has('/var/lib/etcd/member')).toBe(false);
    expect(one.files.has('/etc/kubernetes/pki/etcd/server.key')).toBe(false);
  });

  it('at the path of a certificate of ours: another CA’s certificate and its key stay', async () => {
    const sim = await running(three);
    const one = machine(sim, 'etcd-0');
    const [cert, key] = ['/etc/kubernetes/pki/etcd/server.crt', '/etc/kubernetes/pki/etcd/server.key'];
    const theirs = await anotherCa();
    one.alter(cert, { content: theirs.certificate });
    one.alter(key, { content: 'their key\n' });
    await clear(sim, subjectOf(three));
    expect([...one.files.keys()].filter((path) => /\.(?:key|crt)$/.test(path)).sort()).toEqual([cert, key]);
  });

  it('a key whose certificate was not placed any more goes, as long as our CA’s certificate is there', async () => {
    const sim = await running(three);
    const one = machine(sim, 'etcd-0');
    one.remove('/etc/kubernetes/pki/etcd/server.crt');
    expect(one.files.has(etcdCa.certPath)).toBe(true);
    await clear(sim, subjectOf(three));
    expect([...one.files.keys()].filter((path) => path.startsWith('/etc/kubernetes'))).toEqual([]);
  });

  it('a program that somebody has replaced stays', async () => {
    const shape: Shape = { members: 1, source: 'bundle' };
    const sim = await running(shape);
    const one = machine(sim, 'etcd-0');
    one.putFile('/usr/local/bin/kubeadm', 'another build', '755', 5);
    await clear(sim, subjectOf(shape));
    expect(one.files.get('/usr/local/bin/kubeadm')?.content).toBe('another build');
    expect(one.files.has('/usr/local/bin/kubelet')).toBe(false);
  });

  it('a machine that keelson had only claimed keeps its kubelet, its data directory and its static pods', async () => {
    const sim = await halfFounded({ members: 3, source: 'preinstalled' }, 0);
    sim.ending = true;
    const one = machine(sim, 'etcd-0');
    const clusterUid = sim.vault.identity?.clusterUid ?? '';
    const record = { clusterUid, clusterName: 'lab', host: 'etcd-0', machineId: one.machineId };
    one.putFile(paths.record, hostRecordText(record), '644', 1);
    for (const path of [paths.kubeadmConfig, paths.kubeletConfig, paths.kubeletDropIn]) one.remove(path);
    one.putFile('/var/lib/etcd/member/wal/0.wal', 'somebody’s', '600', 1);
    one.putFile(paths.manifest, 'somebody’s', '600', 1);
    const kubelet = one.units.get('kubelet.service');
    const { plan } = await shown(sim, subjectOf(three));
    const step = plan?.steps.find((s) => s.on === 'etcd-0');
    expect(step?.changes.map((c) => c.summary).join('\n')).not.toMatch(/kubelet\.service|\/var\/lib\/etcd|etcd\.yaml/);
    expect(describeApplied(await clear(sim, subjectOf(three)))).toBe('done');
    expect(one.files.has('/var/lib/etcd/member/wal/0.wal')).toBe(true);
    expect(one.files.has(paths.manifest)).toBe(true);
    expect(one.units.get('kubelet.service')?.enabled).toBe(kubelet?.enabled);
    expect(one.files.has(paths.record)).toBe(false);
  });
});

type Case = [title: string, code: string, change: (sim: SimCluster) => void, request?: ResetRequest];

function rewriteRecord(sim: SimCluster, name: string, change: Partial<HostRecord>): void {
  const one = machine(sim, name);
  const record = JSON.parse(one.files.get(paths.record)?.content ?? '{}') as HostRecord;
  one.alter(paths.record, { content: hostRecordText({ ...record, ...change }) });
}

const refusals: Case[] = [
  ['a current member alone', 'reset.current-member', () => {}, { hosts: ['etcd-1'], except: [] }],
  ['two current members of three', 'reset.current-member', () => {}, { hosts: ['etcd-1', 'etcd-2'], except: [] }],
  [
    'a current member without a record',
    'reset.current-member',
    (sim) => machine(sim, 'etcd-1').remove(paths.record),
    { hosts: ['etcd-1'], except: [] },
  ],
  [
    'a machine of another cluster',
    'safety.foreign-host',
    (sim) => rewriteRecord(sim, 'etcd-1', { clusterUid: '00000000-0000-4000-8000-000000000000' }),
  ],
  [
    'a machine whose record cannot be read',
    'safety.foreign-host',
    (sim) => machine(sim, 'etcd-1').alter(paths.record, { content: '{' }),
  ],
  [
    'a machine recorded under another name',
    'safety.machine-id',
    (sim) => rewriteRecord(sim, 'etcd-1', { host: 'etcd-7' }),
  ],
  [
    'another machine under the name',
    'safety.machine-id',
    (sim) => {
      machine(sim, 'etcd-1').machineId = '0'.repeat(32);
    },
  ],
  [
    'a vault that is not there',
    'safety.vault-lost',
    (sim) => {
      sim.vault = emptyVault();
    },
  ],
  ['a machine that is not reached', 'host.unreachable', (sim) => sim.cutOff(hostId('etcd-2'), 'operator')],
  [
    'a member of another etcd cluster',
    'safety.cluster-id',
    (sim) => {
      const { identity } = sim.vault;
      if (identity !== null) sim.vault.identity = { ...identity, etcd: { ...identity.etcd, clusterId: 'abc123' } };
    },
  ],
  [
    'data in another directory than cluster.yaml says',
    'change.data-dir',
    (sim) => {
      const one = machine(sim, 'etcd-0');
      const text = one.files.get(paths.kubeadmConfig)?.content ?? '';
      one.alter(paths.kubeadmConfig, { content: text.replace('/var/lib/etcd', '/srv/etcd') });
    },
  ],
  [
    'one machine under two names',
    'safety.twin',
    (sim) => {
      machine(sim, 'etcd-1').machineId = machine(sim, 'etcd-0').machineId;
    },
  ],
  ['an unknown name', 'reset.unknown-host', () => {}, { hosts: ['etcd-9'], except: [] }],
  ['a name that is none', 'reset.unknown-host', () => {}, { hosts: ['-oProxyCommand=x'], except: [] }],
  ['an unknown name to leave out', 'reset.unknown-host', () => {}, { hosts: [], except: ['etcd-9'] }],
  ['named machines and others left out', 'usage', () => {}, { hosts: ['etcd-1'], except: ['etcd-2'] }],
  ['all machines left out', 'usage', () => {}, { hosts: [], except: ['etcd-0', 'etcd-1', 'etcd-2'] }],
];

describe('is refused, with nothing changed anywhere:', () => {
  it.each(refusals)('%s', async (_title, code, change, request) => {
    const sim = await running(three);
    change(sim);
    const before = sim.fingerprint();
    const ended = await clear(sim, subjectOf(three), request);
    expect(codeOf(ended)).toBe(code);
    expect(sim.fingerprint()).toBe(before);
    expect([...sim.machines.values()].map((m) => m.holder)).toEqual([null, null, null]);
  });

  it('a refusal for a machine that may be gone names the way out', async () => {
    const sim = await running(three);
    sim.powerOff(hostId('etcd-2'));
    const { refusals: found } = await shown(sim, subjectOf(three));
    expect(found.map((f) => [f.code, f.host])).toEqual([['host.unreachable', 'etcd-2']]);
    expect(found[0]?.action).toContain('--except etcd-2');
  });
});

describe('containers of somebody else', () => {
  it('keep a machine whose containerd keelson would take away as it is, until they are gone', async () => {
    const shape: Shape = { members: 1, source: 'bundle' };
    const sim = await running(shape);
    const one = machine(sim, 'etcd-0');
    one.otherContainers = ['default/theirs'];
    const before = [...one.files.keys()];
    const ended = await clear(sim, subjectOf(shape));
    expect(codeOf(ended)).toBe('reset.foreign-containers');
    expect(describeApplied(ended)).toContain('default/theirs');
    expect([...one.files.keys()]).toEqual(before);
    expect(sim.etcd.process(one.id)).not.toBeNull();
    one.otherContainers = [];
    expect(describeApplied(await clear(sim, subjectOf(shape)))).toBe('done');
  });

  it('do not matter where containerd stays', async () => {
    const sim = await running(three);
    machine(sim, 'etcd-0').otherContainers = ['default/theirs'];
    expect(describeApplied(await clear(sim, subjectOf(three)))).toBe('done');
  });
});

describe('all machines by name', () => {
  it('are the whole cluster', async () => {
    const sim = await running(three);
    const ended = await clear(sim, subjectOf(three), { hosts: ['etcd-2', 'etcd-0', 'etcd-1'], except: [] });
    expect(describeApplied(ended)).toBe('done');
    expect(sim.vault.identity).toBeNull();
  });
});

describe('a machine that is gone', () => {
  it('is left out when it is named, and the vault stays until it is done, too', async () => {
    const sim = await running(three);
    sim.powerOff(hostId('etcd-2'));
    const except = { hosts: [], except: ['etcd-2'] };
    const { plan, warnings } = await shown(sim, subjectOf(three), except);
    expect(warnings.map((w) => [w.code, w.severity, w.host])).toEqual([['reset.left-out', 'warning', 'etcd-2']]);
    expect(plan?.steps.map((s) => s.kind)).toEqual(['reset-host', 'reset-host']);
    expect(describeApplied(await clear(sim, subjectOf(three), except))).toBe('done');
    expect(sim.vault.identity).not.toBeNull();
    sim.powerOn(hostId('etcd-2'));
    expect(describeApplied(await clear(sim, subjectOf(three)))).toBe('done');
    expect(sim.vault.identity).toBeNull();
    expect(differencesFromNew(sim, three)).toEqual([]);
  });

  it('two of three, too: the lock is asked of those that are left', async () => {
    const sim = await running(three);
    for (const id of ['etcd-1', 'etcd-2']) sim.powerOff(hostId(id));
    expect(codeOf(await clear(sim, subjectOf(three)))).toBe('host.unreachable');
    const ended = await clear(sim, subjectOf(three), { hosts: [], except: ['etcd-1', 'etcd-2'] });
    expect(describeApplied(ended)).toBe('done');
    expect(machine(sim, 'etcd-0').files.has(paths.record)).toBe(false);
  });

  it('that goes away during the reset is waited for', async () => {
    const sim = await running(three);
    const process = sim.process({ cuts: [{ at: 60, form: 'host-gone' }] });
    const first = await clear(sim, subjectOf(three), undefined, process);
    await sim.rest();
    const second = first.is === 'done' ? first : await clear(sim, subjectOf(three));
    expect([describeApplied(second), sim.vault.identity]).toEqual(['done', null]);
  });
});

describe('a machine that is no longer a member', () => {
  /** cluster.yaml without etcd-2. */
  function without(name: string): Subject {
    const whole = subjectOf(three);
    const { spec } = whole.config;
    const hosts = spec.hosts.filter((h) => h.name !== name);
    return { ...whole, config: { ...whole.config, spec: { ...spec, hosts } } };
  }
  const etcd2: ResetRequest = { hosts: ['etcd-2'], except: [] };

  function removeMember(sim: SimCluster, name: string): void {
    for (const id of sim.machines.keys()) {
      const data = sim.etcd.data(id);
      if (data !== undefined) data.members = data.members.filter((m) => m.name !== name);
    }
  }

  it('is cleared by itself, and the cluster goes on', async () => {
    const sim = await running(three);
    sim.ending = false;
    machine(sim, 'etcd-2').remove(paths.manifest);
    removeMember(sim, 'etcd-2');
    await sim.clock.advance(10_000);
    const { plan } = await shown(sim, without('etcd-2'), etcd2);
    expect(plan?.steps.map((s) => [s.kind, s.on])).toEqual([['reset-host', 'etcd-2']]);
    expect(describeApplied(await clear(sim, without('etcd-2'), etcd2))).toBe('done');
    expect(differencesFromNew(sim, three).filter((line) => line.startsWith('etcd-2'))).toEqual([]);
    expect(sim.etcd.serving()).toEqual(['etcd-0', 'etcd-1']);
    expect(sim.vault.identity).not.toBeNull();
    expect(sim.check()).toEqual([]);
  });

  it('is refused while etcd still counts it', async () => {
    const sim = await running(three);
    const ended = await clear(sim, without('etcd-2'), etcd2);
    expect(codeOf(ended)).toBe('reset.current-member');
    expect(describeApplied(ended)).toMatch(/etcd on etcd-[01] lists it/);
  });

  it('is refused when no member can say whether etcd counts it', async () => {
    const sim = await running(three);
    for (const id of ['etcd-0', 'etcd-1']) machine(sim, id).remove(paths.manifest);
    await sim.clock.advance(10_000);
    expect(codeOf(await clear(sim, without('etcd-2'), etcd2))).toBe('safety.unknown-fact');
  });

  it('without a record has nothing to be removed', async () => {
    const sim = await running(three);
    machine(sim, 'etcd-2').remove(paths.record);
    const { plan, warnings } = await shown(sim, without('etcd-2'), etcd2);
    expect([plan?.steps, warnings.map((w) => w.code)]).toEqual([[], ['reset.nothing-there']]);
  });

  it('keeps the vault from being put aside as long as it is left out of a whole reset', async () => {
    const sim = await running(three);
    const subject = without('etcd-2');
    const { plan } = await shown(sim, subject, { hosts: [], except: ['etcd-2'] });
    expect(plan?.steps.map((s) => [s.kind, s.on])).toEqual([
      ['reset-host', 'etcd-0'],
      ['reset-host', 'etcd-1'],
    ]);
    expect(describeApplied(await clear(sim, subject))).toBe('done');
    expect(sim.vault.identity).toBeNull();
    expect(differencesFromNew(sim, three)).toEqual([]);
  });
});

describe('a vault whose identity is lost', () => {
  function sealed(sim: SimCluster, withInventory: boolean): SimProcess {
    const process = sim.process();
    const { inventory, ca, identity } = sim.vault;
    const state = (): VaultState =>
      sim.vault.identity === null
        ? { is: 'absent' }
        : {
            is: 'sealed',
            code: 'vault.identity-missing',
            because: 'there is no identity file',
            ...(ca === null ? {} : { caCertificate: ca.certificate }),
            ...(withInventory && inventory !== null ? { inventory } : {}),
          };
    expect(identity).not.toBeNull();
    return {
      ...process,
      ports: { ...process.ports, vault: { ...process.ports.vault, read: () => Promise.resolve(state()) } },
    };
  }

  it('still tells by its inventory whose machines these are', async () => {
    const sim = await running(three);
    expect(describeApplied(await clear(sim, subjectOf(three), undefined, sealed(sim, true)))).toBe('done');
    expect(differencesFromNew(sim, three)).toEqual([]);
    expect(sim.vault.identity).toBeNull();
  });

  it('is told in the plan, with what will remain', async () => {
    const sim = await running(three);
    const { plan, warnings } = await sim.clock.drive(shownReset(sealed(sim, true), subjectOf(three)));
    expect(warnings.map((w) => [w.code, w.severity])).toEqual([['reset.vault-sealed', 'warning']]);
    expect(warnings[0]?.message).toMatch(/there is no identity file.*CA key are put aside unread/);
    expect(plan?.steps.at(-1)?.changes[0]?.summary).toMatch(
      /^move the cluster identity, CA and inventory of .* journals, .* stay/,
    );
    const some = await sim.clock.drive(
      shownReset(sealed(sim, true), subjectOf(three), { hosts: [], except: ['etcd-2'] }),
    );
    // The vault stays then, and nothing of it is put aside.
    expect(some.warnings.map((w) => w.code)).toEqual(['reset.left-out']);
  });

  it('without an inventory tells nothing, and nothing is removed', async () => {
    const sim = await running(three);
    expect(codeOf(await clear(sim, subjectOf(three), undefined, sealed(sim, false)))).toBe('vault.identity-missing');
  });
});

describe('an old holder of the lock', () => {
  it('can write nothing on a machine that has been reset since', async () => {
    const sim = await running(three);
    const old = machine(sim, 'etcd-0').fence;
    await clear(sim, subjectOf(three));
    const id: HostId = hostId('etcd-0');
    const bound = sim
      .process()
      .ports.machines.get(id)
      ?.bind({ run: 'r' as never, step: 's' as never, fence: old });
    const write = bound?.putFiles(
      [{ path: '/etc/keelson/host.json', content: 'x', mode: '600' }],
      new AbortController().signal,
    );
    if (write === undefined) throw new Error('no machine');
    await expect(sim.clock.drive(write)).rejects.toMatchObject({ code: 'lock.lost' });
  });
});

describe.each(['stacked-1+1', 'stacked-3+1', 'external-3+2+1'])('a whole Kubernetes cluster, %s', (text) => {
  const shape = shapeOf(text, 'preinstalled');

  it('leaves the machines as they were, and another can be made of them', async () => {
    const sim = await running(shape);
    expect(describeApplied(await clear(sim, subjectOf(shape)))).toBe('done');
    expect(differencesFromNew(sim, shape)).toEqual([]);
    const again = sim.process();
    expect(describeApplied(await sim.clock.drive(apply(again, shape)))).toBe('done');
  });
});
