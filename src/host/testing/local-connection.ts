import { KeelsonError } from '../../model/errors.ts';
import { hostId } from '../../model/ids.ts';
import type { Connection } from '../connection.ts';
import type { RemoteShell } from '../remote-shell.ts';
import { startShell } from '../start-shell.ts';
import { localChannel } from './local-shell.ts';

export const testHost = hostId('here');

export function lostHere(): KeelsonError {
  return new KeelsonError('host.unreachable', 'the connection to here was lost', { host: testHost });
}

/** A machine's shell on this computer, without ssh. */
export function localShell(shell = 'sh', env?: NodeJS.ProcessEnv): Promise<RemoteShell> {
  return startShell(
    localChannel(shell, env),
    {
      host: testHost,
      user: 'root',
      become: undefined,
      password: undefined,
      startMs: 5000,
      traffic: { commands: 0, roundTrips: 0, bytesSent: 0, bytesReceived: 0 },
      lost: lostHere,
      isLost: () => false,
      graceMs: 4000,
    },
    new AbortController().signal,
  );
}

export interface LocalConnection extends Connection {
  /** How often something was sent to the shells. */
  readonly roundTrips: () => number;
}

/** Two shells on this computer in place of a connection. */
export async function localConnection(shell = 'sh'): Promise<LocalConnection> {
  const shells = { main: await localShell(shell), bulk: await localShell(shell) };
  let roundTrips = 0;
  return {
    run: (use, requests, signal) => {
      roundTrips += 1;
      return shells[use].run(requests, signal);
    },
    dial: () => Promise.reject(lostHere()),
    connect: async () => undefined,
    close: async () => {
      shells.main.close();
      shells.bulk.close();
    },
    roundTrips: () => roundTrips,
  };
}
