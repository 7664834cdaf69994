import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sweepAbandoned } from '../lab/cleanup.ts';
import { describeError } from '../lab/errors.ts';
import { ensureLab, type Lab, listLabs, removeLab } from '../lab/index.ts';
import { chooseDemo, type Demo, demos } from './demo/demos.ts';
import { demoFlags, keelson } from './demo/keelson.ts';
import { writeAndReadKeys } from './demo/keys.ts';
import { linkTo, placesOf, writeShell } from './demo/places.ts';
import { whatNext } from './demo/what-next.ts';
import { describeMissing, prepareLabComputer } from './lib/lab-computer.ts';

// `make demo` and `make demo-down`. Everything is kept outside of the checkout, so that any checkout can go on with it.

const root = join(import.meta.dirname, '..');
const started = performance.now();

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function head(line: string): void {
  say(`\n== ${line}  [${((performance.now() - started) / 1000).toFixed(0)} s]`);
}

async function up(demo: Demo): Promise<number> {
  head('What this computer needs for three lab machines');
  const computer = await prepareLabComputer(indented, demo.content);
  if (computer.is === 'unfit') {
    say('The demo cannot run here:');
    for (const line of describeMissing(computer.missing)) indented(line);
    say('What runs here: make check, which needs no machines.');
    return 1;
  }
  indented(`bundle: ${computer.bundle.dir}`);

  head('Three bare machines: Debian with systemd and sshd, nothing else');
  const lab = await machines(demo);
  const places = placesOf(demo);
  linkTo(computer.bundle.dir, places.bundle);
  linkTo(lab.identityFile, places.sshKey);
  writeShell(root, places.shell, demoFlags(root, demo));
  for (const { name, address } of lab.machines()) indented(`${name}  ${address}`);

  head(`From bare machines to ${demo.becomes}`);
  for (const args of [['hosts', 'trust', '--yes'], ['apply', '--yes'], ['status']]) {
    const code = await keelson(root, demo, args);
    if (code !== 0) {
      say(
        `\n"keelson ${args.join(' ')}" ended with exit code ${code}. The same "make" goes on from here; "make demo-down" removes all.`,
      );
      return code;
    }
  }

  if (demo.content === 'etcd') {
    head('One key through each member');
    await writeAndReadKeys(root, demo, indented);
  }
  head('Done');
  say(whatNext(root, demo));
  return 0;
}

/** The lab as it is. Machines and vault belong together: where one of them is gone, the other one is of no use. */
async function machines(demo: Demo): Promise<Lab> {
  const { vault } = placesOf(demo);
  const isThere = listLabs().some(({ name }) => name === demo.name);
  if (isThere !== existsSync(vault)) {
    if (isThere) indented('its vault is gone, so the machines are made anew');
    await removeLab(demo.name);
    rmSync(vault, { recursive: true, force: true });
  }
  return await ensureLab({ name: demo.name, machines: demo.machines, keep: true, progress: indented });
}

function indented(line: string): void {
  say(`   ${line}`);
}

async function down(): Promise<number> {
  let existed = false;
  for (const demo of demos) {
    existed = (await removeLab(demo.name)) || existed;
    rmSync(placesOf(demo).folder, { recursive: true, force: true });
  }
  await sweepAbandoned(undefined, say);
  say(existed ? 'The demo is removed. The bundle stays in the cache for the next one.' : 'There was no demo.');
  return 0;
}

function upOrRefuse(topology: string): Promise<number> | number {
  const chosen = chooseDemo(topology);
  if (chosen.is === 'demo') return up(chosen.demo);
  say(chosen.why);
  return 1;
}

try {
  const [command, topology = ''] = process.argv.slice(2);
  if (command !== 'up' && command !== 'down') throw new Error('usage: tools/demo.ts up [TOPOLOGY] | down');
  process.exitCode = command === 'up' ? await upOrRefuse(topology) : await down();
} catch (error) {
  process.stderr.write(`demo: ${describeError(error)}\n`);
  process.exitCode = 1;
}
