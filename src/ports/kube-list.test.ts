import { describe, expect, it } from 'vitest';
import { hostId } from '../model/ids.ts';
import type { KubeApi, KubeCall, KubePage, KubePageQuery } from './kube-api.ts';
import { listAll } from './kube-list.ts';

const call: KubeCall = { on: hostId('cp-0'), signal: new AbortController().signal };
const kind = { apiVersion: 'v1', kind: 'Node' };

function page(names: readonly string[], next: string | null): KubePage {
  const objects = names.map((name) => ({ ...kind, metadata: { name } }));
  return { is: 'ok', objects, resourceVersion: '1', continue: next };
}

function answering(...pages: readonly KubePage[]): Pick<KubeApi, 'list'> & { asked: KubePageQuery[] } {
  const asked: KubePageQuery[] = [];
  return {
    asked,
    list: async (_call, _kind, query) => {
      const answer = pages[Math.min(asked.push(query), pages.length) - 1];
      if (answer === undefined) throw new Error('no pages');
      return answer;
    },
  };
}

const expired: KubePage = { is: 'expired', message: 'too old' };

describe('listAll', () => {
  it('reads page after page of the same selection', async () => {
    const api = answering(page(['a', 'b'], 'x'), page(['c'], null));
    const listed = await listAll(api, call, kind, { labels: 'l' }, { page: 2 });
    expect(listed).toMatchObject({ is: 'ok', objects: [{}, {}, { metadata: { name: 'c' } }] });
    expect(api.asked).toEqual([
      { labels: 'l', limit: 2 },
      { labels: 'l', limit: 2, continue: 'x' },
    ]);
  });

  it('begins again when a page has expired, without what it had', async () => {
    const api = answering(page(['a', 'b'], 'x'), expired, page(['b'], null));
    expect(await listAll(api, call, kind)).toEqual({ is: 'ok', objects: [{ ...kind, metadata: { name: 'b' } }] });
    expect(api.asked.map((query) => query.continue)).toEqual([undefined, 'x', undefined]);
  });

  it('does not begin again for ever', async () => {
    const api = answering(expired);
    expect(await listAll(api, call, kind)).toEqual(expired);
    expect(api.asked).toHaveLength(3);
  });

  it('holds no more than it may', async () => {
    const api = answering(page(['a', 'b'], 'x'));
    expect(await listAll(api, call, kind, {}, { most: 3 })).toEqual({ is: 'too-many' });
    expect(api.asked).toHaveLength(2);
  });

  it('passes on what the server refuses', async () => {
    const refused: KubePage = { is: 'refused', status: 403, reason: 'Forbidden', message: 'no' };
    expect(await listAll(answering(page(['a'], 'x'), refused), call, kind)).toEqual(refused);
  });
});
