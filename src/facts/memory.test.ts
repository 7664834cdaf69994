import { describe, expect, it } from 'vitest';
import { hostId } from '../model/ids.ts';
import { memoryText, type Remembered, recall } from './memory.ts';

const etcd0 = hostId('etcd-0');
const seen: Remembered = {
  tools: new Map([['kubeadm', { path: '/usr/bin/kubeadm', version: '1.36.3', stamp: '1-2-3-4.5' }]]),
  manifests: [{ is: 'made', text: 'kind: Pod\n', by: 'host', config: 'a: b\n', stamp: '1-2-3-4.5' }],
};
const holding = (text: string | null) => ({ read: async () => text, write: async () => undefined });

describe('what is remembered of the machines', () => {
  it('comes back as it was kept', async () => {
    const back = await recall(holding(memoryText(new Map([[etcd0, seen]]))));
    expect(back).toEqual(new Map([[etcd0, seen]]));
  });

  const text = memoryText(new Map([[etcd0, seen]]));
  it.each([
    ['nothing', null],
    ['no JSON', text.slice(0, -3)],
    ['another version', text.replace('"version":1,"hosts"', '"version":2,"hosts"')],
    ['a field that this version does not know', text.replace('"text"', '"more":1,"text"')],
    ['a program without a stamp, which would match one that is not there', text.replaceAll('1-2-3-4.5', '')],
  ])('is nothing where there is %s', async (_what, kept) => {
    expect(kept).not.toBe(text);
    expect(await recall(holding(kept))).toEqual(new Map());
  });
});
