import type { HostId } from '../model/ids.ts';
import type { KubeKind, KubeObject } from '../model/kube-object.ts';
import type { KubeApi, KubeCall, KubePage, KubePodRef, KubeRefused, KubeUnknownKind } from '../ports/kube-api.ts';
import { budgetMessage, isBudget, isRecord, jsonOf, objectOf, refused, retryAfter, saidBy } from './answers.ts';
import { createAsking } from './asking.ts';
import { type Body, bodyOf } from './body.ts';
import { answerFault } from './faults.ts';
import { createKinds, unknownKind } from './kinds.ts';
import type { Answer, Ask } from './link.ts';
import type { LinksOptions } from './links.ts';
import { readChecks } from './readyz.ts';
import { collectionPath, objectPath, queryOf, type Resource } from './resources.ts';

export interface KubeApiOptions extends LinksOptions {
  /** For a call that says nothing else: for the whole of it, with the connect when there is one. */
  timeoutMs: number;
  /** What the body of an answer may have. 64 MiB when absent. */
  maxAnswerBytes?: number;
}

export interface OpenKubeApi extends KubeApi {
  /** Ends all connections at once; calls that run fail, later ones are a fault. */
  readonly close: () => void;
}

const FIELD_MANAGER = 'keelson';
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const LOG_BYTES = 1024 * 1024;
/** The server ends a log at the end of what it has just read. */
const LOG_SLACK_BYTES = 64 * 1024;

const podKind: KubeKind = { apiVersion: 'v1', kind: 'Pod' };
const pods: Resource = { plural: 'pods', namespaced: true };

type Changed = Omit<Ask, 'maxBytes' | 'body'> & { body: Body };

export function createKubeApi(options: KubeApiOptions): OpenKubeApi {
  const asking = createAsking(options);
  const maxBytes = options.maxAnswerBytes ?? MAX_ANSWER_BYTES;
  const kinds = createKinds((call, request) => asking.ask(call, { ...request, repeatable: true }));

  function read(call: KubeCall, path: string): Promise<Answer> {
    return asking.ask(call, { method: 'GET', path, maxBytes, repeatable: true });
  }

  function change(call: KubeCall, request: Changed, { repeatable = false } = {}): Promise<Answer> {
    return asking.ask(call, { ...request, maxBytes, repeatable });
  }

  /** The answer of a 404 about no object in particular. */
  function notServed(kind: KubeKind): KubeUnknownKind {
    kinds.forget(kind);
    return unknownKind(kind);
  }

  /** What 404 means for a call about one object. */
  function missing(kind: KubeKind, answer: Answer): { is: 'absent' } | KubeUnknownKind {
    return saidBy(answer).about.name === '' ? notServed(kind) : { is: 'absent' };
  }

  /** What 404 means for a call that would make the object: it is the namespace that is not there. */
  function homeless(kind: KubeKind, answer: Answer): KubeRefused | KubeUnknownKind {
    return saidBy(answer).about.name === '' ? notServed(kind) : refused(answer);
  }

  return {
    get: async (call, ref) => {
      const resolved = await kinds.resolve(call, ref);
      if (resolved.is !== 'ok') return resolved;
      const answer = await read(call, objectPath(ref.apiVersion, resolved.resource, ref));
      if (answer.status === 404) return missing(ref, answer);
      if (answer.status !== 200) return refused(answer);
      return { is: 'ok', object: objectIn(call.on, answer, ref) };
    },

    list: async (call, kind, query) => {
      const resolved = await kinds.resolve(call, kind);
      if (resolved.is !== 'ok') return resolved;
      const path = collectionPath(kind.apiVersion, resolved.resource, query.namespace);
      const { labels: labelSelector, fields: fieldSelector, limit, continue: next } = query;
      const answer = await read(call, path + queryOf({ labelSelector, fieldSelector, limit, continue: next }));
      if (answer.status === 404) return notServed(kind);
      if (answer.status === 410) return { is: 'expired', message: saidBy(answer).message };
      if (answer.status !== 200) return refused(answer);
      return pageIn(call.on, answer, kind);
    },

    apply: async (call, object, { force = false } = {}) => {
      const resolved = await kinds.resolve(call, object);
      if (resolved.is !== 'ok') return resolved;
      // JSON is YAML; the type that says JSON is younger than some servers.
      const body = bodyOf('application/apply-patch+yaml', object, object.kind);
      const query = queryOf({ fieldManager: FIELD_MANAGER, force });
      const path = objectPath(object.apiVersion, resolved.resource, object.metadata) + query;
      const answer = await change(call, { method: 'PATCH', path, body }, { repeatable: true });
      if (answer.status === 404) return homeless(object, answer);
      if (answer.status === 409) return conflict(answer, body);
      if (answer.status !== 200 && answer.status !== 201) return refused(answer, body.secrets);
      return { is: 'ok', object: objectIn(call.on, answer, object), made: answer.status === 201 };
    },

    mergePatch: async (call, ref, patch, { subresource } = {}) => {
      const resolved = await kinds.resolve(call, ref);
      if (resolved.is !== 'ok') return resolved;
      const body = bodyOf('application/merge-patch+json', patch, ref.kind);
      const below = subresource === undefined ? '' : `/${subresource}`;
      const query = queryOf({ fieldManager: FIELD_MANAGER });
      const path = `${objectPath(ref.apiVersion, resolved.resource, ref)}${below}${query}`;
      const answer = await change(call, { method: 'PATCH', path, body });
      if (answer.status === 404) return missing(ref, answer);
      if (answer.status === 409) return conflict(answer, body);
      if (answer.status !== 200) return refused(answer, body.secrets);
      return { is: 'ok', object: objectIn(call.on, answer, ref) };
    },

    create: async (call, object) => {
      const resolved = await kinds.resolve(call, object);
      if (resolved.is !== 'ok') return resolved;
      const { namespace = 'default' } = object.metadata;
      const body = bodyOf('application/json', object, object.kind);
      const query = queryOf({ fieldManager: FIELD_MANAGER });
      const path = collectionPath(object.apiVersion, resolved.resource, namespace) + query;
      const answer = await change(call, { method: 'POST', path, body });
      if (answer.status === 404) return homeless(object, answer);
      if (answer.status === 409) {
        return saidBy(answer).reason === 'AlreadyExists' ? { is: 'exists' } : conflict(answer, body);
      }
      if (answer.status !== 201) return refused(answer, body.secrets);
      return { is: 'ok', object: objectIn(call.on, answer, object) };
    },

    remove: async (call, ref, { uid, propagation = 'Background' } = {}) => {
      const resolved = await kinds.resolve(call, ref);
      if (resolved.is !== 'ok') return resolved;
      const wish = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: propagation, ...onlyIf(uid) };
      const body = bodyOf('application/json', wish, wish.kind);
      const path = objectPath(ref.apiVersion, resolved.resource, ref);
      const answer = await change(call, { method: 'DELETE', path, body });
      if (answer.status === 404) return missing(ref, answer);
      if (answer.status === 409) return conflict(answer, body);
      if (answer.status !== 200 && answer.status !== 202) return refused(answer);
      return { is: 'ok', pending: isPending(call.on, answer) };
    },

    evict: async (call, pod, { uid, gracePeriodSeconds } = {}) => {
      const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
      const deleteOptions = { ...grace, ...onlyIf(uid) };
      const metadata = { name: pod.name, namespace: pod.namespace };
      const wish = { apiVersion: 'policy/v1', kind: 'Eviction', metadata, deleteOptions };
      const body = bodyOf('application/json', wish, wish.kind);
      const answer = await change(call, { method: 'POST', path: podPath(pod, 'eviction'), body });
      if (answer.status === 404 && saidBy(answer).about.name !== '') return { is: 'absent' };
      if (answer.status === 409) return conflict(answer, body);
      if (answer.status === 429) {
        const said = saidBy(answer);
        if (isBudget(said)) return { is: 'blocked', message: budgetMessage(said), ...retryAfter(answer) };
      }
      return answer.status === 200 || answer.status === 201 ? { is: 'ok' } : refused(answer);
    },

    podLog: async (call, pod, { container, tailLines, limitBytes = LOG_BYTES, previous }) => {
      const path = podPath(pod, 'log') + queryOf({ container, tailLines, limitBytes, previous });
      const bound = limitBytes + LOG_SLACK_BYTES;
      const answer = await asking.ask(call, { method: 'GET', path, maxBytes: bound, repeatable: true });
      if (answer.status === 404 && saidBy(answer).about.name !== '') return { is: 'absent' };
      return answer.status === 200 ? { is: 'ok', text: answer.text } : refused(answer);
    },

    readyz: async (call) => {
      const answer = await read(call, '/readyz?verbose');
      const checks = answer.status === 200 || answer.status === 500 ? readChecks(answer.text) : null;
      if (checks !== null) return { is: 'ok', ready: answer.status === 200, status: answer.status, ...checks };
      if (answer.status === 200) throw answerFault(call.on, 'names no checks');
      return refused(answer);
    },

    version: async (call) => {
      const answer = await read(call, '/version');
      if (answer.status !== 200) return refused(answer);
      const { gitVersion, major, minor } = jsonOf(answer.text) ?? {};
      if (typeof gitVersion !== 'string' || typeof major !== 'string' || typeof minor !== 'string') {
        throw answerFault(call.on, 'names no version');
      }
      return { is: 'ok', gitVersion, major, minor };
    },

    servedCertificate: asking.look,

    close: asking.close,
  };
}

function podPath(pod: KubePodRef, subresource: string): string {
  return `${objectPath(podKind.apiVersion, pods, pod)}/${subresource}`;
}

function onlyIf(uid: string | undefined): { preconditions?: { uid: string } } {
  return uid === undefined ? {} : { preconditions: { uid } };
}

function conflict(answer: Answer, body: Body): { is: 'conflict'; message: string } {
  return { is: 'conflict', message: saidBy(answer, body.secrets).message };
}

function objectIn(on: HostId, answer: Answer, asked: KubeKind): KubeObject {
  const object = objectOf(jsonOf(answer.text), asked);
  if (object === null) throw answerFault(on, 'is no object of the API');
  return object;
}

function pageIn(on: HostId, answer: Answer, kind: KubeKind): KubePage {
  const list = jsonOf(answer.text);
  // An empty list may come as null.
  const items = list?.items ?? [];
  if (!isRecord(list?.metadata) || !Array.isArray(items)) throw answerFault(on, 'is no list of objects');
  const objects = items.map((item) => objectOf(item, kind)).filter((object) => object !== null);
  if (objects.length !== items.length) throw answerFault(on, 'lists what is no object of the API');
  const { resourceVersion, continue: next } = list.metadata;
  return {
    is: 'ok',
    objects,
    resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '',
    continue: typeof next === 'string' && next !== '' ? next : null,
  };
}

/** The object itself comes back for some kinds also when it is gone; then it has no time of deletion. */
function isPending(on: HostId, answer: Answer): boolean {
  const said = jsonOf(answer.text);
  if (said === null) throw answerFault(on, 'is no object of the API');
  return said.kind !== 'Status' && isRecord(said.metadata) && said.metadata.deletionTimestamp !== undefined;
}
