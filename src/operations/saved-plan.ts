import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { digestOf } from '../model/canonical-json.ts';
import { KeelsonError } from '../model/errors.ts';
import { cannotRead, cannotWrite } from '../model/file-error.ts';
import type { Plan } from '../plan/types.ts';

const SavedPlan = z.looseObject({
  kind: z.literal('Plan'),
  digest: z.string(),
  intent: z.looseObject({ kind: z.enum(['apply', 'reset']) }),
  basis: z.looseObject({ config: z.string(), at: z.string() }),
  steps: z.array(z.looseObject({ id: z.string(), kind: z.string(), on: z.string(), title: z.string() })),
});

/** A plan that `plan --out` has written. Rejects with `plan.stale` when it is none, was refused, or was changed since. */
export async function readSavedPlan(file: string): Promise<Plan> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new KeelsonError('usage', `the plan file ${cannotRead(file, error)}`, {
      where: file,
      action: 'Give a file that keelson plan --out has written.',
      cause: error,
    });
  }
  const saved = SavedPlan.safeParse(parseJson(text));
  if (!saved.success) throw stale(file, 'is not a plan that can be run: it was refused, or written by something else');
  const { digest, intent, basis, steps } = saved.data as unknown as Plan;
  // What is approved is exactly what somebody has seen.
  if (digestOf({ intent, config: basis.config, steps }) !== digest)
    throw stale(file, 'was changed after it was written');
  return { digest, intent, basis, steps };
}

/** Whole or not at all, and for its owner alone: a plan tells how machines are set up. */
export async function writeSavedPlan(file: string, document: object): Promise<void> {
  const temporary = `${file}.tmp-${process.pid}`;
  try {
    await writeFile(temporary, `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600 });
    await rename(temporary, file);
  } catch (error) {
    throw new KeelsonError('usage', `the plan file ${cannotWrite(file, error)}`, {
      where: file,
      action: 'Give --out a file in a folder that is yours.',
      cause: error,
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function stale(file: string, why: string): KeelsonError {
  return new KeelsonError('plan.stale', `${file} ${why}`, { where: file });
}
