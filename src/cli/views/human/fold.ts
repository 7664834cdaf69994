import type { Finding } from '../../../model/finding.ts';
import type { HostId } from '../../../model/ids.ts';

/** One finding, and the other machines of which the same was found. */
export interface Folded {
  finding: Finding;
  others: readonly HostId[];
}

/** What is the same but for the machine's own name and login is told once. Programs get every finding by itself. */
export function fold(findings: readonly Finding[]): Folded[] {
  return [...Map.groupBy(findings, keyOf).values()].flatMap((same) => {
    const [finding, ...more] = same;
    if (finding === undefined) return [];
    const hosts = more.map((f) => f.host).filter((host) => host !== undefined);
    return [{ finding, others: [...new Set(hosts)].filter((host) => host !== finding.host) }];
  });
}

function keyOf({ code, severity, host, message, action }: Finding): string {
  return JSON.stringify([code, severity, host !== undefined, of(message, host), of(action, host)]);
}

function of(text: string, host: HostId | undefined): string {
  if (host === undefined) return text;
  // Names are of letters, digits and hyphens; etcd-1 is no part of etcd-10.
  const name = new RegExp(`(?<![\\w-])${host}(?![\\w-])(?: \\([^() ]+@([^() ]+)\\))?`, 'g');
  const places = [...text.matchAll(name)].flatMap((match) => match[1] ?? []);
  // ssh tells the login's address once more: `Connection to 10.77.0.10 port 22 timed out`.
  const addresses = places.map((place) => place.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''));
  return addresses.reduce(
    (told, address) => told.replaceAll(` ${address} port `, ' \0 port '),
    text.replace(name, '\0'),
  );
}
