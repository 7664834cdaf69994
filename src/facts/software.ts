import { socketPath } from '../desired/paths.ts';
import { images, runtime, versions } from '../ports/commands/machine.ts';
import { nothingRemembered } from './memory.ts';
import { lines, only, type Probe, UnreadableFact } from './probe.ts';
import type { RuntimeFact, ToolFact } from './types.ts';

export const toolsProbe: Probe<ReadonlyMap<string, ToolFact>> = {
  commands: (_desired, _on, known = nothingRemembered) => [
    versions([...known.tools].map(([tool, { stamp }]) => `${tool}=${stamp}`)),
  ],
  parse: (results, _desired, _on, _trip, known = nothingRemembered) => {
    const found = new Map<string, ToolFact>();
    for (const line of lines(only(results).stdout)) {
      const [tool = '', path = '', stamp = '', text = ''] = line.split('|');
      const version = text === 'same' ? known.tools.get(tool)?.version : /\bv?(\d+\.\d+\.\d+[^\s]*)/.exec(text)?.[1];
      if (version !== undefined) found.set(tool, { path, version, stamp });
    }
    return found;
  },
};

const NOT_INSTALLED = 127;

export const runtimeProbe: Probe<RuntimeFact> = {
  commands: () => [runtime()],
  parse: (results) => {
    const result = only(results);
    if (result.exitCode === NOT_INSTALLED) return { is: 'absent' };
    if (result.exitCode !== 0) throw new UnreadableFact('containerd does not show its configuration');
    const toml = result.stdout;
    return {
      is: 'containerd',
      cgroupDriver: /^\s*SystemdCgroup\s*=\s*true\b/m.test(toml) ? 'systemd' : 'cgroupfs',
      // containerd 2 pins it as `sandbox`; containerd 1 calls it `sandbox_image`.
      sandboxImage: /^\s*(?:sandbox|sandbox_image)\s*=\s*['"]([^'"]+)['"]/m.exec(toml)?.[1] ?? '',
      restrictsOomScore: restrictsOomScore(toml),
    };
  },
};

/** Of containerd's configuration, as a file or as it is shown; the same in all of its versions. */
export function restrictsOomScore(toml: string): boolean {
  return /^\s*restrict_oom_score_adj\s*=\s*true\b/m.test(toml);
}

export const imagesProbe: Probe<readonly string[] | null> = {
  commands: (desired) => [images(socketPath(desired.criSocket))],
  parse: (results) => {
    const result = only(results);
    return result.exitCode === 0 ? lines(result.stdout) : null;
  },
};
