import { describe, expect, it } from 'vitest';
import type { FactRef } from '../facts/types.ts';
import { hostId } from '../model/ids.ts';
import type { View } from '../steps/types.ts';
import { viewStore } from './view-store.ts';

const signal = new AbortController().signal;
const h1 = hostId('h1');
const files: FactRef = { on: h1, fact: 'files' };
const units: FactRef = { on: h1, fact: 'units' };

function view(tag: string): View {
  const known = { is: 'known', value: tag, at: '' };
  return {
    desired: tag,
    facts: { hosts: new Map([[h1, { files: known, units: known }]]), etcd: known, vault: known },
  } as unknown as View;
}

/** What each part of a view says it was read as. */
function tags(of: View) {
  const value = (fact: unknown) => (fact as { value: string }).value;
  const host = of.facts.hosts.get(h1);
  return {
    desired: of.desired as unknown as string,
    files: value(host?.files),
    units: value(host?.units),
    etcd: value(of.facts.etcd),
    vault: value(of.facts.vault),
  };
}

/** A reader whose answers come when the test says so. */
function slowReader() {
  const answers: ((tag: string) => void)[] = [];
  const read = () => new Promise<View>((resolve) => answers.push((tag) => resolve(view(tag))));
  return { read, answer: (index: number, tag: string) => answers[index]?.(tag) };
}

describe('viewStore', () => {
  it('renews what was read and keeps the rest', async () => {
    const store = viewStore(view('old'), async () => view('new'));
    await store.read([files], signal);
    expect(tags(store.current())).toEqual({ desired: 'old', files: 'new', units: 'old', etcd: 'old', vault: 'old' });
  });

  it('renews what is desired together with the vault, from which it follows', async () => {
    const store = viewStore(view('old'), async () => view('new'));
    await store.read(['vault'], signal);
    expect(tags(store.current())).toEqual({ desired: 'new', files: 'old', units: 'old', etcd: 'old', vault: 'new' });
  });

  it('renews everything', async () => {
    const store = viewStore(view('old'), async () => view('new'));
    expect(tags(await store.read('all', signal))).toEqual({
      desired: 'new',
      files: 'new',
      units: 'new',
      etcd: 'new',
      vault: 'new',
    });
  });

  it('does not lose one of two readings that run side by side', async () => {
    const { read, answer } = slowReader();
    const store = viewStore(view('old'), read);
    const both = [store.read([files], signal), store.read([units], signal)];
    answer(1, 'second');
    await both[1];
    answer(0, 'first');
    await both[0];
    expect(tags(store.current())).toMatchObject({ files: 'first', units: 'second' });
  });

  it('keeps the later reading of a fact when an earlier one answers last', async () => {
    const { read, answer } = slowReader();
    const store = viewStore(view('old'), read);
    const both = [store.read([files, units], signal), store.read([files], signal)];
    answer(1, 'later');
    await both[1];
    answer(0, 'earlier');
    expect(tags((await both[0]) ?? view(''))).toMatchObject({ files: 'later', units: 'earlier' });
  });

  it('knows which facts are older than a moment; a reading counts from its beginning', async () => {
    const { read, answer } = slowReader();
    const store = viewStore(view('old'), read);
    const before = store.read([units], signal);
    const moment = store.mark();
    const after = store.read([files], signal);
    answer(0, 'x');
    answer(1, 'x');
    await Promise.all([before, after]);
    expect(store.olderThan([files, units, 'etcd'], () => moment)).toEqual([units, 'etcd']);
    expect(store.olderThan(['etcd'], () => 0)).toEqual([]);
  });
});
