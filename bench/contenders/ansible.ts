import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, run } from '../../lab/command.ts';
import { benchCache } from '../lib/python.ts';
import type { Site } from '../lib/site.ts';
import { writeProcedureFiles } from './files.ts';
import { type Contender, cleanEnvironment } from './types.ts';

const VERSION = '2.19.14';
const settings =
  'pipelining, ControlPersist, forks 50, no fact gathering, fixed interpreter, piped transfer, linear strategy';

export type AnsibleFound =
  | { readonly is: 'there'; readonly programs: string; readonly version: string }
  | { readonly is: 'missing'; readonly because: string };

/** A virtual environment of the benchmark's own, made once; else whatever this computer has. */
export async function ensureAnsible(): Promise<AnsibleFound> {
  const folder = join(benchCache(), `ansible-${VERSION}`);
  const because = existsSync(folder) ? undefined : await install(folder);
  if (because === undefined) return await found(join(folder, 'bin'));
  const own = await attempt(['sh', '-c', 'command -v ansible-playbook']);
  if (own.code === 0) return await found(join(own.stdout.trim(), '..'));
  return { is: 'missing', because };
}

async function found(programs: string): Promise<AnsibleFound> {
  const said = await attempt([join(programs, 'ansible-playbook'), '--version']);
  const version = /core ([\d.]+)/.exec(said.stdout)?.[1];
  if (said.code === 0 && version !== undefined) return { is: 'there', programs, version };
  return { is: 'missing', because: said.stderr.trim() };
}

/** Answers why it could not, or nothing. The environment's own paths are in its files, so it is made where it stays. */
async function install(folder: string): Promise<string | undefined> {
  mkdirSync(benchCache(), { recursive: true });
  const python = await attempt(['sh', '-c', `PATH="$0" command -v python3`, process.env.PATH ?? '']);
  try {
    await run([python.stdout.trim() || 'python3', '-m', 'venv', folder], { timeoutMs: 120_000 });
    const pip = join(folder, 'bin/pip');
    await run([pip, 'install', '-q', '--disable-pip-version-check', `ansible-core==${VERSION}`], {
      timeoutMs: 300_000,
    });
    return undefined;
  } catch (error) {
    const broken = `${folder}.broken`;
    rmSync(broken, { recursive: true, force: true });
    if (existsSync(folder)) renameSync(folder, broken);
    rmSync(broken, { recursive: true, force: true });
    return (error as Error).message;
  }
}

export function ansibleContender(ansible: AnsibleFound & { is: 'there' }, kubernetesVersion: string): Contender {
  return {
    name: 'ansible',
    description: `ansible-core ${ansible.version}, a playbook of the same work (bench/contenders/playbook.yml): ${settings}`,
    prepare: async (site) => {
      const files = writeProcedureFiles(site, kubernetesVersion, 'ecdsa');
      writeFileSync(join(site.folder, 'ansible.cfg'), configOf(site));
      writeFileSync(
        join(site.folder, 'inventory.ini'),
        `[etcd]\n${site.machines.map(({ name }) => name).join('\n')}\n`,
      );
      return playbook(site, ansible, files, []);
    },
  };
}

/** The playbook again, on machines for which the contender was prepared. */
export function ansibleAgain(site: Site, ansible: AnsibleFound & { is: 'there' }, flags: readonly string[]) {
  return playbook(site, ansible, join(site.folder, 'files'), flags);
}

function playbook(site: Site, ansible: AnsibleFound & { is: 'there' }, files: string, flags: readonly string[]) {
  const program = join(ansible.programs, 'ansible-playbook');
  const book = join(import.meta.dirname, 'playbook.yml');
  const argv: [string, ...string[]] = [program, '-i', 'inventory.ini', '-e', `files=${files}`, ...flags, book];
  return { argv, cwd: site.folder, env: { ...cleanEnvironment(site, ansible.programs), ANSIBLE_NOCOLOR: '1' } };
}

function configOf(site: Site): string {
  return `[defaults]
forks = 50
gathering = explicit
interpreter_python = /usr/bin/python3
inject_facts_as_vars = False
retry_files_enabled = False
[ssh_connection]
pipelining = True
transfer_method = piped
ssh_args = -F ${site.sshConfig} -o ControlMaster=auto -o ControlPersist=60s
control_path = ${site.folder}/ansible-%%h
`;
}
