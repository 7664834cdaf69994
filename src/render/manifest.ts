import { parse } from 'yaml';
import { remembered } from '../model/remembered.ts';

interface PodManifest {
  spec?: { containers?: { command?: unknown; image?: unknown }[] };
}

/** The first container's command of a static pod manifest; empty when there is none. */
export function manifestCommand(text: string): readonly string[] {
  const command = firstContainer(text)?.command;
  return Array.isArray(command) ? command.map(String) : [];
}

export function manifestImage(text: string): string | null {
  const image = firstContainer(text)?.image;
  return typeof image === 'string' ? image : null;
}

const firstContainer = remembered((text): { command?: unknown; image?: unknown } | undefined => {
  try {
    return (parse(text) as PodManifest | null)?.spec?.containers?.[0];
  } catch {
    return undefined;
  }
});
