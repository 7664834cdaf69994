const SEPARATOR = '\n';

/**
 * What is wrong with a value, and what to do, as the one text that a zod check can carry. {@link unsay} takes it apart.
 * Both halves continue the path of the field: `spec.ssh.user: <wrong>; <action>`.
 */
export function said(wrong: string, action: string): string {
  return `${wrong}${SEPARATOR}${action}`;
}

/** null for a text that was not made by {@link said}: one of zod's own. */
export function unsay(text: string): { message: string; action: string } | null {
  const at = text.indexOf(SEPARATOR);
  return at < 0 ? null : { message: text.slice(0, at), action: text.slice(at + 1) };
}
