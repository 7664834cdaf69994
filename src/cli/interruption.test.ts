import { expect, it } from 'vitest';
import { interruption } from './interruption.ts';

it('cancels first, then stops at once, and says so', () => {
  const ending = interruption();
  const told: string[] = [];
  ending.announceTo((text) => told.push(text));
  expect(ending.reason()).toBeNull();
  ending.signalled();
  expect([ending.cancel.aborted, ending.stop.aborted]).toEqual([true, false]);
  ending.signalled();
  expect(ending.stop.aborted).toBe(true);
  expect(ending.reason()?.exitCode).toBe(130);
  expect(told).toEqual(['stopping at the next safe boundary; press again to stop at once', 'stopping at once']);
});

it('at a timeout ends like the first signal, with exit code 1', () => {
  const ending = interruption();
  ending.timedOut('10m');
  expect([ending.cancel.aborted, ending.stop.aborted]).toEqual([true, false]);
  expect(ending.reason()).toMatchObject({ code: 'timeout', exitCode: 1 });
  ending.signalled();
  expect(ending.stop.aborted).toBe(true);
  expect(ending.reason()).toMatchObject({ code: 'timeout' });
});

it('stays silent once nothing listens any more', () => {
  const ending = interruption();
  const told: string[] = [];
  ending.announceTo((text) => told.push(text))();
  ending.signalled();
  expect(told).toEqual([]);
});
