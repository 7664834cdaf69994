import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Machine } from '../../lab/index.ts';
import { parseEvent } from './events.ts';
import { createTestCluster, type TestCluster } from './harness.ts';
import type { Ran } from './keelson-process.ts';
import { ofAll, processesOf, type Tree, treeOf } from './machine-state.ts';

const FOLDERS = ['/etc', '/usr', '/opt', '/var', '/srv'];
/** What a running system writes by itself, and the numbers that keep old runs out. */
const NOISE =
  /^\/(?:var\/log\/(?!pods|containers)|var\/lib\/(?:systemd|dpkg|apt|dbus|private)(?:\/|$)|var\/cache|var\/tmp|etc\/(?:resolv\.conf|mtab|\.pwd\.lock))/;
const FENCE = ['/var/lib/keelson', '/var/lib/keelson/.flock', '/var/lib/keelson/fence', '/var/lib/keelson/last'];

async function lookAt(machine: Machine): Promise<Tree> {
  return treeOf(machine, FOLDERS, ['/etc']);
}

/** Paths that came or went, and files that are not what they were. */
function differences(before: Tree, after: Tree): string[] {
  const found: string[] = [];
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    if (NOISE.test(path)) continue;
    const [old, now] = [before.get(path), after.get(path)];
    if (old === undefined) found.push(`${path} is left`);
    else if (now === undefined) found.push(`${path} is gone`);
    else if (old.type !== now.type || old.mode !== now.mode || old.owner !== now.owner || old.sha256 !== now.sha256)
      found.push(`${path} is not as it was`);
  }
  return found.sort();
}

/** Processes and mounts of containers, and units of keelson's. */
async function stillThere(machine: Machine): Promise<string[]> {
  const script = [
    `ps -eo comm= | grep -E '^(etcd|kubelet|containerd|pause|runc)' | sort -u | sed 's/^/process /'`,
    `grep -E ' /(run/containerd|var/lib/(kubelet|containerd|etcd))' /proc/mounts | cut -d' ' -f2 | sed 's/^/mount /'`,
    `systemctl list-units --all --plain --no-legend 'keelson-2*' kubelet.service containerd.service | sed 's/ .*//; s/^/unit /'`,
  ].join('\n');
  const { stdout } = await machine.exec(['sh', '-c', script], { allowFailure: true });
  return stdout.split('\n').filter((line) => line !== '');
}

/** A reset that is killed as soon as it has told so many lines about a machine. */
async function killedReset(cluster: TestCluster, lines: number): Promise<Ran> {
  let told = 0;
  const running = cluster.start(['reset', '--confirm', 'lab', '-o', 'json'], {
    onLine: (line) => {
      if (parseEvent(line)?.type !== 'step.note') return;
      told += 1;
      if (told === lines) running.kill('SIGKILL');
    },
  });
  return running.done;
}
const KILLED = 137;

describe('a cluster whose software came from a bundle', () => {
  const names = ['etcd-0', 'etcd-1', 'etcd-2'];
  let cluster: TestCluster;
  let bare: Readonly<Record<string, Tree>>;
  beforeAll(async () => {
    cluster = await createTestCluster({ name: 'e2e-reset', source: 'bundle' });
    bare = await ofAll(cluster.machines(), lookAt);
    await cluster.install();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('one member alone is refused, and so is everything without the cluster’s name', async () => {
    const before = await ofAll(cluster.machines(), processesOf);
    const alone = await cluster.keelsonEnds(5, ['reset', 'etcd-1', '--confirm', 'lab']);
    expect(alone.stderr).toContain('reset.current-member');
    await cluster.keelsonEnds(1, ['reset', '--confirm', 'other']);
    await cluster.keelsonEnds(1, ['reset']);
    await cluster.keelsonEnds(1, ['reset', '--yes']);
    await cluster.keelsonEnds(1, ['reset', 'etcd-9', '--confirm', 'lab']);
    expect(await ofAll(cluster.machines(), processesOf)).toEqual(before);
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  });

  it('with a machine of another cluster among them, none is touched', async () => {
    const machine = cluster.machine('etcd-2');
    const record = await machine.readFile('/etc/keelson/host.json');
    const uid = /"clusterUid": "([0-9a-f-]+)"/.exec(record)?.[1] ?? '';
    await machine.writeFile('/etc/keelson/host.json', record.replace(uid, '00000000-0000-4000-8000-000000000000'));
    const before = await ofAll(cluster.machines(), processesOf);
    const ran = await cluster.keelsonEnds(5, ['reset', '--confirm', 'lab']);
    expect(ran.stderr).toContain('safety.foreign-host');
    expect(await ofAll(cluster.machines(), processesOf)).toEqual(before);
    await machine.writeFile('/etc/keelson/host.json', record);
  });

  it('with containers of somebody else in keelson’s containerd, their machine is not touched, and cleared when they are gone', async () => {
    const machine = cluster.machine('etcd-0');
    const ctr = (words: string) => machine.exec(['sh', '-c', `ctr -n k8s.io ${words} 2>&1`], { allowFailure: true });
    await ctr('run -d registry.k8s.io/pause:3.10.2 theirs');
    const before = await processesOf(machine);
    const ran = await cluster.keelsonEnds(5, ['reset', '--confirm', 'lab']);
    expect(ran.stderr).toContain('k8s.io/theirs');
    expect(await processesOf(machine)).toEqual(before);
    for (const words of ['tasks kill -s KILL theirs', 'tasks rm -f theirs', 'containers rm theirs']) await ctr(words);
    // The others were cleared beside it.
    const rest = await cluster.keelsonEnds(0, ['reset', '--confirm', 'lab']);
    expect(rest.stderr).toMatch(/retired-/);
    await cluster.keelsonEnds(0, ['apply', '--yes']);
  });

  it('killed again and again, takes away all that keelson made, and nothing else', async () => {
    const strange = [
      '/etc/kubernetes/pki/sa.key',
      '/var/lib/etcd/notes.txt',
      '/opt/cni/bin/ours',
      '/etc/containerd/ours.toml',
    ];
    for (const path of strange) await cluster.machine('etcd-1').writeFile(path, 'somebody’s\n', 0o600);
    await cluster.machine('etcd-1').writeFile('/etc/kubernetes/pki/etcd/.keelson-tmp-1', 'half of a key\n', 0o600);
    await cluster.machine('etcd-2').writeFile('/usr/local/bin/kubeadm', '#!/bin/sh\n', 0o755);
    // A kubelet that is down ends nothing.
    await cluster.machine('etcd-2').exec(['systemctl', 'stop', 'kubelet']);

    // The machines are worked on side by side: each attempt gets a little further on one or another.
    for (const lines of [1, 2, 1, 3]) expect((await killedReset(cluster, lines)).exitCode).toBe(KILLED);
    const last = await cluster.keelsonEnds(0, ['reset', '--confirm', 'lab']);
    expect(last.stderr).toMatch(/retired-/);

    const after = await ofAll(cluster.machines(), lookAt);
    const folders = [
      '/etc/containerd',
      '/etc/kubernetes',
      '/etc/kubernetes/pki',
      '/opt/cni',
      '/opt/cni/bin',
      '/var/lib/etcd',
    ];
    const left: Record<string, string[]> = {
      'etcd-0': FENCE,
      'etcd-1': [...FENCE, ...strange, ...folders],
      'etcd-2': [...FENCE, '/usr/local/bin/kubeadm'],
    };
    for (const name of names) {
      const [old, now] = [bare[name], after[name]];
      if (old === undefined || now === undefined) throw new Error(`${name} was not looked at`);
      expect([name, differences(old, now)]).toEqual([name, left[name]?.map((path) => `${path} is left`).sort()]);
      expect([name, await stillThere(cluster.machine(name))]).toEqual([name, []]);
    }
    for (const path of strange) expect(await cluster.machine('etcd-1').readFile(path)).toBe('somebody’s\n');
    expect(readdirSync(cluster.vault).filter((name) => name.endsWith('.age'))).toEqual([]);
    await cluster.machine('etcd-1').exec(['rm', '-rf', '/etc/kubernetes', '/var/lib/etcd']);
    await cluster.machine('etcd-2').exec(['rm', '/usr/local/bin/kubeadm']);
  });

  it('then there is nothing to do, and it says so', async () => {
    const ran = await cluster.keelsonEnds(0, ['reset', '--confirm', 'lab']);
    expect(`${ran.stdout}${ran.stderr}`).toMatch(
      /etcd-0 carries no record of keelson: there is nothing to do\n\s+the same on etcd-1 and etcd-2\n/,
    );
  });

  it('the machines can become a cluster again', async () => {
    const number = Number(await cluster.machine('etcd-0').readFile('/var/lib/keelson/fence'));
    await cluster.keelsonEnds(0, ['apply', '--yes']);
    expect((await cluster.document(0, ['status'])).etcd.quorum.healthy).toBe(3);
    expect(Number(await cluster.machine('etcd-0').readFile('/var/lib/keelson/fence'))).toBeGreaterThan(number);
  });

  it('a machine that is gone is left out by name, and cleared when it is back', async () => {
    await cluster.machine('etcd-1').powerOff();
    const refused = await cluster.keelson(['reset', '--confirm', 'lab']);
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toContain('--except etcd-1');
    await cluster.keelsonEnds(0, ['reset', '--confirm', 'lab', '--except', 'etcd-1']);
    for (const name of ['etcd-0', 'etcd-2']) expect(await stillThere(cluster.machine(name))).toEqual([]);
    await cluster.machine('etcd-1').boot();
    await cluster.keelsonEnds(0, ['reset', '--confirm', 'lab']);
    expect(await stillThere(cluster.machine('etcd-1'))).toEqual([]);
    expect(readdirSync(cluster.vault).filter((name) => name.endsWith('.age'))).toEqual([]);
  });
});

describe('one machine whose programs were there before, with a disk of its own for etcd', () => {
  let cluster: TestCluster;
  let before: Tree;
  let containerd: unknown;
  beforeAll(async () => {
    cluster = await createTestCluster({
      name: 'e2e-reset-kept',
      source: 'preinstalled',
      machines: [{ name: 'etcd-0' }],
    });
    const machine = cluster.machine('etcd-0');
    await machine.exec(['sh', '-c', 'mkdir -p /srv/disk /var/lib/etcd && mount --bind /srv/disk /var/lib/etcd']);
    before = await lookAt(machine);
    containerd = (await processesOf(machine)).containerd;
    await cluster.install();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('keeps its programs, its containerd and its disk, which is empty', async () => {
    const machine = cluster.machine('etcd-0');
    await cluster.keelsonEnds(0, ['reset', '--confirm', 'lab']);
    const found = differences(before, await lookAt(machine)).filter(
      (line) =>
        !/^\/var\/(?:lib\/(?:kubelet|containerd)|log\/(?:pods|containers))|^\/usr\/libexec\/kubernetes/.test(line),
    );
    // The kubelet was enabled, and is not. Folders that were there before keep the modes that keelson gave them: 0700.
    const tightened = ['/etc/kubernetes/manifests', '/srv/disk', '/var/lib/etcd'];
    expect(found.filter((line) => !line.endsWith('/kubelet.service is gone'))).toEqual(
      [...FENCE.map((path) => `${path} is left`), ...tightened.map((path) => `${path} is not as it was`)].sort(),
    );
    expect((await processesOf(machine)).containerd).toEqual(containerd);
    expect((await machine.exec(['sh', '-c', 'ls -A /srv/disk; mountpoint -q /var/lib/etcd'])).stdout).toBe('');
    const pods = await machine.exec([
      'sh',
      '-c',
      `ctr -n k8s.io containers ls -q 2>/dev/null; ctr -n k8s.io sandboxes ls 2>/dev/null | tail -n +2; ls /var/lib/kubelet/pods; ls /var/log/pods; systemctl is-active kubelet; systemctl is-enabled kubelet; true`,
    ]);
    expect(pods.stdout.split('\n').filter((line) => line !== '')).toEqual(['inactive', 'disabled']);
  });
});

describe('one machine that got its programs as packages', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({ name: 'e2e-reset-apt', source: 'packages', machines: [{ name: 'etcd-0' }] });
    // The package brings no configuration, and a lab machine may not lower any oom_score_adj.
    const runtime = `version = 3\n[plugins.'io.containerd.cri.v1.runtime']\n  restrict_oom_score_adj = true\n`;
    await cluster.machine('etcd-0').writeFile('/etc/containerd/config.toml', runtime);
    await cluster.install();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('keeps the packages, no longer held, and loses their source; no kubelet comes up by itself', async () => {
    const machine = cluster.machine('etcd-0');
    const ask = async (script: string): Promise<string> =>
      (await machine.exec(['sh', '-c', `${script}; true`])).stdout.trim();
    const installed = await ask(`dpkg-query -W -f '\${Package} \${Version}\n' kubelet kubeadm containerd`);
    expect(await ask('apt-mark showhold')).toContain('kubelet');
    await cluster.keelsonEnds(0, ['reset', '--confirm', 'lab']);
    expect(await ask(`dpkg-query -W -f '\${Package} \${Version}\n' kubelet kubeadm containerd`)).toBe(installed);
    expect(await ask('apt-mark showhold')).toBe('');
    expect(await ask('ls /etc/apt/sources.list.d/keelson.sources /etc/apt/keyrings/keelson.asc 2>/dev/null')).toBe('');
    expect(await ask('systemctl is-enabled kubelet; systemctl is-active kubelet containerd')).toBe(
      'disabled\ninactive\nactive',
    );
    expect(await ask('ls -d /var/lib/kubelet /var/lib/etcd /etc/keelson 2>/dev/null; pgrep -a etcd')).toBe('');
    expect(await machine.readFile('/etc/containerd/config.toml')).toContain('restrict_oom_score_adj');
    await machine.reboot();
    expect(await ask('pgrep -a "etcd|kubelet"')).toBe('');
  });
});
