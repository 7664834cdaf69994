import { programOf } from '../desired/bundle.ts';
import { paths } from '../desired/paths.ts';
import { unitsProbe } from '../facts/services.ts';
import type { UnitFacts } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import type { FileSpec } from '../model/file.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import { makeDirectory } from '../ports/commands/files.ts';
import { systemctl } from '../ports/commands/services.ts';
import type { World } from '../ports/world.ts';
import { etcdKubeletConfig } from '../render/kubelet-config.ts';
import { kubeletDropIn } from '../render/systemd.ts';
import { factOf, fileChanges, folderChanges, newerThan, restartRisk } from './compare.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { KUBELET } from './software.ts';
import { type Change, defineStep, type View } from './types.ts';

/**
 * The kubelet as the service manager of etcd's static pod. Restarting it leaves the containers alone, so that this is safe as long as no
 * member depends on it; on a running cluster it is done like any other disturbance, one machine at a time.
 *
 * What counts is what systemd would run and what runs: exactly our command. A drop-in of somebody else that overrides it is not ours to
 * take away, and one more file of ours behind it would be a race that nobody wins: the step is blocked, and names the file. Variables in
 * such files, KUBELET_EXTRA_ARGS too, do nothing, because our command expands none.
 */
export const kubeletService = defineStep({
  kind: 'kubelet-service',
  risk: 'safe',
  attempts: 2,
  settleMs: 60_000,
  parse: noParams,
  title: (_params, on) => `run the kubelet on ${on} as etcd’s service manager`,
  reads: (_params, on) => [
    { on, fact: 'files' },
    { on, fact: 'units' },
    { on, fact: 'tools' },
    { on, fact: 'runtime' },
  ],
  judge: (_params, view, on) => {
    const files = factOf(view, on, 'files');
    const unit = factOf(view, on, 'units').get(KUBELET);
    const override = overriding(view, on, unit);
    if (override !== null) return { is: 'blocked', finding: overridden(on, override) };
    const changes: Change[] = [
      ...folderChanges(files, paths.manifestDirectory, '700'),
      ...kubeletFiles(view, on).flatMap((spec) => fileChanges(files, spec)),
    ];
    if (unit === undefined || !unit.enabled) changes.push({ summary: `enable ${KUBELET}` });
    if (unit?.active !== 'active') changes.push({ summary: `start ${KUBELET}` });
    else if (changes.length > 0 || stale(view, on))
      changes.push({ summary: `restart ${KUBELET} (etcd keeps running)` });
    if (changes.length === 0) return { is: 'satisfied' };
    return { is: 'needed', changes, risk: restartRisk(view, on) };
  },
  apply: async (_params, world, view, on) => {
    await must(world, makeDirectory(paths.manifestDirectory, '700'));
    await placeFiles(world, view, on, kubeletFiles(view, on));
    if (factOf(view, on, 'units').get(KUBELET)?.enabled !== true) await must(world, systemctl('enable', [KUBELET]));
    await must(world, systemctl('daemon-reload'));
    await mustBeOurs(world, view, on);
    await must(world, systemctl('restart', [KUBELET]));
  },
});

/** A file that came since the facts were read: systemd is asked once more before the kubelet is started by its word. */
async function mustBeOurs(world: World, view: View, on: HostId): Promise<void> {
  const results = await world.host.runAll(unitsProbe.commands(view.desired, on), world.signal);
  const trip = { sentAt: 0, receivedAt: 0 };
  const override = overriding(view, on, unitsProbe.parse(results, view.desired, on, trip).get(KUBELET), 'files placed');
  if (override === null) return;
  const { code, message, action } = overridden(on, override);
  throw new KeelsonError(code, message, { host: on, action });
}

const DROP_IN_NAME = paths.kubeletDropIn.slice(paths.kubeletDropIn.lastIndexOf('/') + 1);

/** What keeps our ExecStart from being the one that counts: a file, or systemd's own answer when no file explains it. */
function overriding(view: View, on: HostId, unit: UnitFacts | undefined, files?: 'files placed'): string | null {
  if (unit === undefined) return null;
  const later = unit.execStartFrom.findLast((path) => path.slice(path.lastIndexOf('/') + 1) > DROP_IN_NAME);
  if (later !== undefined) return later;
  const inPlace =
    files !== undefined || kubeletFiles(view, on).every((f) => fileChanges(factOf(view, on, 'files'), f).length === 0);
  if (!unit.loaded || unit.needsReload || !inPlace || runsOurs(view, on, unit.execStart)) return null;
  return `systemd’s ${KUBELET}`;
}

function runsOurs(view: View, on: HostId, execStart: string): boolean {
  const commands = [...execStart.matchAll(/argv\[\]=(.*?) ; /g)].map(([, argv]) => argv);
  return commands.length === 1 && commands[0] === `${kubeletProgram(view, on)} ${CONFIG_FLAG}`;
}

function overridden(on: HostId, by: string): Finding {
  const file = by.startsWith('/');
  return {
    code: 'kubelet.overridden',
    severity: 'error',
    host: on,
    message: file
      ? `${by} on ${on} replaces the command that keelson gives the kubelet: it sorts after ${paths.kubeletDropIn} and names an ExecStart`
      : `${by} on ${on} has another ExecStart than ${paths.kubeletDropIn} gives it`,
    action: file
      ? `Take the ExecStart out of ${by}, or remove the file; what the kubelet is to do differently belongs in spec.kubelet.`
      : `See systemctl cat ${KUBELET} on ${on}, and remove what overrides the ExecStart.`,
  };
}

/** What runs is not what is configured: systemd has not read our drop-in, the process is older than its file, or has other flags. */
function stale(view: View, on: HostId): boolean {
  const files = factOf(view, on, 'files');
  const unit = factOf(view, on, 'units').get(KUBELET);
  if (unit === undefined) return true;
  const written = [paths.kubeletConfig, paths.kubeletDropIn].some((path) => newerThan(files, path, unit.startedAt));
  // The program may be a script that starts the true one: its flags are what counts.
  const flags = unit.argv.filter((arg) => arg.startsWith('-'));
  const otherFlags = unit.argv.length > 0 && flags.join(' ') !== CONFIG_FLAG;
  return written || unit.needsReload || otherFlags;
}

const CONFIG_FLAG = `--config=${paths.kubeletConfig}`;

function kubeletProgram(view: View, on: HostId): string {
  const { software } = view.desired;
  return software.source === 'bundle'
    ? (programOf(software.bundle.manifest, 'kubelet')?.install ?? '/usr/local/bin/kubelet')
    : (factOf(view, on, 'tools').get('kubelet')?.path ?? '/usr/bin/kubelet');
}

export function kubeletFiles(view: View, on: HostId): FileSpec[] {
  const { desired } = view;
  const { software } = desired;
  const runtime = factOf(view, on, 'runtime');
  // Until a runtime can be asked: what keelson's own containerd configuration, and every current package, uses with systemd.
  const asked = runtime.is === 'containerd' && software.source !== 'bundle' ? runtime.cgroupDriver : 'systemd';
  return [
    {
      path: paths.kubeletConfig,
      mode: '600',
      content: etcdKubeletConfig({
        cgroupDriver: desired.config.spec.runtime.cgroupDriver ?? asked,
        criEndpoint: desired.criSocket,
        overrides: desired.config.spec.kubelet,
      }),
    },
    { path: paths.kubeletDropIn, mode: '644', content: kubeletDropIn(kubeletProgram(view, on), paths.kubeletConfig) },
  ];
}
