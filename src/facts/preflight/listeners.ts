import { listeningPorts } from '../../ports/commands/preflight.ts';
import { lines, only, type Probe, UnreadableFact } from '../probe.ts';
import type { Listener } from './types.ts';

export const listenersProbe: Probe<readonly Listener[]> = {
  commands: () => [listeningPorts()],
  parse: (results) => {
    const result = only(results);
    if (result.exitCode !== 0) throw new UnreadableFact(`ss ended with exit code ${result.exitCode}`);
    return lines(result.stdout).map(listener);
  },
};

// LISTEN 0 4096 10.77.0.10:2379 0.0.0.0:* users:(("etcd",pid=123,fd=8))
function listener(line: string): Listener {
  const [, , , local = '', , users = ''] = line.trim().split(/\s+/);
  const place = /^(?:\[([^\]]+)\]|([^[\]]+)):(\d+)$/.exec(local);
  if (place === null) throw new UnreadableFact(`ss prints ${JSON.stringify(line.slice(0, 100))}`);
  const user = /\(\("([^"]*)",pid=(\d+)/.exec(users);
  // `127.0.0.53%lo`: the interface does not matter here.
  const address = (place[1] ?? place[2] ?? '').replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/, '');
  return { address, port: Number(place[3]), process: user?.[1] ?? null, pid: user === null ? null : Number(user[2]) };
}
