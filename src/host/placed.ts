import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { plainText } from '../model/text.ts';
import type { CommandResult } from '../ports/host.ts';
import { diskFull } from './disk-full.ts';

/** What the scripts of `placing.ts` say when they have not placed a file; returns when they have. */
export function checkPlaced(host: HostId, result: CommandResult): void {
  if (result.exitCode === 0) return;
  const [word = '', path = '', why = ''] = (result.stdout.trimEnd().split('\n').at(-1) ?? '').split('|');
  const output = plainText(result.stderr);
  const details = { host, ...(output === '' ? {} : { output }) };
  const shown = plainText(path);
  if (word === 'refused')
    throw new KeelsonError('host.file-refused', `${shown} on ${host} ${why}: nothing is written`, details);
  if (word === 'full') throw diskFull(host, `there is no room for ${shown} on ${host}`, { mount: why, output });
  if (word === 'cut')
    throw new KeelsonError('host.command-failed', `${shown} did not reach ${host} as it was sent`, details);
  if (word === 'failed')
    throw new KeelsonError('host.command-failed', `${shown} could not be written on ${host}`, details);
  throw new KeelsonError(
    'host.command-failed',
    `placing files on ${host} ended with exit code ${result.exitCode}`,
    details,
  );
}
