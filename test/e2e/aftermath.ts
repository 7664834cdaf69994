import type { Machine } from '../../lab/index.ts';
import type { TestCluster } from './harness.ts';
import { type TreeEntry, treeOf } from './machine-state.ts';

/** What an installation leaves on one machine, without what differs between two that are equally right. */
export interface Outcome {
  /** `PATH TYPE MODE OWNER` of everything below the folders that keelson writes. */
  readonly files: readonly string[];
  /** Content of every text file that is no certificate, with identities replaced by words. */
  readonly texts: Readonly<Record<string, string>>;
}

const FOLDERS = [
  '/etc/keelson',
  '/etc/kubernetes',
  '/etc/systemd/system',
  '/etc/containerd',
  '/usr/local',
  '/opt',
] as const;
const SECRETS = /\.(?:crt|key)$/;

export async function outcomeOf(machine: Machine): Promise<Outcome> {
  const files: string[] = [];
  const texts: Record<string, string> = {};
  for (const [path, entry] of await treeOf(machine, FOLDERS, ['/etc/keelson'])) {
    files.push(describe(path, entry));
    if (isText(path, entry)) texts[path] = normalised(await machine.readFile(path));
  }
  return { files: files.sort(), texts };
}

function describe(path: string, entry: TreeEntry): string {
  return `${path} ${entry.type} ${entry.mode} ${entry.owner}`;
}

function isText(path: string, entry: TreeEntry): boolean {
  return entry.type === 'file' && !SECRETS.test(path) && /^\/etc\/(?:keelson|kubernetes|containerd)\//.test(path);
}

/** Token, uid and ids are made anew for each cluster. */
function normalised(text: string): string {
  return text
    .replace(/lab-[0-9a-f]{16}/g, 'TOKEN')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replace(/"(machineId|etcdClusterId)": "[0-9a-f]+"/g, '"$1": ID');
}

/** Everything of earlier runs that still works, or lies about, on the machines. Nothing may. */
export async function remainsOf(cluster: TestCluster): Promise<string[]> {
  const found: string[] = [];
  for (const machine of cluster.machines()) {
    const { stdout } = await machine.exec(['sh', '-c', REMAINS], { allowFailure: true });
    found.push(
      ...stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => `${machine.name}: ${line}`),
    );
  }
  return found;
}

const REMAINS = [
  `systemctl list-units --all --plain --no-legend 'keelson-2*' | sed 's/^/unit /'`,
  // Shells of a tool that was killed end by themselves when their connection is found to be gone.
  `pgrep -fa 'keelson-(fence|hello)' | grep -v pgrep | sed 's/^/process /'`,
  `find /etc /usr/local /opt /var/lib/keelson -name '.keelson-*' -o -name '*.keelson.*' 2>/dev/null | sed 's/^/file /'`,
  `find /run/keelson /run -maxdepth 1 -name 'keelson-*' ! -name keelson-lab 2>/dev/null | sed 's/^/file /'`,
  `[ -f /var/lib/keelson/lock ] && echo 'lock held'`,
].join('\n');
