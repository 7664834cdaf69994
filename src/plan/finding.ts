import { type ErrorCode, errorCodes } from '../model/codes.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';

/** A refusal with the catalogue's own advice. */
export function refusal(code: ErrorCode, message: string, host?: HostId): Finding {
  return { code, severity: 'error', message, action: errorCodes[code].action, ...(host === undefined ? {} : { host }) };
}
