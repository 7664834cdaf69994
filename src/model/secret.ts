const REDACTED = '[redacted]';

/**
 * Text that must never be shown: private keys, passwords, age identities. It prints as `[redacted]` in templates, JSON and
 * `util.inspect`. Only adapters may call {@link reveal}; the import law fences it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  static valueOf(secret: Secret): string {
    return secret.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return REDACTED;
  }
}
