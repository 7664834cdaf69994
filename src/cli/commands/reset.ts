import { KeelsonError } from '../../model/errors.ts';
import type { Handler } from '../define.ts';
import { planReport, withCluster } from '../open.ts';
import { runAndShow, showSummary } from '../run-and-show.ts';
import type { Session } from '../session.ts';
import { planLines } from '../views/human/plan.ts';
import { noRun } from '../views/run-report.ts';

export const reset: Handler = async (session, [named], options) => {
  const hosts = named as readonly string[];
  const except = (options.except ?? []) as readonly string[];
  const confirmed = typeof options.confirm === 'string' ? options.confirm : null;
  const clear: Parameters<typeof withCluster<number>>[1] = async (context) => {
    const [{ planReset, refuseResetLocked, runReset }, { refused }] = await Promise.all([
      import('../../operations/reset.ts'),
      import('../../operations/run.ts'),
    ]);
    const { subject, ports } = context;
    const cluster = subject.config.metadata.name;
    checkName(confirmed, cluster);
    const { result, intent } = await planReset(subject, ports, { hosts, except }, session.interruption.cancel);
    if (!result.ok) throw refused(result.refusals);
    const { plan } = result;
    if (plan.steps.length > 0) {
      const { isDead } = await context.operator('reset');
      await refuseResetLocked(subject, ports, intent, isDead, session.interruption.cancel);
    }
    const view = {
      style: session.err,
      columns: session.columns,
      diff: options.diff === true,
      verbose: session.options.verbose,
    };
    session.tell(`${planLines(planReport(context, intent, result), view).join('\n')}\n`);
    if (plan.steps.length === 0) {
      await showSummary(session, { ...noRun, command: 'reset', cluster, outcome: 'nothing-to-do' }, []);
      return 0;
    }
    if (confirmed === null) await askName(session, cluster);
    await runAndShow(session, context, {
      command: 'reset',
      run: (operator, request) => runReset(subject, ports, operator, { ...request, intent, approved: plan }),
      next: [],
    });
    return 0;
  };
  return withCluster(session, clear, { former: hosts });
};

function checkName(given: string | null, cluster: string): void {
  if (given === null || given === cluster) return;
  throw new KeelsonError('usage', `--confirm ${given}: the cluster is called ${cluster}`, {
    action: 'See that this is the cluster you mean; nothing was changed.',
  });
}

/** `--yes` does not answer this one: what is removed here does not come back. */
async function askName(session: Session, cluster: string): Promise<void> {
  const prompter = session.ask(`--confirm ${cluster}`);
  const question = `This removes etcd’s data and keys for good. Type the cluster’s name (${cluster}) to go on`;
  if ((await prompter.text(question, '')) === cluster) return;
  throw new KeelsonError('usage', 'the name was not the cluster’s', { action: 'Nothing was changed.' });
}
