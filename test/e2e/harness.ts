import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ensureBundle } from '../../lab/bundle/index.ts';
import { createLab, type Lab, type LabOptions, type Machine } from '../../lab/index.ts';
import { containerdConfig } from '../../lab/kubernetes-units.ts';
import { clientCredentials, type EtcdGateway, etcdGateway } from './etcd-gateway.ts';
import { ended, type Ran, type Running, type StartOptions, startAtTerminal, startKeelson } from './keelson-process.ts';

/** cluster.yaml as plain data, for tests that change it. */
// biome-ignore lint/suspicious/noExplicitAny: tests also write files that are wrong
export type ClusterYaml = any;

export interface TestClusterOptions {
  /** The lab's name: each test file has its own. */
  readonly name: string;
  /** `bundle` begins with bare machines; with `packages` the lab serves them, and the images are there as if pulled. */
  readonly source?: 'bundle' | 'preinstalled' | 'packages';
  /** etcd-0, etcd-1 and etcd-2 by default. */
  readonly machines?: LabOptions['machines'];
  readonly ipv6?: boolean;
  /** What the bundle holds; for etcd alone by default. */
  readonly content?: 'etcd' | 'cluster';
  /** Changes cluster.yaml before it is written. */
  readonly config?: (file: ClusterYaml, lab: Lab) => void | Promise<void>;
}

type RunOptions = Omit<StartOptions, 'cwd'>;

/** Lab machines, a cluster.yaml for them, and keelson as a person at a computer runs it. */
export interface TestCluster extends AsyncDisposable {
  readonly lab: Lab;
  /** With cluster.yaml; the working directory of every command. */
  readonly folder: string;
  /** The user's home: the age identity is below. */
  readonly home: string;
  readonly configFile: string;
  readonly vault: string;
  readonly identityFile: string;
  readonly machines: () => readonly Machine[];
  readonly machine: (name: string) => Machine;
  readonly editConfig: (change: (file: ClusterYaml) => void) => void;
  readonly start: (args: readonly string[], options?: RunOptions) => Running;
  readonly keelson: (args: readonly string[], options?: RunOptions) => Promise<Ran>;
  /** At a terminal, with the answers that are typed there in order. */
  readonly atTerminal: (args: readonly string[], answers: Parameters<typeof startAtTerminal>[1]) => Promise<Ran>;
  /** Fails unless it ends as wanted. */
  readonly keelsonEnds: (exitCode: number, args: readonly string[], options?: RunOptions) => Promise<Ran>;
  /** Runs it with `-o json` and gives its document. */
  readonly document: (exitCode: number, args: readonly string[]) => Promise<ClusterYaml>;
  /** Host keys, then `apply --yes`. */
  readonly install: () => Promise<Ran>;
  /** One for each member, with what its machine has to ask it; the same as long as the test runs. */
  readonly gateways: (names?: readonly string[]) => Promise<readonly EtcdGateway[]>;
}

export async function createTestCluster(options: TestClusterOptions): Promise<TestCluster> {
  const source = options.source ?? 'preinstalled';
  const bundle = await ensureBundle(options.content === undefined ? {} : { content: options.content });
  const lab = await createLab({
    name: options.name,
    machines: options.machines ?? ['etcd-0', 'etcd-1', 'etcd-2'].map((name) => ({ name })),
    ...(options.ipv6 === undefined ? {} : { ipv6: options.ipv6 }),
    ...(source === 'bundle'
      ? { software: 'bare' }
      : { software: source === 'packages' ? 'images' : 'preinstalled', bundle: bundle.dir }),
  });
  const folder = mkdtempSync(join(tmpdir(), `keelson-${options.name}-`));
  try {
    const config = configFor(lab, await softwareOf(source, lab, bundle.dir));
    await options.config?.(config, lab);
    return clusterAt(folder, lab, config);
  } catch (error) {
    await lab.down();
    throw error;
  }
}

async function softwareOf(source: string, lab: Lab, bundle: string): Promise<object> {
  if (source === 'bundle') return { source, bundle };
  if (source === 'preinstalled') return { source };
  // Root may not lower oom scores on a lab machine; the runtime has to know before its package starts it.
  const config = containerdConfig(undefined);
  for (const machine of lab.machines()) await machine.writeFile('/etc/containerd/config.toml', config);
  return { source, repository: { url: (await lab.serveAptRepository(bundle)).url } };
}

function configFor(lab: Lab, software: object): ClusterYaml {
  return {
    apiVersion: 'keelson.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'lab' },
    spec: {
      kubernetesVersion: 'v1.36.3',
      ssh: { user: 'root', identityFile: lab.identityFile },
      software,
      kubelet: { failCgroupV1: false, failSwapOn: false },
      hosts: lab.machines().map((m) => ({ name: m.name, address: m.address, roles: ['etcd'] })),
    },
  };
}

function clusterAt(folder: string, lab: Lab, config: ClusterYaml): TestCluster {
  const home = join(folder, 'home');
  mkdirSync(home);
  const configFile = join(folder, 'cluster.yaml');
  const name: string = config.metadata.name;
  writeFileSync(configFile, stringify(config));
  const open: EtcdGateway[] = [];
  const environment = { HOME: home };

  const start = (args: readonly string[], run: RunOptions = {}): Running =>
    startKeelson(args, { ...run, cwd: folder, env: { ...environment, ...run.env } });
  const keelson = (args: readonly string[], run: RunOptions = {}): Promise<Ran> => start(args, run).done;
  const keelsonEnds = async (exitCode: number, args: readonly string[], run: RunOptions = {}): Promise<Ran> =>
    ended(await keelson(args, run), exitCode);

  return {
    lab,
    folder,
    home,
    configFile,
    vault: join(folder, '.keelson', name),
    identityFile: join(home, '.config', 'keelson', 'identity.txt'),
    machines: lab.machines,
    machine: lab.machine,
    editConfig: (change) => {
      const file: ClusterYaml = parse(readFileSync(configFile, 'utf8'));
      change(file);
      writeFileSync(configFile, stringify(file));
    },
    start,
    keelson,
    keelsonEnds,
    atTerminal: (args, answers) => startAtTerminal(args, answers, { cwd: folder, env: environment }).done,
    document: async (exitCode, args) => {
      const ran = await keelsonEnds(exitCode, [...args, '-o', 'json']);
      return JSON.parse(ran.stdout) as ClusterYaml;
    },
    install: async () => {
      await keelsonEnds(0, ['hosts', 'trust', '--yes']);
      return keelsonEnds(0, ['apply', '--yes']);
    },
    gateways: async (names = config.spec.hosts.map((host: { name: string }) => host.name)) => {
      const made = await Promise.all(
        names.map(async (one) => {
          const machine = lab.machine(one);
          const { address } = config.spec.hosts.find((host: { name: string }) => host.name === one);
          return etcdGateway(one, address, await clientCredentials(machine));
        }),
      );
      open.push(...made);
      return made;
    },
    [Symbol.asyncDispose]: async () => {
      for (const gateway of open) gateway.close();
      await lab.down();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
