import type { Finding } from '../../../src/model/finding.ts';
import { planReset, type ResetRequest, runReset } from '../../../src/operations/reset.ts';
import { refused, type Subject } from '../../../src/operations/run.ts';
import type { Plan } from '../../../src/plan/types.ts';
import type { SimCluster } from '../../../src/testing/sim/cluster.ts';
import type { SimMachine } from '../../../src/testing/sim/machine.ts';
import type { SimProcess } from '../../../src/testing/sim/process.ts';
import { unitOf } from '../../../src/testing/sim/systemd.ts';
import { type Applied, ended } from './apply.ts';
import { newCluster, policy, type Shape } from './world.ts';

export const wholeCluster: ResetRequest = { hosts: [], except: [] };

const never = new AbortController().signal;

/** Plans a reset, approves it, and runs it, as the command does. The process ends with it. */
export async function reset(
  process: SimProcess,
  subject: Subject,
  request: ResetRequest = wholeCluster,
): Promise<Applied> {
  return ended(process, async () => {
    const { result, intent } = await planReset(subject, process.ports, request, never, policy);
    if (!result.ok) throw refused(result.refusals);
    if (result.plan.steps.length === 0) return 'nothing-to-do';
    const signals = { cancel: never, stop: never };
    const run = { intent, approved: result.plan, emit: () => {}, note: () => {}, signals };
    return runReset(subject, process.ports, process, run, policy);
  });
}

/** What the command shows before it asks. */
export async function shownReset(
  process: SimProcess,
  subject: Subject,
  request: ResetRequest = wholeCluster,
): Promise<{ plan: Plan | null; refusals: readonly Finding[]; warnings: readonly Finding[] }> {
  const { result } = await planReset(subject, process.ports, request, never, policy);
  process.exit();
  const { warnings } = result;
  return result.ok
    ? { plan: result.plan, refusals: [], warnings }
    : { plan: null, refusals: result.refusals, warnings };
}

/** Folders that stay: programs of packages have some of them, and an empty folder of the system's own harms nobody. */
const SYSTEM_FOLDERS = /^\/(?:etc\/apt(?:\/.*)?|usr\/.*|opt|etc\/containerd)$/;

/** What a reset has left, or taken, that a machine did not have before keelson came; one line each. */
export function differencesFromNew(sim: SimCluster, shape: Shape): string[] {
  const fresh = newCluster(shape, 1);
  return [...sim.machines.values()].flatMap((machine) => {
    const before = fresh.machines.get(machine.id);
    return before === undefined ? [] : differences(before, machine, shape).map((line) => `${machine.id}: ${line}`);
  });
}

function differences(before: SimMachine, now: SimMachine, { source }: Shape): string[] {
  const found: string[] = [];
  for (const [path, file] of now.files) {
    const old = before.files.get(path);
    if (old === undefined && file.type === 'directory' && SYSTEM_FOLDERS.test(path)) continue;
    // Packages stay installed.
    if (old === undefined && source === 'packages' && path.startsWith('/usr/')) continue;
    if (old === undefined) found.push(`${path} is left`);
    else if (old.content !== file.content || old.mode !== file.mode) found.push(`${path} is not as it was`);
  }
  for (const path of before.files.keys()) if (!now.files.has(path)) found.push(`${path} is gone`);
  const kubelet = unitOf(now, 'kubelet.service');
  if (kubelet.state !== 'inactive' || kubelet.enabled) found.push(`the kubelet is ${kubelet.state}`);
  if (source === 'bundle' && unitOf(now, 'containerd.service').state !== 'inactive') found.push('containerd runs');
  if (now.holder !== null) found.push(`locked by ${now.holder.run}`);
  if (now.transients.length > 0) found.push(`${now.transients.map((t) => t.name).join(', ')} is left`);
  if (now.stamps.size > 0) found.push('the list of programs is left');
  return found;
}
