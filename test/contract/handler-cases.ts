import { parse as parseYaml, stringify } from 'yaml';
import { desire } from '../../src/desired/desire.ts';
import type { Desired } from '../../src/desired/types.ts';
import { etcdDataProbe, parseInspected, parseTexts } from '../../src/facts/files.ts';
import { machineProbe } from '../../src/facts/machine.ts';
import { etcdProcessProbe } from '../../src/facts/manifests.ts';
import { listenersProbe } from '../../src/facts/preflight/listeners.ts';
import type { Probe } from '../../src/facts/probe.ts';
import { unitsProbe } from '../../src/facts/services.ts';
import { imagesProbe, runtimeProbe, toolsProbe } from '../../src/facts/software.ts';
import { type HostId, hostId, type RunId } from '../../src/model/ids.ts';
import type { BuilderName } from '../../src/ports/command.ts';
import { etcdManifest, foundMember, swapManifest } from '../../src/ports/commands/etcd.ts';
import {
  inspectArtefacts,
  inspectFiles,
  listDirectories,
  makeDirectory,
  ownByRoot,
  publicKeys,
  readFiles,
  removePaths,
} from '../../src/ports/commands/files.ts';
import { certificatesIn } from '../../src/ports/commands/kubeadm.ts';
import { checkLoadBalancer, loadBalancerState, probeEndpoint } from '../../src/ports/commands/load-balancer.ts';
import {
  fenceRaise,
  lockRelease,
  lockState,
  lockTake,
  parseLockState,
  stopUnits,
} from '../../src/ports/commands/lock.ts';
import { diskSpace, fsyncLatency, nodeFitness, reachPeers, reachPorts } from '../../src/ports/commands/preflight.ts';
import { otherContainers, removePod, removeState } from '../../src/ports/commands/reset.ts';
import { endPods } from '../../src/ports/commands/reset-node.ts';
import { serviceReach } from '../../src/ports/commands/service-reach.ts';
import { systemctl } from '../../src/ports/commands/services.ts';
import { apt, importImage } from '../../src/ports/commands/software.ts';
import type { LockHolder } from '../../src/ports/host.ts';
import { manifestCommand, manifestImage } from '../../src/render/manifest.ts';
import { configOf } from '../scenarios/sim/world.ts';
import type { ContractSubject } from './handler-subject.ts';
import { nodeCases } from './node-cases.ts';

/**
 * Does something to a machine and tells what keelson would know of it afterwards. A real machine and the simulation must tell the same;
 * what differs by nature (inodes, times, process ids) is left out or turned into what is judged by it.
 */
export type ContractCase = { play: (on: ContractSubject) => Promise<unknown> } | { heldBy: string };

const D = '/var/tmp/contract';
const SOCKET = '/run/containerd/containerd.sock';
const on = hostId('etcd-0');

function desiredFor(address: string): Desired {
  const config = configOf({ members: 1, source: 'preinstalled' });
  const [host] = config.spec.hosts;
  if (host === undefined) throw new Error('a configuration without hosts');
  return desire(
    { ...config, spec: { ...config.spec, hosts: [{ ...host, address }] } },
    { is: 'absent' },
    { source: 'preinstalled' },
    null,
  );
}

async function ask<T>(
  subject: ContractSubject,
  probe: Probe<T>,
  desired = desiredFor(subject.address),
  host: HostId = on,
): Promise<T> {
  const results = [];
  for (const command of probe.commands(desired, host)) results.push(await subject.run(command));
  return probe.parse(results, desired, host, { sentAt: 0, receivedAt: 0 });
}

const attributes = (output: string): unknown =>
  [...parseInspected(output)].map(([path, fact]) =>
    fact.is === 'absent'
      ? { path }
      : {
          path,
          is: fact.is,
          mode: fact.mode,
          owner: fact.owner,
          group: fact.group,
          ...(fact.is === 'file' ? { size: fact.size, sha256: fact.sha256 } : {}),
        },
  );

const EC_KEY = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49
AwEHoUQDQgAEPR3tU2Fta9ktY+6P9G0cWO+0kETA6SFs38GecTyudlHz6xvCdz8q
EKTcWGekdmdDPsHloRNtsiCa697B2O9IFA==
-----END EC PRIVATE KEY-----
`;

async function tree(s: ContractSubject): Promise<void> {
  await s.remove(D);
  await s.run(makeDirectory(`${D}/inner`, '700'));
  await s.write(`${D}/text`, 'eins\nzwei äöü\n', '640');
  await s.write(`${D}/inner/empty`, '', '600');
  await s.write(`${D}/inner/deep/deeper/file`, 'x', '644');
}

function holder(run: string, fence: number): LockHolder {
  const at = { user: 'ops', operator: 'desk', operatorMachineId: 'm', operatorBootId: 'b', pid: 1, pidStart: '2' };
  return { run: run as RunId, command: 'apply', ...at, since: '2026-01-01T00:00:00Z', fence };
}

async function unitFacts(s: ContractSubject, name: string): Promise<unknown> {
  const unit = (await ask(s, unitsProbe)).get(name);
  if (unit === undefined) return null;
  const { loaded, active, sub, enabled, needsReload, mainPid, execStart, startedAt, execStartFrom, argv } = unit;
  const started = startedAt > 0 && mainPid > 0;
  return {
    loaded,
    active,
    sub,
    enabled,
    needsReload,
    runs: started,
    ours: execStart.includes('--config=/etc/keelson/kubelet.yaml'),
    execStartFrom: execStartFrom.filter((path) => !path.endsWith('/10-kubeadm.conf')),
    flags: argv.slice(1),
  };
}

const KUBELET = 'kubelet.service';
const ANOTHER = `/etc/systemd/system/${KUBELET}.d/override.conf`;
const DROP_IN = `/etc/systemd/system/${KUBELET}.d/99-etcd-service-manager.conf`;

async function kubeletByHand(s: ContractSubject): Promise<void> {
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: '127.0.0.1',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'systemd',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    staticPodPath: '/etc/kubernetes/manifests',
    failCgroupV1: false,
    failSwapOn: false,
  };
  await s.write('/etc/keelson/kubelet.yaml', stringify(config), '600');
  await s.write(
    DROP_IN,
    `[Service]\nExecStart=\nExecStart=${s.programs}/kubelet --config=/etc/keelson/kubelet.yaml\nRestart=always\nRestartSec=2\n`,
  );
}

/** What kubeadm makes of several configurations. Its order of arguments is its own business. */
async function manifests(s: ContractSubject): Promise<unknown> {
  const variants: ((spec: Desired['config']['spec']) => Desired['config']['spec'])[] = [
    (spec) => spec,
    (spec) => ({ ...spec, hosts: spec.hosts.map((h) => ({ ...h, address: 'fd00:77::10' })) }),
    (spec) => ({
      ...spec,
      etcd: { ...spec.etcd, ports: { client: 3379, peer: 3380, metrics: 3381 }, dataDir: '/srv/etcd' },
    }),
    (spec) => ({
      ...spec,
      etcd: {
        ...spec.etcd,
        extraArgs: [
          { name: 'snapshot-count', value: '5000' },
          { name: 'auto-compaction-retention', value: '8' },
        ],
        quotaBackendBytes: 4294967296,
        heartbeatIntervalMs: 200,
        electionTimeoutMs: 2000,
      },
    }),
    (spec) => ({ ...spec, etcd: { ...spec.etcd, imageRepository: 'mirror.example/k8s', imageTag: '3.6.9-0' } }),
  ];
  const found: unknown[] = [];
  for (const vary of variants) {
    const config = configOf({ members: 3, source: 'preinstalled' });
    const desired = desire({ ...config, spec: vary(config.spec) }, { is: 'absent' }, { source: 'preinstalled' }, null);
    for (const phase of ['founding', 'running'] as const) {
      const text = desired.hosts.get(on)?.kubeadmConfig[phase] ?? '';
      const made = await s.run(etcdManifest(text));
      const pod = parseYaml(made.stdout) as { spec: { containers: [{ command: string[] }] } };
      pod.spec.containers[0].command.sort();
      const again = await s.run(etcdManifest(text, made.stderr.trim()));
      found.push({ exitCode: made.exitCode, pod, again: [again.exitCode, again.stdout] });
    }
  }
  return found;
}

/** By builder: what the handler is held to. */
export const contractCases = {
  ...nodeCases,
  machine: {
    play: async (s) => {
      const fact = await ask(s, machineProbe);
      return {
        id: /^[0-9a-f]{32}$/.test(fact.machineId),
        booted: fact.bootId !== '',
        hostname: fact.hostname,
        os: fact.os.id,
        systemd: Number(fact.systemd) > 200,
        missing: fact.missingTools,
      };
    },
  },
  'inspect-files': {
    play: async (s) => {
      await tree(s);
      return attributes(
        (await s.run(inspectFiles([D, `${D}/inner`, `${D}/text`, `${D}/inner/empty`, `${D}/absent`]))).stdout,
      );
    },
  },
  'read-files': {
    play: async (s) => {
      await tree(s);
      return [
        ...parseTexts((await s.run(readFiles([`${D}/text`, `${D}/inner/empty`, `${D}/inner`, `${D}/absent`]))).stdout),
      ];
    },
  },
  'inspect-artefacts': {
    play: async (s) => {
      await tree(s);
      const lines = (await s.run(inspectArtefacts(`${D}/no-stamps`, [`${D}/text`, `${D}/absent`]))).stdout
        .trim()
        .split('\n');
      return lines.filter((line) => line.startsWith('now|')).map((line) => line.split('|').slice(1, 3));
    },
  },
  'list-directories': {
    play: async (s) => {
      await tree(s);
      return (await s.run(listDirectories([D, '/var/tmp/nowhere']))).stdout.trim().split('\n').sort();
    },
  },
  'public-keys': {
    play: async (s) => {
      await tree(s);
      await s.write(`${D}/ec.key`, EC_KEY, '600');
      return (await s.run(publicKeys([`${D}/ec.key`, `${D}/text`, `${D}/absent`]))).stdout;
    },
  },
  units: {
    play: async (s) => {
      const seen: unknown[] = [];
      const look = async (what: string): Promise<void> => void seen.push([what, await unitFacts(s, KUBELET)]);
      await s.systemctl('stop', KUBELET);
      await s.systemctl('disable', KUBELET);
      await s.remove(DROP_IN);
      await s.systemctl('daemon-reload', '');
      await look('installed');
      await kubeletByHand(s);
      await s.systemctl('enable', KUBELET);
      await look('enabled');
      await s.systemctl('restart', KUBELET);
      await s.settle(3_000);
      await look('started');
      await s.write(
        DROP_IN,
        `[Service]\nExecStart=\nExecStart=${s.programs}/kubelet --config=/etc/keelson/kubelet.yaml --v=1\n`,
      );
      await look('drop-in changed');
      await s.systemctl('daemon-reload', '');
      await look('reloaded');
      await s.write(ANOTHER, '[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--v=2\n');
      await look('another drop-in, which names no ExecStart');
      await s.write(ANOTHER, `[Service]\n ExecStart =\nExecStart=${s.programs}/kubelet --v=3\n`);
      await look('another drop-in that would win');
      await s.remove(ANOTHER);
      await s.systemctl('daemon-reload', '');
      await s.systemctl('stop', KUBELET);
      await look('stopped');
      await s.systemctl('disable', KUBELET);
      await look('disabled');
      return seen;
    },
  },
  versions: {
    play: async (s) =>
      [...(await ask(s, toolsProbe))]
        .map(([tool, { version }]) => [tool, tool === 'runc' ? true : version] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
  },
  runtime: {
    play: async (s) =>
      ask(s, runtimeProbe).then((r) =>
        r.is === 'absent' ? r : { is: r.is, cgroupDriver: r.cgroupDriver, sandbox: r.sandboxImage !== '' },
      ),
  },
  images: {
    play: async (s) => {
      const before = (await ask(s, imagesProbe))?.filter((image) => /\/etcd:/.test(image));
      await s.systemctl('stop', 'containerd.service');
      const stopped = await ask(s, imagesProbe);
      await s.systemctl('start', 'containerd.service');
      return { before, stopped };
    },
  },
  'etcd-manifest': { play: manifests },
  'etcd-process': { play: async (s) => ask(s, etcdProcessProbe) },
  'lock-state': {
    play: async (s) => {
      const state = parseLockState((await s.run(lockState())).stdout);
      return { fence: state.fence, holder: state.holder, last: state.last, units: state.units.length };
    },
  },
  'listening-ports': {
    play: async (s) =>
      (await ask(s, listenersProbe))
        .filter((l) => l.port === 22)
        .map((l) => l.port)
        .slice(0, 1),
  },
  'disk-space': {
    play: async (s) =>
      (await s.run(diskSpace(['/', '/var/lib/etcd/not/there']))).stdout
        .trim()
        .split('\n')
        .map((line) => [line.split('|')[0], line.split('|')[2], line.split('|').length]),
  },
  'fsync-latency': {
    play: async (s) =>
      (await s.run(fsyncLatency('/var/tmp'))).stdout
        .trim()
        .split('\n')
        .every((line) => Number(line) > 0 && Number(line) < 5),
  },
  'reach-peers': {
    play: async (s) =>
      (await s.run(reachPeers({ address: s.address, listen: true }, 2380, []))).stdout
        .replaceAll(s.address, 'OWN')
        .trim(),
  },
  'reach-ports': {
    play: async (s) => {
      const search = { listen: true, self: true, callers: 0, others: [] };
      const found = await s.run(
        reachPorts(
          s.address,
          [3379, 3380].map((port) => ({ port, ...search })),
        ),
      );
      return found.stdout.replaceAll(s.address, 'OWN').trim().split('\n').sort();
    },
  },
  'node-fitness': {
    play: async (s) => {
      const lines = (await s.run(nodeFitness())).stdout.trim().split('\n');
      const numbers = lines.filter((line) => /^(?:cpus|memoryKiB)=\d+$/.test(line)).length;
      return { numbers, own: lines.some((line) => line.endsWith(`|${s.address}/24`)) };
    },
  },
  'other-containers': { play: async (s) => (await s.run(otherContainers(SOCKET, 'etcd'))).stdout },
  // Nobody answers at these addresses.
  'service-reach': { play: async (s) => (await s.run(serviceReach('127.0.0.9', '127.0.0.9', 'a.b'))).stdout },
  'load-balancer-state': {
    play: async (s) => {
      const { stdout } = await s.run(loadBalancerState(null));
      const prefix = new RegExp(`^address=[^|]+\\|${s.address}/\\d+$`);
      const lines = stdout.split('\n').filter((line) => line !== '');
      return {
        own: lines.filter((line) => prefix.test(line)).length,
        others: lines.every((line) =>
          /^(?:address=[^|]+\|[0-9a-f.:]+\/\d+|program=(?:haproxy|keepalived|curl))$/.test(line),
        ),
      };
    },
  },
  'probe-endpoint': {
    play: async (s) => (await s.run(probeEndpoint(s.address, 6443, '/etc/kubernetes/pki/ca.crt'))).stdout,
  },
  'check-load-balancer': {
    play: async (s) => (await s.run(checkLoadBalancer('haproxy', 'nonsense\n'))).exitCode !== 0,
  },
  'certificates-in': {
    play: async (s) => {
      const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
      const cut = '-----BEGIN CERTIFICATE-----\nMIIB\n';
      await tree(s);
      await s.write(`${D}/both.pem`, `${EC_KEY}${certificate}${EC_KEY}`, '600');
      await s.write(`${D}/cut.crt`, `${cut}${EC_KEY}`, '600');
      await s.write(`${D}/key.pem`, EC_KEY, '600');
      const user = `users:\n- user:\n    client-certificate-data: ${btoa(certificate)}\n    client-key-data: ${btoa(EC_KEY)}\n`;
      await s.write(`${D}/admin.conf`, user, '600');
      await s.write(`${D}/kubelet.conf`, 'users:\n- user:\n    client-key: /no/where\n', '600');
      const names = ['both.pem', 'cut.crt', 'key.pem', 'admin.conf', 'kubelet.conf', 'absent', 'inner'];
      return [...parseTexts((await s.run(certificatesIn(names.map((name) => `${D}/${name}`)))).stdout)];
    },
  },
  'make-directory': {
    play: async (s) => {
      await s.remove(D);
      const codes = [
        (await s.run(makeDirectory(`${D}/a/b`, '700'))).exitCode,
        (await s.run(makeDirectory(`${D}/a/b`, '755'))).exitCode,
      ];
      return [codes, attributes((await s.run(inspectFiles([`${D}/a`, `${D}/a/b`]))).stdout)];
    },
  },
  'own-by-root': {
    play: async (s) => {
      await tree(s);
      const codes = [(await s.run(ownByRoot([`${D}/text`]))).exitCode];
      return [codes, attributes((await s.run(inspectFiles([`${D}/text`]))).stdout)];
    },
  },
  'remove-paths': {
    play: async (s) => {
      await tree(s);
      const codes = [(await s.run(removePaths([`${D}/inner`, `${D}/absent`]))).exitCode];
      return [codes, (await s.run(listDirectories([D]))).stdout.trim()];
    },
  },
  'found-member': { heldBy: 'test/contract/handlers.e2e.test.ts' },
  'swap-manifest': {
    play: async (s) => {
      await tree(s);
      const swap = swapManifest(`${D}/new.yaml`, `${D}/etcd.yaml`, SOCKET);
      const without = (await s.run(swap)).exitCode;
      await s.write(`${D}/new.yaml`, 'new\n');
      await s.write(`${D}/etcd.yaml`, 'old\n');
      const code = (await s.run(swap)).exitCode;
      return [without, code, attributes((await s.run(inspectFiles([`${D}/new.yaml`, `${D}/etcd.yaml`]))).stdout)];
    },
  },
  systemctl: {
    play: async (s) => {
      const codes: number[] = [];
      for (const verb of ['enable', 'restart', 'stop'] as const)
        codes.push((await s.run(systemctl(verb, ['no-such.service']))).exitCode);
      codes.push((await s.run(systemctl('daemon-reload'))).exitCode);
      return codes.map((code) => code === 0);
    },
  },
  'import-image': {
    play: async (s) => (await s.run(importImage(SOCKET, `${D}/no-such.tar`))).exitCode === 0,
  },
  apt: { play: async (s) => (await s.run(apt('install', ['kubelet=1.36.3-*']))).exitCode },
  'end-static-pod': { heldBy: 'test/e2e/restart-founding.e2e.test.ts' },
  'clear-data': { heldBy: 'test/contract/reset-commands.test.ts' },
  'remove-pod': { play: async (s) => (await s.run(removePod(SOCKET, 'etcd'))).exitCode },
  'end-pods': { play: async (s) => (await s.run(endPods())).exitCode },
  'remove-pod-network': { heldBy: 'test/contract/reset-node-commands.test.ts' },
  'remove-state': { play: async (s) => (await s.run(removeState(['/var/lib/no-such-folder'], 'leave'))).exitCode },
  'remove-artefacts': { heldBy: 'test/contract/reset-commands.test.ts' },
  'sweep-folders': { heldBy: 'test/contract/reset-commands.test.ts' },
  'forget-machine': { heldBy: 'test/contract/reset-commands.test.ts' },
  'lock-take': {
    play: async (s) => {
      await s.run(fenceRaise(0));
      const base = parseLockState((await s.run(lockState())).stdout).fence;
      const seen: unknown[] = [];
      const take = async (what: string, run: string, fence: number, instead: string | null = null): Promise<void> => {
        const { exitCode, stdout } = await s.run(lockTake(holder(run, base + fence), instead as RunId | null));
        const state = parseLockState(stdout);
        seen.push([what, exitCode, state.fence - base, state.holder?.run ?? null]);
      };
      await take('free', 'run-a', 1);
      await take('again', 'run-a', 1);
      await take('held by another', 'run-b', 2);
      await take('instead of somebody else', 'run-b', 2, 'run-c');
      await take('instead of the holder', 'run-b', 2, 'run-a');
      await s.run(lockRelease('run-a' as RunId));
      await take('after a release by another', 'run-c', 3);
      await s.run(lockRelease('run-b' as RunId));
      await take('number too low', 'run-c', 2);
      await take('higher', 'run-c', 3);
      await s.run(lockRelease('run-c' as RunId));
      return seen;
    },
  },
  'lock-release': {
    play: async (s) => {
      const code = (await s.run(lockRelease('run-nobody' as RunId))).exitCode;
      return [code, parseLockState((await s.run(lockState())).stdout).holder];
    },
  },
  'fence-raise': {
    play: async (s) => {
      const base = parseLockState((await s.run(lockState())).stdout).fence;
      await s.run(lockTake(holder('run-x', base + 1), null));
      const codes = [(await s.run(fenceRaise(base + 5))).exitCode];
      const raised = parseLockState((await s.run(lockState())).stdout);
      codes.push((await s.run(fenceRaise(base + 2))).exitCode);
      const kept = parseLockState((await s.run(lockState())).stdout);
      return [codes, raised.fence - base, raised.holder, kept.fence - base];
    },
  },
  'units-stop': { play: async (s) => (await s.run(stopUnits(['keelson-no-such.service']))).exitCode },
} satisfies Record<BuilderName, ContractCase>;

/** etcd's own part: what it makes of its initial flags, and what it leaves. The certificates are already in place. */
export async function playEtcdStarts(s: ContractSubject): Promise<unknown> {
  const desired = desiredFor(s.address);
  const seen: unknown[] = [];
  await tree(s);
  const manifest = '/etc/kubernetes/manifests/etcd.yaml';
  let pods = 0;
  // Each a pod of its own: the kubelet lets one that has failed before wait.
  const pod = async (text: string): Promise<string> => {
    pods += 1;
    return (await s.run(etcdManifest(text))).stdout.replace('labels:', `labels:\n    number: "${pods}"`);
  };
  const place = async (text: string): Promise<void> => {
    await s.remove(manifest);
    // The kubelet lets go of the old pod, so that the new one does not wait for its back-off; that is 15 s at most.
    await s.settle(8_000);
    await s.write(manifest, await pod(text), '600');
    await s.settle(25_000);
  };
  const look = async (what: string): Promise<void> => {
    const process = await ask(s, etcdProcessProbe, desired);
    const data = await ask(s, etcdDataProbe, desired);
    seen.push([what, process.is, data.is]);
  };
  const config = desired.hosts.get(on)?.kubeadmConfig;
  if (config === undefined) throw new Error('no such host');
  await kubeletByHand(s);
  await s.systemctl('daemon-reload', '');
  await s.systemctl('restart', KUBELET);
  await place(config.running);
  await look('existing, only itself, no data');
  await s.remove('/var/lib/etcd');
  await s.remove(manifest);
  await s.settle(8_000);
  const founding = (await s.run(etcdManifest(config.founding))).stdout;
  const where = {
    socket: SOCKET,
    image: manifestImage(founding) ?? '',
    dataDir: '/var/lib/etcd',
    pkiDir: '/etc/kubernetes/pki/etcd',
  };
  const found = async (): Promise<void> => {
    await s.run(makeDirectory('/var/lib/etcd', '700'));
    seen.push((await s.run(foundMember(where, manifestCommand(founding)))).exitCode);
    await s.settle(5_000);
  };
  await found();
  await look('new, with all');
  await found();
  await look('started again');
  await s.write(`${D}/etcd.yaml`, await pod(config.running), '600');
  seen.push((await s.run(swapManifest(`${D}/etcd.yaml`, manifest, SOCKET))).exitCode);
  await s.settle(25_000);
  await look('existing, only itself, with data');
  await s.remove(manifest);
  await s.settle(8_000);
  await look('without its manifest');
  await s.remove('/var/lib/etcd');
  await place(config.running);
  await look('wiped, existing, only itself');
  await s.remove(manifest);
  await s.systemctl('stop', KUBELET);
  return seen;
}
