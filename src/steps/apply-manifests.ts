import type { KubeManifest } from '../config/kube-manifests.ts';
import type { KubeObject } from '../model/kube-object.ts';
import type { Clock } from '../ports/clock.ts';
import type { KubeApi, KubeApplied, KubeCall } from '../ports/kube-api.ts';

export type ManifestsApplied =
  | { is: 'ok'; objects: readonly KubeObject[]; made: number }
  /** The server did not take this one; those before it are there. Applying all of them again goes on. */
  | { is: 'not-applied'; manifest: KubeManifest; answer: Exclude<KubeApplied, { is: 'ok' }> }
  /** A kind that the manifests define is not served yet. */
  | { is: 'late'; manifest: KubeManifest; state: string };

export interface ApplyOptions {
  clock: Clock;
  /** How long the server may take to serve the kinds that the manifests define. For all of them. */
  establishMs: number;
  /** Takes fields over from other managers. */
  force?: boolean;
}

const POLL_MS = 250;

/**
 * Applies a list of objects so that each finds what it needs: namespaces, then the definitions of new kinds, then, when the server
 * serves those, everything else in the order of the file. Rejects as the port does.
 */
export async function applyManifests(
  api: Pick<KubeApi, 'apply' | 'get'>,
  call: KubeCall,
  manifests: readonly KubeManifest[],
  { clock, establishMs, force = false }: ApplyOptions,
): Promise<ManifestsApplied> {
  const end = clock.monotonicMs() + establishMs;
  const definitions = manifests.filter(({ object }) => rankOf(object) === DEFINITION);
  const objects: KubeObject[] = [];
  let made = 0;
  let established = definitions.length === 0;

  for (const manifest of inApplyOrder(manifests)) {
    const { object } = manifest;
    if (!established && rankOf(object) > DEFINITION) {
      for (const definition of definitions) {
        const state = await untilEstablished(definition);
        if (state !== null) return { is: 'late', manifest: definition, state };
      }
      established = true;
    }
    let answer = await api.apply(call, object, { force });
    // Discovery follows a moment after the definition is established.
    while (answer.is === 'unknown-kind' && definitions.some((known) => defines(known.object, object))) {
      if (clock.monotonicMs() >= end) return { is: 'late', manifest, state: answer.message };
      await clock.sleep(POLL_MS, call.signal);
      answer = await api.apply(call, object, { force });
    }
    if (answer.is !== 'ok') return { is: 'not-applied', manifest, answer };
    objects.push(answer.object);
    if (answer.made) made += 1;
  }
  return { is: 'ok', objects, made };

  /** Null when it is; else what it says when the time is over. */
  async function untilEstablished({ object }: KubeManifest): Promise<string | null> {
    for (;;) {
      const { apiVersion, kind, metadata } = object;
      const got = await api.get(call, { apiVersion, kind, name: metadata.name });
      const state = got.is === 'ok' ? notEstablished(got.object) : `the server answers: ${got.is}`;
      if (state === null || clock.monotonicMs() >= end) return state;
      await clock.sleep(POLL_MS, call.signal);
    }
  }
}

const DEFINITION = 1;

function rankOf({ apiVersion, kind }: KubeObject): number {
  if (apiVersion === 'v1' && kind === 'Namespace') return 0;
  return apiVersion.startsWith('apiextensions.k8s.io/') && kind === 'CustomResourceDefinition' ? DEFINITION : 2;
}

function inApplyOrder(manifests: readonly KubeManifest[]): KubeManifest[] {
  return manifests.toSorted((a, b) => rankOf(a.object) - rankOf(b.object));
}

interface Definition {
  spec?: { group?: unknown; names?: { kind?: unknown } };
  status?: { conditions?: readonly { type?: unknown; status?: unknown; message?: unknown }[] };
}

function defines(definition: KubeObject, { apiVersion, kind }: KubeObject): boolean {
  const { spec } = definition as Definition;
  return spec?.names?.kind === kind && typeof spec.group === 'string' && apiVersion.startsWith(`${spec.group}/`);
}

function notEstablished(definition: KubeObject): string | null {
  const conditions = (definition as Definition).status?.conditions ?? [];
  if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return null;
  // Two definitions want the same name: that does not pass by itself, and the server's sentence says which.
  const refused = conditions.find(({ type, status }) => type === 'NamesAccepted' && status === 'False');
  return typeof refused?.message === 'string' ? refused.message : 'not established yet';
}
