import type { SimMachine } from './machine.ts';

export interface SimUnit {
  readonly enabled: boolean;
  /** `activating` is a service that ended at once and is started again and again. */
  readonly state: 'active' | 'inactive' | 'activating';
  readonly pid: number;
  readonly argv: readonly string[];
  /** Seconds since 1970; 0 when it does not run. */
  readonly startedAt: number;
  /** The unit's files as systemd read them last; null when it has not, and would read them now. */
  readonly loaded: string | null;
  /** The configuration files that the process read when it started. */
  readonly readAtStart: ReadonlyMap<string, string>;
}

const NEW: SimUnit = {
  enabled: false,
  state: 'inactive',
  pid: 0,
  argv: [],
  startedAt: 0,
  loaded: null,
  readAtStart: new Map(),
};
/** systemd needs a moment between reading files and starting a process. */
const START_DELAY_S = 0.05;

export function unitOf(machine: SimMachine, name: string): SimUnit {
  return machine.units.get(name) ?? NEW;
}

export function fragmentOf(machine: SimMachine, name: string): string | null {
  return (
    [`/etc/systemd/system/${name}`, `/usr/lib/systemd/system/${name}`].find((path) => machine.files.has(path)) ?? null
  );
}

/** Of both folders, by file name: one in /etc hides one of the same name in /usr. */
export function dropInsOf(machine: SimMachine, name: string): string[] {
  const byName = new Map<string, string>();
  for (const root of ['/usr/lib/systemd/system', '/etc/systemd/system']) {
    for (const path of machine.children(`${root}/${name}.d`))
      if (path.endsWith('.conf')) byName.set(path.slice(path.lastIndexOf('/')), path);
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
}

function textOf(machine: SimMachine, name: string): string {
  const fragment = fragmentOf(machine, name);
  const paths = fragment === null ? [] : [fragment, ...dropInsOf(machine, name)];
  return paths.map((path) => `# ${path}\n${machine.files.get(path)?.content ?? ''}`).join('\n');
}

/** What systemd goes by: what it read, or for a unit that it does not keep in memory what lies there now. */
export function loadedText(machine: SimMachine, name: string): string {
  const unit = unitOf(machine, name);
  return unit.loaded !== null && (unit.enabled || unit.state !== 'inactive') ? unit.loaded : textOf(machine, name);
}

export function needsReload(machine: SimMachine, name: string): boolean {
  return loadedText(machine, name) !== textOf(machine, name);
}

/** An empty `ExecStart=` clears what came before. */
export function execStartOf(text: string): string {
  let found = '';
  for (const line of text.split('\n')) if (line.startsWith('ExecStart=')) found = line.slice('ExecStart='.length);
  return found;
}

export function reload(machine: SimMachine): void {
  for (const [name, unit] of machine.units) machine.units.set(name, { ...unit, loaded: textOf(machine, name) });
}

/** Gives what `systemctl` exits with. */
export function control(machine: SimMachine, verb: string, name: string, wallMs: number): number {
  const exists = fragmentOf(machine, name) !== null;
  if (verb === 'daemon-reload') {
    reload(machine);
    return 0;
  }
  if (verb === 'enable' || verb === 'disable') {
    if (!exists) return 1;
    const unit = unitOf(machine, name);
    // What neither runs nor is wanted by anything that systemd knows of is read anew when somebody asks.
    const loaded = unit.state === 'inactive' ? null : unit.loaded;
    machine.units.set(name, { ...unit, enabled: verb === 'enable', loaded });
    // systemctl reloads systemd after it has removed the links; `enable` is told not to.
    if (verb === 'disable') reload(machine);
    return 0;
  }
  if (!exists) return 5;
  if (verb === 'stop')
    machine.units.set(name, {
      ...unitOf(machine, name),
      state: 'inactive',
      pid: 0,
      argv: [],
      startedAt: 0,
      readAtStart: new Map(),
    });
  if (verb === 'restart' || (verb === 'start' && unitOf(machine, name).state !== 'active'))
    start(machine, name, wallMs);
  return 0;
}

function start(machine: SimMachine, name: string, wallMs: number): void {
  const unit = unitOf(machine, name);
  const loaded = loadedText(machine, name);
  const [program = '', ...rest] = execStartOf(loaded).split(' ');
  const config = configOf(name, rest);
  const text = config === null ? undefined : machine.files.get(config.path)?.content;
  const runs = machine.files.has(program) && (config === null || !config.needed || text !== undefined);
  machine.units.set(name, {
    ...unit,
    loaded,
    state: runs ? 'active' : 'activating',
    pid: runs ? machine.nextPid() : 0,
    argv: runs ? [program, ...rest] : [],
    startedAt: runs ? wallMs / 1000 + START_DELAY_S : 0,
    readAtStart: new Map(runs && config !== null && text !== undefined ? [[config.path, text]] : []),
  });
}

/** The file that the service reads when it starts; without a needed one it ends at once. */
function configOf(name: string, argv: readonly string[]): { path: string; needed: boolean } | null {
  if (name === 'containerd.service') return { path: '/etc/containerd/config.toml', needed: false };
  if (name !== 'kubelet.service') return null;
  const given = argv.find((arg) => arg.startsWith('--config='))?.slice('--config='.length);
  if (given !== undefined) return { path: given, needed: true };
  return argv.includes('$KUBELET_CONFIG_ARGS') ? { path: '/var/lib/kubelet/config.yaml', needed: true } : null;
}

/** Services that could not run are tried again. */
export function settleUnits(machine: SimMachine, wallMs: number): void {
  for (const [name, unit] of machine.units) if (unit.state === 'activating') start(machine, name, wallMs);
}

/** What runs after a boot: the enabled units, from files read anew. */
export function boot(machine: SimMachine, wallMs: number): void {
  machine.boots += 1;
  machine.transients = [];
  machine.bootKernel();
  for (const [name, unit] of machine.units) machine.units.set(name, { ...NEW, enabled: unit.enabled });
  reload(machine);
  for (const [name, unit] of machine.units) if (unit.enabled) start(machine, name, wallMs);
  machine.up = true;
}
