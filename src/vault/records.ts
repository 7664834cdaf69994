import { z } from 'zod';
import { KeelsonError } from '../model/errors.ts';
import type { Digest, HostId } from '../model/ids.ts';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import type { ClusterIdentity, Inventory } from '../ports/vault.ts';

// What stands in the vault's files, and how it is checked when it is read. Unknown fields are refused: the version would
// have been raised for them.

/** Raised when a file's content changes in a way that this version could not read. */
const VERSION = 1;

const time = z.iso.datetime();

const identitySchema = z.strictObject({
  clusterUid: z.uuid(),
  clusterToken: z.string().min(1),
  createdAt: time,
  etcd: z.strictObject({
    phase: z.enum(['new', 'founding', 'founded', 'handed-over']),
    clusterId: z
      .string()
      .regex(/^[0-9a-f]+$/)
      .exactOptional(),
    foundedAt: time.exactOptional(),
    handedOverAt: time.exactOptional(),
  }),
});

const port = z.int().min(1).max(65_535);

const inventorySchema = z.strictObject({
  clusterUid: z.uuid(),
  appliedAt: time,
  configDigest: z.string().transform((text) => text as Digest),
  kubernetesVersion: z.string(),
  hosts: z.array(
    z.strictObject({
      name: z.string().transform((text) => text as HostId),
      address: z.string(),
      machineId: z.string(),
      roles: z.array(z.string()),
    }),
  ),
  ports: z.strictObject({ client: port, peer: port, metrics: port }),
  dataDir: z.string(),
  algorithm: z.enum(['ecdsa-p256', 'rsa-2048']),
  caFingerprint256: z.string().regex(/^[0-9a-f]{64}$/),
});

export function encodeIdentity(identity: ClusterIdentity): Secret {
  return new Secret(encode('cluster', identitySchema.parse(identity)));
}

export function decodeIdentity(text: Secret, where: string): ClusterIdentity {
  return decode('cluster', identitySchema, reveal(text), where);
}

export function encodeInventory(inventory: Inventory): string {
  return encode('inventory', inventorySchema.parse(inventory));
}

export function decodeInventory(text: string, where: string): Inventory {
  return decode('inventory', inventorySchema, text, where);
}

/**
 * Text before the first PEM line is skipped by every reader of PEM: the sealed file, opened with the age tool, is a key
 * file that openssl and kubeadm take as it is.
 */
export function encodeCaKey(key: Secret, clusterUid: string): Secret {
  return new Secret(`keelson CA key, version ${VERSION}, cluster ${clusterUid}\n${reveal(key)}`);
}

export function decodeCaKey(text: Secret, where: string): { key: Secret; clusterUid: string } {
  const [header = '', ...rest] = reveal(text).split('\n');
  const [, version, clusterUid] = /^keelson CA key, version (\d+), cluster (\S+)$/.exec(header) ?? [];
  if (version === undefined || clusterUid === undefined) throw damaged(where, 'it does not begin as a keelson CA key');
  checkVersion(Number(version), where);
  return { key: new Secret(rest.join('\n')), clusterUid };
}

const RECIPIENTS_HEADER = '# keelson vault recipients, version ';

/** A file for `age -R`, too. */
export function encodeRecipients(recipients: readonly string[]): string {
  return `${RECIPIENTS_HEADER}${VERSION}\n# The sealed files of this folder can be opened by the identities of:\n${recipients.join('\n')}\n`;
}

export function decodeRecipients(text: string, where: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  const first = lines[0] ?? '';
  if (!first.startsWith(RECIPIENTS_HEADER)) throw damaged(where, 'its first line is not the expected one');
  checkVersion(Number(first.slice(RECIPIENTS_HEADER.length)), where);
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

export function encodePlan(digest: Digest, plan: unknown): string {
  return encode('plan', { digest, plan });
}

const planSchema = z.strictObject({ digest: z.string(), plan: z.unknown() });

export function decodePlan(text: string, where: string): { digest: string; plan: unknown } {
  return decode('plan', planSchema, text, where);
}

export function encodeJournalHeader(run: string): string {
  return JSON.stringify({ keelson: 'journal', version: VERSION, run });
}

/** The vault's files say what they are and in which version, before anything else. */
function encode(kind: string, content: object): string {
  return `${JSON.stringify({ keelson: kind, version: VERSION, ...content }, null, 2)}\n`;
}

function decode<T>(kind: string, schema: z.ZodType<T>, text: string, where: string): T {
  const { keelson, version, ...content } = decodeHeader(text, where);
  if (keelson !== kind) throw damaged(where, `it is not a keelson ${kind} file`);
  checkVersion(version, where);
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw damaged(where, `${issue?.path.join('.') || 'content'}: ${issue?.message ?? 'not as expected'}`);
}

const headerSchema = z.looseObject({ keelson: z.string(), version: z.int().min(1) });

export function decodeHeader(text: string, where: string): z.infer<typeof headerSchema> {
  try {
    return headerSchema.parse(JSON.parse(text));
  } catch {
    throw damaged(where, 'it is not JSON with a version');
  }
}

export function checkVersion(version: number, where: string): void {
  if (version === VERSION) return;
  if (!(version > VERSION)) throw damaged(where, 'it has no known version');
  throw new KeelsonError('vault.version', `${where} has version ${version}; this keelson knows ${VERSION}.`, { where });
}

export function damaged(where: string, why: string): KeelsonError {
  return new KeelsonError('vault.unreadable', `${where} is damaged: ${why}.`, { where });
}
