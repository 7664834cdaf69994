import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';

/** For steps without params. */
export function noParams(params: unknown): Record<string, never> {
  if (params === null || typeof params !== 'object' || Object.keys(params).length > 0) {
    throw new KeelsonError('internal', 'a planned step carries params that its kind does not know');
  }
  return {};
}

/** A param that is one of a few words. */
export function wordParam<W extends string>(params: unknown, key: string, words: readonly W[]): W {
  const value = (params as Record<string, unknown> | null)?.[key];
  const word = words.find((w) => w === value);
  if (word === undefined)
    throw new KeelsonError('internal', `a planned step's param ${key} is none of ${words.join(', ')}`);
  return word;
}

/** `a,b,c`: names of machines hold no commas. */
export function hostsParam(params: unknown): readonly HostId[] {
  const text = (params as { hosts?: unknown } | null)?.hosts;
  if (typeof text !== 'string') throw new KeelsonError('internal', 'a planned step’s param hosts is no list of names');
  return text.split(',') as HostId[];
}
