import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { Secret } from '../model/secret.ts';
import { plainText } from '../model/text.ts';
import type { WriteCommand } from '../ports/command.ts';
import { type KubeadmVerb, kubeadm, kubeadmJoinControlPlane } from '../ports/commands/kubeadm.ts';
import type { World } from '../ports/world.ts';

const KEPT = 16_000;

/**
 * Runs kubeadm, and says what it failed at in its own words. `secrets` are what the configuration holds: they are replaced in whatever is
 * kept of the output.
 */
export async function runKubeadm(
  world: World,
  verb: KubeadmVerb,
  config: string,
  secrets: readonly string[] = [],
): Promise<void> {
  await mustJoinOrMake(world, verb, kubeadm(verb, new Secret(config)), secrets);
}

/** The same for a further control plane. */
export async function runJoinControlPlane(
  world: World,
  config: string,
  apiServer: { address: string; port: number },
  secrets: readonly string[],
): Promise<void> {
  await mustJoinOrMake(world, 'join', kubeadmJoinControlPlane(new Secret(config), apiServer), secrets);
}

async function mustJoinOrMake(
  world: World,
  verb: KubeadmVerb,
  command: WriteCommand,
  secrets: readonly string[],
): Promise<void> {
  const result = await world.host.run(command, world.signal);
  if (result.exitCode === 0) return;
  const said = [result.stdout, result.stderr].join('\n');
  const output = plainText(
    secrets.reduce((text, secret) => text.replaceAll(secret, '[redacted]'), said),
    KEPT,
  );
  throw kubeadmError(world.host.id, verb, result.exitCode, output);
}

/** kubeadm's own names of checks, `[ERROR Port-6443]: ...`; else the line that begins with `error:`, which sums up. */
function kubeadmError(host: HostId, verb: KubeadmVerb, exitCode: number, output: string): KeelsonError {
  const failed = [...output.matchAll(/\[ERROR ([^\]\s]+)\]: (.+)/g)].map(([, check, why]) => `${check}: ${why}`);
  const why = failed.length > 0 ? failed.join('; ') : (/^error: (.+)$/m.exec(output)?.[1] ?? lastLine(output));
  return new KeelsonError(
    failed.length > 0 ? 'kubeadm.preflight' : 'kubeadm.failed',
    `kubeadm ${verb} on ${host} ended with exit code ${exitCode}${why === '' ? '' : `: ${why}`}`,
    { host, output },
  );
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
