import { expect, it, vi } from 'vitest';
import { remembered } from './remembered.ts';

it('asks once for each text, and again after it has forgotten', () => {
  const make = vi.fn((text: string) => text.length);
  const ask = remembered(make, 2);
  expect([ask('a'), ask('a'), ask('bb'), ask('bb')]).toEqual([1, 1, 2, 2]);
  expect(make).toHaveBeenCalledTimes(2);
  expect([ask('ccc'), ask('a')]).toEqual([3, 1]);
  expect(make).toHaveBeenCalledTimes(4);
});

it('answers with undefined each time anew', () => {
  const make = vi.fn(() => undefined);
  const ask = remembered(make);
  ask('a');
  ask('a');
  expect(make).toHaveBeenCalledTimes(2);
});
