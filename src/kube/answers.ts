import type { KubeKind, KubeObject } from '../model/kube-object.ts';
import { plainText } from '../model/text.ts';
import type { KubeRefused } from '../ports/kube-api.ts';
import { withoutSecrets } from './body.ts';
import type { Answer } from './link.ts';

/** What the API says when it does not do a thing: its `Status` object, as far as one came. */
export interface Said {
  reason: string;
  message: string;
  /** Of the object that it is about. A path that is not served has no name here. */
  about: { kind: string; name: string };
  causes: readonly { reason: string; message: string }[];
}

export type Json = Readonly<Record<string, unknown>>;

/** Null for what is no JSON object. */
export function jsonOf(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const MAX_MESSAGE = 2000;

export function saidBy(answer: Answer, secrets: readonly string[] = []): Said {
  const status = jsonOf(answer.text);
  const clean = (text: string): string => plainText(withoutSecrets(text, secrets), MAX_MESSAGE);
  if (status === null || status.kind !== 'Status') {
    const isText = answer.headers['content-type']?.startsWith('text/plain') === true;
    const words = isText ? clean(answer.text) : '';
    return { reason: '', message: words || `HTTP status ${answer.status}`, about: { kind: '', name: '' }, causes: [] };
  }
  const details = isRecord(status.details) ? status.details : {};
  const causes = Array.isArray(details.causes) ? details.causes.filter(isRecord) : [];
  return {
    reason: textOf(status.reason),
    message: clean(textOf(status.message)) || `HTTP status ${answer.status}`,
    about: { kind: textOf(details.kind), name: textOf(details.name) },
    causes: causes.map((cause) => ({ reason: textOf(cause.reason), message: clean(textOf(cause.message)) })),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function refused(answer: Answer, secrets: readonly string[] = []): KubeRefused {
  const { reason, message } = saidBy(answer, secrets);
  return { is: 'refused', status: answer.status, reason, message, ...retryAfter(answer) };
}

/** Seconds: the API never gives a date. */
export function retryAfter({ headers }: Answer): { retryAfterSeconds?: number } {
  const given = headers['retry-after'];
  return given !== undefined && /^\d{1,6}$/.test(given) ? { retryAfterSeconds: Number(given) } : {};
}

/** A budget says so in a cause of its own; 429 alone may also mean that the server has too much to do. */
export function isBudget(said: Said): boolean {
  return said.causes.some(({ reason }) => reason === 'DisruptionBudget');
}

/** The budget's own sentence, where there is one, says more than the first. */
export function budgetMessage(said: Said): string {
  const causes = said.causes.filter(({ reason, message }) => reason === 'DisruptionBudget' && message !== '');
  return [said.message, ...causes.map(({ message }) => message)].join(' ');
}

/** Null for what is no object. Items of a list come without their kind, which is then what was asked for. */
export function objectOf(value: unknown, asked: KubeKind): KubeObject | null {
  if (!isRecord(value)) return null;
  const { apiVersion = asked.apiVersion, kind = asked.kind, metadata } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !isRecord(metadata)) return null;
  if (typeof metadata.name !== 'string') return null;
  return { ...value, apiVersion, kind, metadata: { ...metadata, name: metadata.name } };
}
