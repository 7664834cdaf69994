import { rm } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import type { Secret } from '../model/secret.ts';
import type { Clock } from '../ports/clock.ts';
import { STATE_DIRECTORY } from '../ports/commands/lock.ts';
import type { ReadHost } from '../ports/host.ts';
import { lockHostOver } from '../ports/lock-host.ts';
import type { Machine } from '../ports/machine.ts';
import { createConnectGate } from './connect-gate.ts';
import { type Connection, type ConnectionContext, createConnection, type Traffic } from './connection.ts';
import { metFullDisk } from './disk-full.ts';
import { readKnownHosts } from './known-hosts.ts';
import { checkProgram } from './master.ts';
import { makePrivateFolder, writePrivately } from './private-folder.ts';
import { CUT_OFF } from './remote-shell.ts';
import { configText, type SshSettings } from './ssh-config.ts';
import { checkTarget, type SshTarget } from './ssh-target.ts';
import { createWriteHost, one } from './write-host.ts';

export interface MachinesOptions {
  hosts: readonly SshTarget[];
  /** The cluster's own known_hosts file; it may be absent. */
  knownHostsFile: string;
  concurrency?: { connects?: number };
  timeouts?: {
    /** For one TCP connect and greeting; a login may take twice as long. */
    connectMs?: number;
    /** Silence after which a connection is given up. */
    aliveMs?: number;
    /** For a login shell to start a command, and for sudo. */
    shellMs?: number;
  };
  /** Asked at most once for each user name that needs a sudo password. */
  askPassword?: (prompt: string) => Promise<Secret>;
  clock: Clock;
  /** The OpenSSH client. */
  program?: string;
}

export interface ConnectedMachine extends Machine {
  /** Bytes to an address and port as the machine sees them. A refusal is an error of the stream, with Node's code for it. */
  readonly dial: (address: string, port: number, signal: AbortSignal) => Promise<Duplex>;
}

export interface Machines {
  /** Connects at its first call, and again after a loss. */
  readonly get: (id: HostId) => ConnectedMachine;
  /** Connects now. Rejects with `host.unreachable`, `host.auth`, `host.key-unknown`, `host.key-changed`, `host.shell` or `host.sudo`. */
  readonly connect: (id: HostId, signal: AbortSignal) => Promise<ConnectedMachine>;
  /** Ends all connections and every process; calls that still run reject with `host.unreachable`. */
  readonly close: () => Promise<void>;
  readonly counts: () => Traffic;
}

const DEFAULTS = { connectMs: 10_000, aliveMs: 15_000, shellMs: 15_000 };

export async function openMachines(options: MachinesOptions): Promise<Machines> {
  const program = options.program ?? 'ssh';
  for (const target of options.hosts) checkTarget(target);
  const version = await checkProgram(program);
  const folder = await makePrivateFolder();
  const timeouts = { ...DEFAULTS, ...options.timeouts };
  const settings: SshSettings = { knownHostsFile: options.knownHostsFile, ...timeouts };
  const traffic: Traffic = { connects: 0, commands: 0, roundTrips: 0, bytesSent: 0, bytesReceived: 0 };
  const configFile = `${folder}/config`;
  await writePrivately(configFile, configText(options.hosts, settings, await readKnownHosts(options.knownHostsFile)));

  let sockets = 0;
  const context: ConnectionContext = {
    program,
    version,
    folder,
    configFile,
    settings,
    traffic,
    clock: options.clock,
    gate: createConnectGate(options.concurrency?.connects),
    password: passwords(options.askPassword),
    nextName: () => String(++sockets),
    recorded: () => readKnownHosts(options.knownHostsFile),
    startMs: timeouts.shellMs,
  };
  const connections = new Map<HostId, Connection>(
    options.hosts.map((target) => [target.id, createConnection(target, context)]),
  );

  function connectionOf(id: HostId): Connection {
    const connection = connections.get(id);
    if (connection === undefined) throw new KeelsonError('internal', `${id} is not one of the machines`);
    return connection;
  }

  const get = (id: HostId): ConnectedMachine => machineOver(id, connectionOf(id), options.clock);
  return {
    get,
    connect: async (id, signal) => {
      await connectionOf(id).connect(signal);
      return get(id);
    },
    close: async () => {
      await Promise.all([...connections.values()].map((connection) => connection.close()));
      await rm(folder, { recursive: true, force: true });
    },
    counts: () => ({ ...traffic }),
  };
}

function machineOver(id: HostId, connection: Connection, clock: Clock): ConnectedMachine {
  const read: ReadHost = {
    id,
    runAll: async (commands, signal) => {
      try {
        return await connection.run('main', commands, signal);
      } catch (error) {
        if (!(error instanceof KeelsonError && error.details.cause === CUT_OFF)) throw error;
        // It did nothing wrong, and a read may be asked twice.
        return connection.run('main', commands, signal);
      }
    },
  };
  return {
    id,
    read,
    lock: lockHostOver(
      id,
      async (command, signal) => {
        const result = one(await connection.run('main', [command], signal));
        const full = metFullDisk(id, `the lock command ${command.builder}`, result);
        if (full !== null) throw full;
        return result;
      },
      clock,
    ),
    bind: (binding) => createWriteHost(read, connection, binding, STATE_DIRECTORY, clock),
    dial: connection.dial,
  };
}

/** One question for each user name, also when many machines need the answer at once. */
function passwords(ask: MachinesOptions['askPassword']): ConnectionContext['password'] {
  if (ask === undefined) return undefined;
  const answers = new Map<string, Promise<Secret>>();
  return (target) => {
    const user = target.user ?? '';
    const answer = answers.get(user) ?? ask(`sudo password${user === '' ? '' : ` of ${user}`} on the machines: `);
    answers.set(user, answer);
    return answer;
  };
}
