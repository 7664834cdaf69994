import { z } from 'zod';
import { type HostId, hostId } from '../model/ids.ts';
import type { Cache } from '../ports/cache.ts';
import type { HostFacts, ManifestFact, ToolFact } from './types.ts';

/**
 * What costs a machine most to tell, because programs are started for it: 60 ms of a processor each time. It carries the stamp of the
 * program's file (device, inode, size and change time to the nanosecond), which the machine is asked for each time; what is remembered is
 * taken only where that is still the same.
 */
export interface Remembered {
  tools: ReadonlyMap<string, ToolFact>;
  manifests: readonly MadeManifest[];
}
export type MadeManifest = Extract<ManifestFact, { is: 'made' }>;

export const nothingRemembered: Remembered = { tools: new Map(), manifests: [] };

export function rememberedOf({ tools, manifests }: HostFacts): Remembered {
  const made = manifests.is === 'known' ? [manifests.value.running, manifests.value.founding] : [];
  return {
    tools: tools.is === 'known' ? tools.value : new Map(),
    manifests: made.filter((m) => m.is === 'made').filter((m) => m.by === 'host'),
  };
}

const VERSION = 1;
const stamp = z.string().min(1);
const schema = z.strictObject({
  version: z.literal(VERSION),
  hosts: z.record(
    z.string(),
    z.strictObject({
      tools: z.record(z.string(), z.strictObject({ path: z.string(), version: z.string(), stamp })),
      manifests: z.array(
        z.strictObject({ is: z.literal('made'), text: z.string(), by: z.literal('host'), config: z.string(), stamp }),
      ),
    }),
  ),
});

/** What earlier runs have kept; nothing when it is damaged, or of another version. */
export async function recall(cache: Cache): Promise<ReadonlyMap<HostId, Remembered>> {
  const parsed = schema.safeParse(parseJson(await cache.read()));
  if (!parsed.success) return new Map();
  return new Map(
    Object.entries(parsed.data.hosts).map(([name, { tools, manifests }]) => [
      hostId(name),
      { tools: new Map(Object.entries(tools)), manifests },
    ]),
  );
}

function parseJson(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** The text to keep for {@link recall}. */
export function memoryText(hosts: ReadonlyMap<HostId, Remembered>): string {
  const kept = [...hosts].map(([id, { tools, manifests }]) => [id, { tools: Object.fromEntries(tools), manifests }]);
  return JSON.stringify({ version: VERSION, hosts: Object.fromEntries(kept) });
}
