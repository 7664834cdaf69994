import { type ErrorCode, errorCodes } from './codes.ts';
import type { Finding } from './finding.ts';
import type { HostId } from './ids.ts';

export interface ErrorDetails {
  /** Where in a file: `cluster.yaml:12:5`. */
  where?: string;
  host?: HostId;
  /** The title of the step that failed. */
  step?: string;
  /** What to do next, when the catalogue's own advice is not precise enough. */
  action?: string;
  /** Full output of what failed, bounded, without secrets. Shown by `-v` and kept in the journal. */
  output?: string;
  findings?: readonly Finding[];
  cause?: unknown;
}

export interface ErrorJson {
  code: ErrorCode;
  message: string;
  action: string;
  where?: string;
  host?: HostId;
  step?: string;
  output?: string;
  findings?: readonly Finding[];
}

/** The one error type of keelson. `code` is stable; nothing may match on `message`. */
export class KeelsonError extends Error {
  override readonly name = 'KeelsonError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }

  get exitCode(): number {
    return errorCodes[this.code].exit;
  }

  get action(): string {
    return this.details.action ?? errorCodes[this.code].action;
  }

  toJSON(): ErrorJson {
    const { where, host, step, output, findings } = this.details;
    return {
      code: this.code,
      message: this.message,
      action: this.action,
      ...(where === undefined ? {} : { where }),
      ...(host === undefined ? {} : { host }),
      ...(step === undefined ? {} : { step }),
      ...(output === undefined ? {} : { output }),
      ...(findings === undefined ? {} : { findings }),
    };
  }
}

export function asKeelsonError(error: unknown): KeelsonError {
  if (error instanceof KeelsonError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new KeelsonError('internal', message, {
    cause: error,
    ...(error instanceof Error && error.stack ? { output: error.stack } : {}),
  });
}
