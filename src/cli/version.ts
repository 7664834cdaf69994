import manifest from '../../package.json' with { type: 'json' };

export interface VersionReport {
  version: string;
  node: string;
  platform: string;
}

export function versionReport(): VersionReport {
  return { version: manifest.version, node: process.version, platform: `${process.platform}-${process.arch}` };
}

export function versionText(): string {
  return `keelson ${manifest.version}`;
}
