import { homedir } from 'node:os';
import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';

/** How one machine is logged in to. */
export interface SshTarget {
  id: HostId;
  /** An IP address, or a name that the user's ssh_config may explain. */
  address: string;
  user?: string;
  port?: number;
  /** Absolute, or with `~/`. */
  identityFile?: string;
  /** As ssh -J takes it; `none` switches one from ssh_config off. */
  proxyJump?: string;
  /** The fingerprint that the machine's key must have: `SHA256:...`. */
  hostKey?: string;
  become?: 'sudo';
}

export interface JumpHost {
  user: string | undefined;
  host: string;
  port: number;
}

const ADDRESS = /^[A-Za-z0-9_:][A-Za-z0-9_.:%-]*$/;
const USER = /^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*$/;
const JUMP =
  /^(?:(?<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?(?<host>[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.%]+\])(?::(?<port>\d{1,5}))?$/;

/** The configuration has been checked already; here it is about what must never become an option of ssh. */
export function checkTarget(target: SshTarget): void {
  const wrong =
    !ADDRESS.test(target.address) ||
    (target.user !== undefined && !USER.test(target.user)) ||
    (target.port !== undefined && !(Number.isInteger(target.port) && target.port > 0 && target.port < 65_536)) ||
    (target.identityFile !== undefined && /\p{Cc}|^-|"/u.test(target.identityFile));
  if (wrong)
    throw new KeelsonError(
      'internal',
      `${target.id} has an address, user, port or key file that ssh must not be given`,
    );
  jumpsOf(target);
}

/** The jump hosts in the order in which they are passed. */
export function jumpsOf(target: SshTarget): JumpHost[] {
  if (target.proxyJump === undefined || target.proxyJump === 'none') return [];
  return target.proxyJump.split(',').map((text) => {
    const groups = JUMP.exec(text)?.groups;
    if (groups?.host === undefined)
      throw new KeelsonError('internal', `${target.id} has a jump host that ssh must not be given`);
    const { user, host, port } = groups;
    return { user, host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? 22) };
  });
}

export function expandHome(path: string): string {
  return path.startsWith('~/') ? `${homedir()}${path.slice(1)}` : path;
}

/** `[10.0.0.1]:2222`, as ssh writes it in known_hosts; without brackets for port 22. */
export function knownHostsName(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}
