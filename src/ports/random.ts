/** Randomness comes through this port alone, so that the simulation owns it. */
export interface Random {
  /** A version 4 UUID. */
  readonly uuid: () => string;
  /** Lower-case hexadecimal digits of so many random bytes. */
  readonly hex: (bytes: number) => string;
}
