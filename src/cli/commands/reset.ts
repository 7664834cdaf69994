import { KeelsonError } from '../../model/errors.ts';
import { type HostId, hostId } from '../../model/ids.ts';
import type { Intent } from '../../plan/types.ts';
import type { Handler } from '../define.ts';
import { planReport, withCluster } from '../open.ts';
import { runAndShow, showSummary } from '../run-and-show.ts';
import type { Session } from '../session.ts';
import { planLines } from '../views/human/plan.ts';
import { noRun } from '../views/run-report.ts';

export const reset: Handler = async (session, [hosts], options) =>
  withCluster(session, async (context) => {
    const { makePlan, refused } = await import('../../operations/run.ts');
    const { subject, ports } = context;
    const cluster = subject.config.metadata.name;
    const intent = intentOf(
      [...ports.machines.keys()],
      hosts as readonly string[],
      (options.except ?? []) as readonly string[],
    );
    checkName(options.confirm, cluster);
    const { result } = await makePlan(subject, ports, intent, session.interruption.cancel);
    if (!result.ok) throw refused(result.refusals);
    if (result.plan.steps.length === 0) {
      await showSummary(session, { ...noRun, command: 'reset', cluster, outcome: 'nothing-to-do' }, []);
      return 0;
    }
    const lines = planLines(planReport(context, intent, result), {
      style: session.err,
      columns: session.columns,
      diff: options.diff === true,
      verbose: session.options.verbose,
    });
    session.tell(`${lines.join('\n')}\n`);
    if (options.confirm === undefined) await askName(session, cluster);
    await runAndShow(session, context, { command: 'reset', plan: result.plan, next: [] });
    return 0;
  });

/** All machines of the cluster but those left out, or the named ones alone. */
function intentOf(all: readonly HostId[], named: readonly string[], leftOut: readonly string[]): Intent {
  const except = leftOut.map(hostId);
  if (named.length > 0) {
    if (except.length > 0)
      throw new KeelsonError('usage', '--except is for the whole cluster, and machines are named', {
        action: 'Name the machines, or give --except.',
      });
    return { kind: 'reset', scope: 'hosts', hosts: named.map(hostId), except };
  }
  const unknown = except.filter((host) => !all.includes(host));
  if (unknown.length > 0)
    throw new KeelsonError('usage', `not in the configuration: ${unknown.join(', ')}`, {
      action: `The machines are ${all.join(', ')}.`,
    });
  return { kind: 'reset', scope: 'cluster', hosts: all.filter((host) => !except.includes(host)), except };
}

function checkName(given: unknown, cluster: string): void {
  if (given === undefined || given === cluster) return;
  throw new KeelsonError('usage', `--confirm ${String(given)}: the cluster is called ${cluster}`, {
    action: 'See that this is the cluster you mean; nothing was changed.',
  });
}

/** `--yes` does not answer this one: what is removed here does not come back. */
async function askName(session: Session, cluster: string): Promise<void> {
  const prompter = session.ask(`--confirm ${cluster}`);
  const typed = await prompter.text(
    `This removes etcd’s data and keys for good. Type the cluster’s name (${cluster}) to go on`,
    '',
  );
  if (typed !== cluster)
    throw new KeelsonError('usage', 'the name was not the cluster’s', { action: 'Nothing was changed.' });
}
