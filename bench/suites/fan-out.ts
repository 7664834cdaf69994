import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeConfig } from '../contenders/keelson.ts';
import { cleanEnvironment } from '../contenders/types.ts';
import type { MeasuredCommand } from '../lib/measured.ts';
import { createSite, type Site, settle } from '../lib/site.ts';
import { libraryPlan, parseLibraryPlan } from './library-plan.ts';
import { measured } from './no-op.ts';
import { runRounds } from './rounds.ts';
import type { Suite } from './types.ts';

const HOSTS = 100;
/** As many connections at a time as keelson allows itself, so that a default sshd takes them all. */
const AT_A_TIME = 8;
/** Each takes long, and most of it is the one machine's work. */
const MOST_ROUNDS = 5;

/**
 * All facts of 100 hosts that are 100 addresses of one machine's sshd, with its default MaxStartups. A cluster.yaml of so many
 * members is refused, and so are machines with one machine-id; so the library plans, and what is measured ends with the verdict.
 * On a machine with kubeadm each host's facts include two manifests made by it, all by the one machine; on a bare one they do not.
 */
export const fanOutSuite: Suite = {
  name: 'fan-out',
  run: async (bench) => {
    await using site = await createSite({ ...bench, name: 'bench-many', machines: ['many'] });
    await using bare = await createSite({ ...bench, name: 'bench-bare', machines: ['many'], bare: true });
    const addresses = await addAddresses(site);
    const onBare = await addAddresses(bare);
    for (const one of [site, bare]) {
      writeConfig(one, bench.kubernetesVersion);
      await settle(one.lab.name);
    }
    const cases = [
      {
        name: 'keelson-facts-100',
        run: () => measured(libraryPlan(site, addresses), site, bench, parseLibraryPlan),
      },
      {
        name: 'keelson-bare-100',
        run: () => measured(libraryPlan(bare, onBare), bare, bench, parseLibraryPlan),
      },
      // The floor: a login and `true`, nothing read and nothing kept.
      { name: 'xargs-ssh-100', run: () => measured(xargs(bare, onBare), bare, bench, () => ({})) },
    ];
    await runRounds('fan-out', cases, bench, Math.min(bench.rounds, MOST_ROUNDS));
  },
};

async function addAddresses(site: Site): Promise<string[]> {
  const [machine] = site.machines;
  if (machine === undefined) throw new Error('the lab has no machine');
  const network = machine.address.split('.').slice(0, 3).join('.');
  const addresses = Array.from({ length: HOSTS }, (_, index) => `${network}.${100 + index}`);
  const batch = addresses.map((address) => `addr add ${address}/24 dev host0\n`).join('');
  await machine.exec(['ip', '-batch', '-'], { stdin: batch });
  const keys = machine.hostKeys();
  const lines = addresses.flatMap((address) => keys.map((key) => `${address} ${key}\n`)).join('');
  appendFileSync(site.knownHosts, lines);
  const vault = join(site.folder, '.keelson/bench');
  mkdirSync(vault, { recursive: true, mode: 0o700 });
  writeFileSync(join(vault, 'known_hosts'), lines, { mode: 0o600 });
  return addresses;
}

function xargs(site: Site, addresses: readonly string[]): MeasuredCommand {
  const list = join(site.folder, 'addresses');
  writeFileSync(list, `${addresses.join('\n')}\n`);
  const ssh = `ssh -F ${site.sshConfig} -o ControlMaster=no -o ControlPath=none`;
  return {
    argv: ['sh', '-c', `xargs -a ${list} -P ${AT_A_TIME} -I % ${ssh} % true`],
    cwd: site.folder,
    env: cleanEnvironment(site),
  };
}
