import type { HostId } from '../model/ids.ts';
import { type Dial, openTls } from './connection.ts';
import { answerFault } from './faults.ts';

/**
 * PEM of the leaf that an API server shows, also when it has expired or is another CA's. On a connection of its own: a server that has read
 * a new file shows it to new ones only.
 */
export async function lookAtCertificate(host: HostId, dial: Dial, signal: AbortSignal): Promise<string> {
  const socket = await openTls(host, dial, null, signal);
  const leaf = socket.getPeerX509Certificate();
  socket.destroy();
  if (leaf === undefined) throw answerFault(host, 'shows no certificate');
  return leaf.toString();
}
