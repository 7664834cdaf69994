import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { digestOf } from '../model/canonical-json.ts';
import type { Digest, HostId, StepId } from '../model/ids.ts';
import type { Plan } from '../plan/types.ts';
import { readSavedPlan, writeSavedPlan } from './saved-plan.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keelson-plan-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const intent = { kind: 'apply' } as const;
const config = `sha256:${'0'.repeat(64)}` as Digest;
const steps: Plan['steps'] = [
  {
    id: 'a'.repeat(16) as StepId,
    kind: 'k',
    on: 'etcd-0' as HostId,
    params: {},
    title: 't',
    risk: 'safe',
    changes: [{ summary: 's', diff: ['+x'] }],
    needs: [],
    why: 'w',
  },
];
const plan: Plan = {
  digest: digestOf({ intent, config, steps }),
  intent,
  basis: { config, at: '2026-11-21T10:15:00.000Z' },
  steps,
};
const document = {
  apiVersion: 'keelson.dev/v1alpha1',
  kind: 'Plan',
  cluster: 'lab',
  ...plan,
  warnings: [],
  refusals: [],
};

it('reads back what was written, whole and for its owner alone', async () => {
  const file = join(folder, 'change.plan');
  await writeSavedPlan(file, document);
  expect(await readSavedPlan(file)).toEqual(plan);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['change.plan']);
});

it('refuses a plan that was edited after it was written', async () => {
  const file = join(folder, 'edited.plan');
  await writeSavedPlan(file, document);
  writeFileSync(file, readFileSync(file, 'utf8').replace('etcd-0', 'etcd-1'));
  await expect(readSavedPlan(file)).rejects.toMatchObject({
    code: 'plan.stale',
    message: expect.stringContaining('changed after'),
  });
});

it.each([
  ['a refused plan', JSON.stringify({ ...document, digest: null, steps: [] })],
  ['another document', JSON.stringify({ kind: 'Status' })],
  ['no JSON', 'Plan for cluster lab'],
])('refuses %s', async (_what, text) => {
  const file = join(folder, 'other.plan');
  writeFileSync(file, text);
  await expect(readSavedPlan(file)).rejects.toMatchObject({ code: 'plan.stale' });
});

it('says which file cannot be read or written', async () => {
  const file = join(folder, 'absent/x.plan');
  await expect(readSavedPlan(file)).rejects.toMatchObject({ code: 'usage', details: { where: file } });
  await expect(writeSavedPlan(file, document)).rejects.toMatchObject({ code: 'usage', details: { where: file } });
});
