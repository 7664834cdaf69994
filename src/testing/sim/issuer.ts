import type { Issuer } from '../../ports/issuer.ts';

/** Keys that have been made once, by what was asked for and the how-manieth time: each simulated cluster gets the same ones again. */
const made = new Map<string, Promise<unknown>>();

/**
 * An issuer whose keys are fixtures: making one takes longer than a whole simulated run. Within one cluster no key is given twice.
 * `outside` is told of the real work.
 */
export function fixtureIssuer(real: Issuer, outside: <T>(work: Promise<T>) => Promise<T>): Issuer {
  const times = new Map<string, number>();

  function numbered<T>(wanted: string, make: () => Promise<T>): Promise<T> {
    const n = (times.get(wanted) ?? 0) + 1;
    times.set(wanted, n);
    const key = `${n} ${wanted}`;
    // What a key names was always made by the same kind of call.
    const pair = (made.get(key) as Promise<T> | undefined) ?? make();
    made.set(key, pair);
    return outside(pair);
  }

  return {
    createCa: (spec) => numbered(`ca ${JSON.stringify(spec)}`, () => real.createCa(spec)),
    createKeyPair: (algorithm) => numbered(`key ${algorithm}`, () => real.createKeyPair(algorithm)),
    encryptForUpload: real.encryptForUpload,
    issue: (spec, ca) => numbered(`${ca.certificate} ${JSON.stringify(spec)}`, () => real.issue(spec, ca)),
    loadCa: (files) => outside(real.loadCa(files)),
  };
}
