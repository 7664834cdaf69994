// Names that must not be mixed up are distinct types; they are plain strings at run time.
export type Id<K extends string> = string & { readonly __id: K };

/** A machine's name in cluster.yaml: a DNS label. */
export type HostId = Id<'host'>;
/** First 16 hexadecimal digits of the SHA-256 of a step's kind, host and params. */
export type StepId = Id<'step'>;
/** `20261121t101500z-3f9a1c`: start time in UTC and a random suffix. Sorts by time; valid in a systemd unit's name. */
export type RunId = Id<'run'>;
/** `sha256:` and 64 hexadecimal digits. */
export type Digest = Id<'digest'>;

/** The place of steps that act on the operator's own files (the vault). Never a machine's name: names have no blanks. */
export const OPERATOR = 'the operator' as HostId;

export function hostId(name: string): HostId {
  return name as HostId;
}
