import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sweepAbandoned } from '../lab/cleanup.ts';
import { describeError } from '../lab/errors.ts';
import { ensureLab, type Lab, listLabs, removeLab } from '../lab/index.ts';
import { demoFlags, keelson } from './demo/keelson.ts';
import { writeAndReadKeys } from './demo/keys.ts';
import { linkTo, places, writeShell } from './demo/places.ts';
import { describeMissing, prepareLabComputer } from './lib/lab-computer.ts';

// `make demo` and `make demo-down`. Everything is kept outside of the checkout, so that any checkout can go on with it.

const root = join(import.meta.dirname, '..');
const labName = 'demo';
const started = performance.now();

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function head(line: string): void {
  say(`\n== ${line}  [${((performance.now() - started) / 1000).toFixed(0)} s]`);
}

async function up(): Promise<number> {
  head('What this computer needs for three lab machines');
  const computer = await prepareLabComputer(indented);
  if (computer.is === 'unfit') {
    say('The demo cannot run here:');
    for (const line of describeMissing(computer.missing)) indented(line);
    say('What runs here: make check, which needs no machines.');
    return 1;
  }
  indented(`bundle: ${computer.bundle.dir}`);

  head('Three bare machines: Debian with systemd and sshd, nothing else');
  const lab = await machines();
  linkTo(computer.bundle.dir, places.bundle);
  linkTo(lab.identityFile, places.sshKey);
  writeShell(root, demoFlags(root));
  for (const { name, address } of lab.machines()) indented(`${name}  ${address}`);

  head('From bare machines to etcd');
  for (const args of [['hosts', 'trust', '--yes'], ['apply', '--yes'], ['status']]) {
    const code = await keelson(root, args);
    if (code !== 0) {
      say(
        `\n"keelson ${args.join(' ')}" ended with exit code ${code}. "make demo" goes on from here; "make demo-down" removes all.`,
      );
      return code;
    }
  }

  head('One key through each member');
  await writeAndReadKeys(root, indented);
  head('Done');
  say(whatNext());
  return 0;
}

/** The lab as it is. Machines and vault belong together: where one of them is gone, the other one is of no use. */
async function machines(): Promise<Lab> {
  const isThere = listLabs().some(({ name }) => name === labName);
  if (isThere !== existsSync(places.vault)) {
    if (isThere) indented('its vault is gone, so the machines are made anew');
    await removeLab(labName);
    rmSync(places.vault, { recursive: true, force: true });
  }
  return await ensureLab({
    name: labName,
    machines: [10, 11, 12].map((last, index) => ({ name: `etcd-${index}`, address: `10.77.0.${last}` })),
    keep: true,
    progress: indented,
  });
}

function indented(line: string): void {
  say(`   ${line}`);
}

function whatNext(): string {
  return `
What to try next. First, in this shell, from ${root}:

  . ${places.shell}                                   # "keelson" is now the command for this cluster

  keelson plan                                                    # nothing to do
  npm run lab -- ssh demo etcd-1 -- chmod 644 /etc/kubernetes/pki/etcd/server.key
  keelson plan --diff                                             # finds it
  keelson apply                                                   # repairs it, and asks before
  npm run lab -- fault demo etcd-2 power-off
  keelson status                                                  # two of three, and what that means
  npm run lab -- fault demo etcd-2 boot
  keelson runs                                                    # what was done, when and by whom

  make demo-down                                                  # removes machines, network and vault
`;
}

async function down(): Promise<number> {
  const existed = await removeLab(labName);
  rmSync(places.folder, { recursive: true, force: true });
  await sweepAbandoned(undefined, say);
  say(existed ? 'The demo is removed. The bundle stays in the cache for the next one.' : 'There was no demo.');
  return 0;
}

try {
  const [command] = process.argv.slice(2);
  if (command !== 'up' && command !== 'down') throw new Error('usage: tools/demo.ts up|down');
  process.exitCode = command === 'up' ? await up() : await down();
} catch (error) {
  process.stderr.write(`demo: ${describeError(error)}\n`);
  process.exitCode = 1;
}
