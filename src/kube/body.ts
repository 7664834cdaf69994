import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';

export interface Body {
  type: string;
  text: string;
  /** What must not be shown when the server quotes it. */
  secrets: readonly string[];
}

/** As JSON, with each `Secret` made readable. `kind` is what the body is about. */
export function bodyOf(type: string, value: object, kind: string): Body {
  const secrets = new Set<string>();
  if (kind === 'Secret') for (const text of secretData(value)) secrets.add(text);
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key, said: unknown) {
    // By now `said` is what a Secret's own toJSON gave.
    const held = this[key];
    if (!(held instanceof Secret)) return said;
    secrets.add(reveal(held));
    return reveal(held);
  });
  return { type, text, secrets: [...secrets] };
}

function secretData(value: object): string[] {
  const { data, stringData } = value as { data?: unknown; stringData?: unknown };
  return [data, stringData]
    .filter((part) => typeof part === 'object' && part !== null)
    .flatMap((part) => Object.values(part as object))
    .filter((text) => typeof text === 'string');
}

// Shorter ones are words that stand in any sentence.
const SHORTEST = 4;

/** The server's words without what was sent in confidence: plain, escaped as Go quotes it, or in base64. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const forms = secrets.flatMap((secret) => [
    secret,
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret, 'base64').toString('utf8'),
  ]);
  return forms
    .filter((form) => form.length >= SHORTEST)
    .sort((a, b) => b.length - a.length)
    .reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text);
}
