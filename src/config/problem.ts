import type { ErrorCode } from '../model/codes.ts';
import { KeelsonError } from '../model/errors.ts';

export type ConfigCode = Extract<ErrorCode, `config.${string}`>;

/** One thing that is wrong in cluster.yaml. */
export interface ConfigProblem {
  code: ConfigCode;
  file: string;
  /** From 1 on. */
  line: number;
  column: number;
  /** `spec.hosts[1].address`; `document` for the file as a whole. */
  path: string;
  /** What is wrong. */
  message: string;
  /** What to do. */
  action: string;
}

/** `cluster.yaml:12:16: spec.hosts[1].address: what is wrong; what to do` */
export function formatProblem(problem: ConfigProblem): string {
  const { file, line, column, path, message, action } = problem;
  return `${file}:${line}:${column}: ${path}: ${message}; ${action}`;
}

/** All problems of one file as the error that ends a command. */
export function configInvalid(file: string, problems: readonly ConfigProblem[]): KeelsonError {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  return new KeelsonError('config.invalid', `${file} has ${count}:\n${problems.map(formatProblem).join('\n')}`, {
    where: file,
    findings: problems.map((problem) => ({
      code: problem.code,
      severity: 'error',
      message: `${problem.file}:${problem.line}:${problem.column}: ${problem.path}: ${problem.message}`,
      action: problem.action,
    })),
  });
}
