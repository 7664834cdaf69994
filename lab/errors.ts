/** A failure of the lab that its user can act on: what happened, and what to do next. */
export class LabError extends Error {
  readonly code: string;
  readonly fix: string;

  constructor(code: string, message: string, fix: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LabError';
    this.code = code;
    this.fix = fix;
  }
}

export function describeError(error: unknown): string {
  if (error instanceof LabError) return `${error.code}: ${error.message}\n  ${error.fix}`;
  return error instanceof Error ? error.message : String(error);
}
