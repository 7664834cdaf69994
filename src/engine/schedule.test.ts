import { describe, expect, it } from 'vitest';
import { hostId, OPERATOR, type StepId } from '../model/ids.ts';
import type { PlannedStep } from '../plan/types.ts';
import type { Risk } from '../steps/types.ts';
import { nextToStart } from './schedule.ts';

function step(id: string, on = 'h1', risk: Risk = 'safe', needs: readonly string[] = []): PlannedStep {
  const host = on === 'operator' ? OPERATOR : hostId(on);
  return {
    id: id as StepId,
    kind: 'k',
    on: host,
    params: {},
    title: id,
    risk,
    changes: [],
    needs: needs as StepId[],
    why: '',
  };
}

const safe = step('safe', 'h2');
const ends = (on: string): PlannedStep => ({
  ...step(`end ${on}`, on, 'destructive'),
  kind: 'reset-host',
  params: { scope: 'cluster' },
});
const risky = step('risky', 'h1', 'disruptive');

describe('nextToStart', () => {
  it.each<[string, PlannedStep[], PlannedStep[], string | undefined]>([
    ['the first that is ready, in the plan’s order', [step('x', 'h1', 'safe', ['y']), step('b'), step('a')], [], 'b'],
    ['nothing beside a step that is not safe', [safe], [risky], undefined],
    ['no step that is not safe beside another', [risky], [safe], undefined],
    ['safe steps first, so that the careful one finds itself alone', [risky, safe], [], 'safe'],
    ['the careful one once nothing else is ready', [risky, step('x', 'h1', 'safe', ['risky'])], [], 'risky'],
    ['nothing when as many run as may', [safe], [step('a'), step('b'), step('c', 'h3'), step('d', 'h3')], undefined],
    ['a step of another machine when one machine is full', [step('c'), safe], [step('a'), step('b')], 'safe'],
    [
      'nothing of the operator’s beside another of the operator’s',
      [step('o', 'operator')],
      [step('p', 'operator')],
      undefined,
    ],
    ['nothing when nothing is left', [], [], undefined],
    ['the end of the cluster on one machine beside another', [ends('h2'), ends('h3')], [ends('h1')], 'end h2'],
    ['it on no more machines than may be worked on', [ends('h3')], [ends('h1'), ends('h2')], undefined],
    ['nothing of the kind beside a careful step', [ends('h2')], [risky], undefined],
    ['no careful step beside it', [risky], [ends('h2')], undefined],
    ['it alone where only one machine goes', [{ ...ends('h2'), params: { scope: 'host' } }], [ends('h1')], undefined],
  ])('starts %s', (_name, waiting, running, expected) => {
    expect(nextToStart(waiting, running, new Set(), { steps: 4, stepsPerHost: 2 })?.id).toBe(expected);
  });
});
