import type { MeasuredCommand } from '../lib/measured.ts';
import type { Site } from '../lib/site.ts';

/** One way from three machines with their software to a healthy etcd. */
export interface Contender {
  readonly name: 'shell-serial' | 'shell-parallel' | 'shell-parallel-ecdsa' | 'ansible' | 'keelson';
  /** For the report: version and settings. */
  readonly description: string;
  /** What a person has ready before: files written, host keys recorded. Gives the command that the clock measures. */
  readonly prepare: (site: Site) => Promise<MeasuredCommand>;
}

/** The environment of every case. */
export function cleanEnvironment(site: Pick<Site, 'home'>, path = ''): Record<string, string> {
  const system = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return { PATH: path === '' ? system : `${path}:${system}`, HOME: site.home, LANG: 'C.UTF-8' };
}
