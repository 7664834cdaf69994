import { Command } from 'commander';
import { commands, globalOptions } from './commands.ts';
import { addCommand, addOption, type Dispatch, type Example, exampleText } from './define.ts';
import { versionText } from './version.ts';

const rootExamples: readonly Example[] = [
  {
    says: 'From three bare machines to a healthy etcd',
    line: 'keelson init && keelson hosts trust && keelson check && keelson apply',
  },
  { says: 'How is it', line: 'keelson status' },
];

export interface ProgramOutput {
  out: (text: string) => void;
  err: (text: string) => void;
  columns: number;
}

/** The tree of commands. Errors of usage are thrown, and nothing ends the process. */
export function buildProgram(dispatch: Dispatch, output: ProgramOutput): Command {
  const program = new Command('keelson');
  program
    .description('Makes and maintains highly available etcd on plain Linux machines, with the real kubeadm, over SSH.')
    .version(versionText(), '--version', 'show the version')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: output.out,
      writeErr: output.err,
      getOutHelpWidth: () => output.columns,
      getErrHelpWidth: () => output.columns,
      // The edge shows errors, in one form for all.
      outputError: () => undefined,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  for (const option of globalOptions) addOption(program, option);
  for (const spec of commands) addCommand(program, spec, dispatch);
  program.addHelpText(
    'after',
    () => `
${exampleText(rootExamples)}

Exit codes:
  0 ok   1 error   2 changes pending (plan --detailed-exitcode)   3 unhealthy (status, check)
  4 lock held   5 refused by a safety rule   130 interrupted`,
  );
  return program;
}
