import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { plainText } from '../model/text.ts';

export type SshFailure = 'key-changed' | 'key-unknown' | 'auth' | 'busy' | 'unreachable';

// ssh has one exit code (255) for all its own failures, so its text is all there is: it is not translated, and these words have been
// the same since OpenSSH 7. Nothing else in keelson looks at them. The first that is found counts: with a jump host the outer ssh adds
// that its connection was closed.
const TEXTS: readonly (readonly [RegExp, SshFailure])[] = [
  [/REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY DETECTED|Host key for .+ has changed/, 'key-changed'],
  [/No .* host key is known for|Host key verification failed/, 'key-unknown'],
  [
    /Permission denied \(|Too many authentication failures|no more authentication methods|Authentication failed/,
    'auth',
  ],
  [
    /Connection timed out|Operation timed out|Connection refused|No route to host|Could not resolve hostname|Network is unreachable/,
    'unreachable',
  ],
  // What sshd does when too many connections are not yet logged in (MaxStartups), or one address failed too often.
  [
    /kex_exchange_identification:|ssh_exchange_identification:|Not allowed at this time|Connection (?:closed|reset) by/,
    'busy',
  ],
];

export function classify(stderr: string): SshFailure {
  return TEXTS.find(([text]) => text.test(stderr))?.[1] ?? 'unreachable';
}

const CODES = {
  'key-changed': 'host.key-changed',
  'key-unknown': 'host.key-unknown',
  auth: 'host.auth',
  busy: 'host.unreachable',
  unreachable: 'host.unreachable',
} as const;

const MESSAGES: Readonly<Record<SshFailure, string>> = {
  'key-changed': 'shows another host key than the one that is recorded',
  'key-unknown': 'has a host key that is not recorded',
  auth: 'refuses the login',
  busy: 'closes connections before the login',
  unreachable: 'cannot be reached',
};

/** `place` is what a person would give to ssh. */
export function sshError(host: HostId, place: string, stderr: string): KeelsonError {
  const failure = classify(stderr);
  const output = plainText(stderr, 2000);
  const last = output.split('\n').at(-1) ?? '';
  const because = failure === 'unreachable' && last !== '' ? `: ${last}` : '';
  return new KeelsonError(CODES[failure], `${host} (${place}) ${MESSAGES[failure]}${because}`, {
    host,
    ...(output === '' ? {} : { output }),
  });
}

/** Codes as Node gives them to a socket, for a forwarded connection that the far side could not open. */
const FORWARD_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/Connection refused/, 'ECONNREFUSED'],
  [/timed out/, 'ETIMEDOUT'],
  [/No route to host/, 'EHOSTUNREACH'],
  [/Network is unreachable/, 'ENETUNREACH'],
  [/administratively prohibited/, 'EACCES'],
];

/** The reason in a line of ssh's log (`channel 2: open failed: connect failed: Connection refused`); null for other lines. */
export function forwardFailure(line: string): { code: string; text: string } | null {
  const text = /channel \d+: open failed: (.*)/.exec(line)?.[1];
  if (text === undefined) return null;
  return {
    code: FORWARD_TEXTS.find(([pattern]) => pattern.test(text))?.[1] ?? 'ECONNREFUSED',
    text: plainText(text, 200),
  };
}
