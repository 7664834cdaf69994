import { access, rename, rm, writeFile } from 'node:fs/promises';
import { parseConfig } from '../config/parse.ts';
import { type ConfigProblem, configInvalid } from '../config/problem.ts';
import { type ClusterAnswers, clusterTemplate } from '../config/template.ts';
import { KeelsonError } from '../model/errors.ts';
import { cannotWrite } from '../model/file-error.ts';

export type { ClusterAnswers, ConfigProblem };

/** The version that everything is tested with. */
export const DEFAULT_KUBERNETES_VERSION = 'v1.36.3';

/** A commented cluster.yaml. Rejects with `config.*` when the answers do not make a cluster; `tell` puts a problem into the words of what asked for them. */
export function clusterFile(answers: ClusterAnswers, file: string, tell?: (problem: ConfigProblem) => string): string {
  const text = clusterTemplate(answers);
  const parsed = parseConfig(text, file);
  if (parsed.ok) return text;
  if (tell === undefined) throw configInvalid(file, parsed.problems);
  // The file has not been written: lines of it would lead nowhere.
  throw new KeelsonError('config.invalid', parsed.problems.map(tell).join('\n'), {
    action: 'Give it again; nothing was written.',
  });
}

/** Before anything is asked: nobody should answer questions for nothing. */
export async function checkAbsent(file: string): Promise<void> {
  const there = await access(file).then(
    () => true,
    () => false,
  );
  if (there) throw exists(file);
}

/** Whole or not at all. An existing file is replaced only with `force`. */
export async function writeClusterFile(file: string, text: string, force: boolean): Promise<void> {
  if (!force) await checkAbsent(file);
  const temporary = `${file}.new-${process.pid}`;
  try {
    await writeFile(temporary, text, { flag: 'wx' });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new KeelsonError('usage', cannotWrite(file, error), {
      where: file,
      action: 'Name a file in a folder that is yours.',
      cause: error,
    });
  }
}

function exists(file: string): KeelsonError {
  return new KeelsonError('usage', `${file} is there already`, {
    where: file,
    action: 'Name another file with -f, or give --force to replace this one.',
  });
}
