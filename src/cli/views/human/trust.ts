import type { HostKeyScan, ScannedHost } from '../../../operations/trust.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';
import { harmless } from './text.ts';

export function hostKeyLines({ scanned }: HostKeyScan, style: Style): string[] {
  const rows = scanned.map((host) => ({ host, twins: twinsOf(host, scanned) }));
  return [
    ...table(
      [
        { head: 'HOST', cell: ({ host }) => host.host ?? 'jump host' },
        { head: 'ADDRESS', cell: ({ host }) => harmless(host.place) },
        { head: 'KEY', cell: ({ host }) => keyText(host) },
        { head: 'STATE', cell: ({ host }) => stateText(host, style) },
      ],
      rows,
      style,
    ),
    ...rows
      .filter(({ twins }) => twins.length > 0)
      .map(({ host, twins }) =>
        style.yellow(
          `! ${host.host ?? host.place} shows the same key as ${twins.join(', ')}: one machine under two names, or clones`,
        ),
      ),
  ];
}

function keyText({ result }: ScannedHost): string {
  if (result.is === 'failed') return '-';
  return result.keys
    .map(({ type, fingerprint }) => `${fingerprint} (${type.replace(/^ssh-|-sha2-nistp256$/, '')})`)
    .join(', ');
}

function stateText({ result }: ScannedHost, style: Style): string {
  if (result.is === 'failed') return style.red(harmless(result.error.message.split('\n')[0] ?? ''));
  if (result.recorded === 'changed') return style.red('NOT the recorded key');
  if (result.matches === false) return style.red('NOT the expected key');
  if (result.recorded === 'same') return style.green('on record');
  return result.matches === true ? 'as expected' : style.yellow('not on record');
}

function twinsOf(host: ScannedHost, all: readonly ScannedHost[]): string[] {
  const own = fingerprints(host);
  return all
    .filter((other) => other !== host && other.host !== host.host && fingerprints(other).some((f) => own.includes(f)))
    .map((other) => other.host ?? other.place);
}

function fingerprints({ result }: ScannedHost): string[] {
  return result.is === 'seen' ? result.keys.map((k) => k.fingerprint) : [];
}
