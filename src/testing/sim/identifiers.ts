import { createHash } from 'node:crypto';
import type { Random } from '../../ports/random.ts';

/** The same ones in every simulation, so that what is rendered from them is rendered once. */
export class SimIdentifiers implements Random {
  #given = 0;

  adopt(other: SimIdentifiers): void {
    this.#given = other.#given;
  }

  readonly hex = (bytes: number): string => {
    this.#given += 1;
    return createHash('sha256')
      .update(`identifier ${this.#given}`)
      .digest('hex')
      .slice(0, 2 * bytes);
  };

  readonly uuid = (): string => {
    const h = this.hex(16);
    return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-8${h.slice(17, 20)}-${h.slice(20)}`;
  };
}
