import { attempt } from './command.ts';
import { LabError } from './errors.ts';

export interface DebianMirror {
  readonly uri: string;
  /** For messages: an address may hold credentials. */
  readonly host: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** The mirror from which this computer itself installs Debian, with the proxy that its apt uses. */
export async function debianMirror(suite: string): Promise<DebianMirror> {
  const format = '$(REPO_URI) $(ORIGIN) $(CODENAME) $(COMPONENT)';
  const targets = await attempt(['apt-get', 'indextargets', '--format', format]);
  const uri = process.env.KEELSON_DEBIAN_MIRROR ?? chooseMirror(targets.stdout, suite);
  if (uri === undefined) {
    throw new LabError(
      'lab-no-debian-mirror',
      "This computer's apt configuration names no Debian mirror.",
      'Run "apt-get update" first, or name a mirror in KEELSON_DEBIAN_MIRROR.',
    );
  }
  const settings = await attempt(['apt-config', 'dump']);
  return { uri, host: hostOf(uri), environment: proxyEnvironment(settings.stdout) };
}

/** The first mirror of this suite; else any mirror of Debian's main archive, which holds all supported suites. */
export function chooseMirror(indexTargets: string, suite: string): string | undefined {
  const targets = indexTargets
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([uri, origin, , component]) =>
        /^(https?|file|copy):/.test(uri ?? '') && origin === 'Debian' && component === 'main',
    );
  const main = targets.filter(([, , codename]) => !/[-/](security|updates|backports|debug)/.test(codename ?? ''));
  return (main.find(([, , codename]) => codename === suite) ?? main[0])?.[0];
}

/** Reads the output of `apt-config dump`. debootstrap's downloads follow the environment, not apt's settings. */
export function proxyEnvironment(settings: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const scheme of ['http', 'https']) {
    const value = new RegExp(`^Acquire::${scheme}::proxy "([^"]+)";$`, 'im').exec(settings)?.[1];
    if (value !== undefined && value !== 'DIRECT') found[`${scheme}_proxy`] = value;
  }
  return found;
}

function hostOf(uri: string): string {
  try {
    const { host, protocol } = new URL(uri);
    return host === '' ? protocol.replace(':', '') : host;
  } catch {
    return "this computer's mirror";
  }
}
