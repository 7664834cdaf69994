import { KeelsonError } from '../../model/errors.ts';
import type { KubeconfigReport, KubeconfigRequest } from '../../operations/kubeconfig.ts';
import type { Handler } from '../define.ts';
import { openOptions } from '../open.ts';
import type { Session } from '../session.ts';
import { document } from '../views/json/document.ts';

type Given = Readonly<Record<string, unknown>>;

export const kubeconfig: Handler = async (session, _args, given) => {
  checkFlags(session, given);
  const { kubectlFile, openKubeconfig } = await import('../../operations/kubeconfig.ts');
  const to = destination(session, given, kubectlFile);
  const report = await openKubeconfig(await openOptions(session), {
    ...(typeof given.user === 'string' ? { user: given.user } : {}),
    ...(typeof given.validity === 'string' ? { validity: given.validity } : {}),
    superAdmin: given.superAdmin === true,
    to,
  });
  if (to.is === 'output') session.tell(ending(report));
  else await session.print(document('Kubeconfig', report), () => lines(report));
  return 0;
};

function checkFlags({ options }: Session, { out, merge, use }: Given): void {
  const refused = (message: string, action: string): KeelsonError => new KeelsonError('usage', message, { action });
  if (merge === true && out !== undefined)
    throw refused('--merge writes to kubectl’s own file, and --out names another', 'Give one of the two.');
  if (use === true && merge !== true)
    throw refused('--use chooses the context of a file that holds several', 'Give --merge, too.');
  if (out === '-' && options.output !== 'human')
    throw refused(`-o ${options.output} never tells the key, and --out - is the whole file`, 'Give one of the two.');
}

function destination(
  { io }: Session,
  { out, merge, use }: Given,
  kubectlFile: (env: Session['io']['env']) => string,
): KubeconfigRequest['to'] {
  if (merge === true) return { is: 'merge', path: kubectlFile(io.env), use: use === true };
  if (out === '-') return { is: 'output', write: (text) => io.stdout.write(text) };
  return { is: 'file', ...(typeof out === 'string' ? { path: out } : {}) };
}

function ending({ user, groups, expiresAt }: KubeconfigReport): string {
  return `${user} (${groups.join(', ')}) until ${expiresAt}; nobody can take it back before.`;
}

function lines(report: KubeconfigReport): string[] {
  const { file, context, server, current } = report;
  const select = current ? '' : ` --context ${context}`;
  return [
    `${file} was written: context ${context}, ${server}`,
    ending(report),
    `next: kubectl --kubeconfig ${file}${select} get nodes`,
  ];
}
