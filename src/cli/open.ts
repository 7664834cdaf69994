import type { Finding } from '../model/finding.ts';
import { hostId } from '../model/ids.ts';
import type { Context, OpenOptions } from '../operations/context.ts';
import type { Intent, PlanResult } from '../plan/types.ts';
import type { Session } from './session.ts';
import type { PlanReport } from './views/plan-report.ts';

/** The flags as operations take them. Reads standard input for `-f -`. */
export async function openOptions(session: Session): Promise<OpenOptions> {
  const { file, vault, identity } = session.options;
  return {
    file,
    ...(file === '-' ? { text: await session.io.readStdin() } : {}),
    ...(vault === undefined ? {} : { vault }),
    ...(identity === undefined ? {} : { identity }),
    ...(session.io.interactive
      ? { askPassword: (prompt: string) => session.askSecret(prompt, 'the user sudo without a password') }
      : {}),
  };
}

/** Opens the cluster for one command, and closes it however the command ends. */
export async function withCluster<T>(
  session: Session,
  use: (context: Context) => Promise<T>,
  more: Partial<OpenOptions> = {},
): Promise<T> {
  const { openContext } = await import('../operations/context.ts');
  const context = await openContext({ ...(await openOptions(session)), connect: true, ...more });
  try {
    return await use(context);
  } finally {
    await context[Symbol.asyncDispose]();
  }
}

export function planReport(
  { subject, ports }: Context,
  intent: Intent,
  result: PlanResult,
  unfit: readonly Finding[] = [],
): PlanReport {
  const { config, configDigest } = subject;
  const { hosts } = config.spec;
  return {
    cluster: config.metadata.name,
    intent,
    basis: { config: configDigest, at: ports.clock.now().toISOString() },
    hosts: hosts.map((h) => ({ host: hostId(h.name), address: h.address })),
    voters: hosts.filter((h) => h.roles.includes(config.spec.etcd.topology === 'stacked' ? 'control-plane' : 'etcd'))
      .length,
    result,
    unfit,
  };
}
