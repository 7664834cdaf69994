import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { ErrorCode } from '../model/codes.ts';
import { KeelsonError } from '../model/errors.ts';
import { hostId } from '../model/ids.ts';
import { dialMember } from './dial-member.ts';

const HOSTS = ['etcd-0', 'etcd-1', 'etcd-2'].map(hostId);
const endpoint = { host: hostId('etcd-2'), address: '10.0.0.2', port: 2379 };
const signal = new AbortController().signal;

type Answer = ErrorCode | 'answers' | 'silent' | 'fault';

function machines(answers: Record<string, Answer>) {
  const dialled: string[] = [];
  const streams = new Map<string, PassThrough>();
  const dial = dialMember(
    HOSTS,
    (id) => ({
      dial: async (address, port, limit) => {
        dialled.push(`${id} ${address}:${port}`);
        const answer = answers[id] ?? 'silent';
        if (answer === 'silent')
          return new Promise((_, reject) => limit.addEventListener('abort', () => reject(limit.reason)));
        if (answer === 'fault') throw new Error('a fault');
        if (answer !== 'answers') throw new KeelsonError(answer, `${id} says ${answer}`);
        const stream = new PassThrough();
        streams.set(id, stream);
        return stream;
      },
    }),
    20,
  );
  return { dial, dialled, streams };
}

it('takes the member’s own machine, and asks no other while that one works', async () => {
  const { dial, dialled, streams } = machines({ 'etcd-2': 'answers', 'etcd-0': 'answers' });
  expect(await dial(endpoint, signal)).toBe(streams.get('etcd-2'));
  expect(dialled).toEqual(['etcd-2 10.0.0.2:2379']);
});

it.each(['host.auth', 'host.unreachable', 'silent'] as const)('goes by another machine after %s', async (answer) => {
  const { dial, dialled, streams } = machines({ 'etcd-0': 'host.auth', 'etcd-1': 'answers', 'etcd-2': answer });
  expect(await dial(endpoint, signal)).toBe(streams.get('etcd-1'));
  expect(dialled).toContain('etcd-1 10.0.0.2:2379');
  expect(streams.get('etcd-1')?.destroyed).toBe(false);
});

it('keeps one stream of several', async () => {
  const { dial, streams } = machines({ 'etcd-0': 'answers', 'etcd-1': 'answers', 'etcd-2': 'host.auth' });
  const taken = await dial(endpoint, signal);
  expect([...streams.values()].filter((s) => !s.destroyed)).toEqual([taken]);
});

it('tells the reason of the member’s own machine when no way leads there', async () => {
  const { dial } = machines({ 'etcd-0': 'host.unreachable', 'etcd-1': 'host.unreachable', 'etcd-2': 'host.auth' });
  await expect(dial(endpoint, signal)).rejects.toMatchObject({ code: 'host.auth' });
});

it('hides no fault behind another way', async () => {
  const { dial, dialled } = machines({ 'etcd-0': 'answers', 'etcd-2': 'fault' });
  await expect(dial(endpoint, signal)).rejects.toThrow('a fault');
  expect(dialled).toHaveLength(1);
});
