import { setTimeout as sleep } from 'node:timers/promises';
import type { EtcdGateway } from './etcd-gateway.ts';

/** What a writer knows of the cluster's contents. */
export interface Written {
  /** Key and value of each write that the cluster has promised to keep. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** Writes without an answer: they may have happened, or may happen later. */
  readonly uncertain: ReadonlyMap<string, string>;
  /** Of the one key that is written again and again: a later value must never go back to an earlier one. */
  readonly counter: { readonly key: string; readonly acknowledged: number; readonly tried: number };
}

export interface LoadReport extends Written {
  readonly seconds: number;
  readonly perSecond: number;
  /** Milliseconds in which no write was acknowledged, at the longest. */
  readonly longestSilenceMs: number;
}

export interface Load {
  readonly acknowledgedSoFar: () => number;
  /** Ends the writers and gives what they know. */
  readonly stop: () => Promise<LoadReport>;
}

export interface LoadOptions {
  /** Also the beginning of each key. */
  readonly name: string;
  readonly writers?: number;
  /** Pause of each writer between two writes. */
  readonly pauseMs?: number;
}

type Writable = Pick<EtcdGateway, 'put'>;

/** Writes new keys all the time, through each member in turn; a member that fails is passed over. */
export function startLoad(members: readonly Writable[], options: LoadOptions): Load {
  const { name, writers = 3, pauseMs = 20 } = options;
  const acknowledged = new Map<string, string>();
  const uncertain = new Map<string, string>();
  const counter = { key: `${name}/counter`, acknowledged: 0, tried: 0 };
  const started = performance.now();
  let last = started;
  let longestSilenceMs = 0;
  let going = true;

  const acknowledge = (): void => {
    const now = performance.now();
    longestSilenceMs = Math.max(longestSilenceMs, now - last);
    last = now;
  };
  /** Each number once and in order: what is acknowledged later is greater. */
  const count = async (): Promise<void> => {
    for (let turn = 0; going; turn += 1) {
      counter.tried += 1;
      const value = counter.tried;
      const ok = await wrote(members[turn % members.length], counter.key, `${value}`);
      if (ok) counter.acknowledged = value;
      if (ok) acknowledge();
      await sleep(pauseMs);
    }
  };
  const write = async (writer: number): Promise<void> => {
    for (let turn = 0; going; turn += 1) {
      const key = `${name}/key/${writer}-${turn}`;
      const value = `${name} ${writer} ${turn}`;
      const ok = await wrote(members[(turn + writer) % members.length], key, value);
      (ok ? acknowledged : uncertain).set(key, value);
      if (ok) acknowledge();
      await sleep(pauseMs);
    }
  };
  const running = Promise.all([count(), ...Array.from({ length: writers }, (_, n) => write(n))]);
  return {
    acknowledgedSoFar: () => acknowledged.size,
    stop: async () => {
      going = false;
      await running;
      const now = performance.now();
      const seconds = (now - started) / 1000;
      return {
        acknowledged,
        uncertain,
        counter,
        seconds,
        perSecond: acknowledged.size / seconds,
        longestSilenceMs: Math.max(longestSilenceMs, now - last),
      };
    },
  };
}

async function wrote(member: Writable | undefined, key: string, value: string): Promise<boolean> {
  try {
    await member?.put(key, value);
    return member !== undefined;
  } catch {
    return false;
  }
}

/** What is wrong with the cluster's contents, given what was written: empty when nothing promised is lost and nothing is made up. */
export function violations(written: Written, found: ReadonlyMap<string, string>): string[] {
  const wrong: string[] = [];
  for (const [key, value] of written.acknowledged) {
    const now = found.get(key);
    if (now === undefined) wrong.push(`lost: ${key}`);
    else if (now !== value) wrong.push(`changed: ${key} is ${JSON.stringify(now)}, not ${JSON.stringify(value)}`);
  }
  const { counter } = written;
  const counted = Number(found.get(counter.key) ?? '0');
  if (!(counted >= counter.acknowledged))
    wrong.push(`went back: ${counter.key} from ${counter.acknowledged} to ${counted}`);
  if (counted > counter.tried) wrong.push(`made up: ${counter.key} is ${counted}, ${counter.tried} was the last`);
  for (const [key, value] of found) {
    if (key === counter.key || written.acknowledged.has(key)) continue;
    if (written.uncertain.get(key) !== value) wrong.push(`made up: ${key}`);
  }
  return wrong;
}

/** A load that hardly wrote proves nothing. */
export function tooQuiet(report: LoadReport, least: { readonly perSecond: number; readonly count: number }): string[] {
  const { size } = report.acknowledged;
  const wrong: string[] = [];
  if (size < least.count) wrong.push(`only ${size} writes were acknowledged, not ${least.count}`);
  if (report.perSecond < least.perSecond)
    wrong.push(`only ${report.perSecond.toFixed(1)} writes a second were acknowledged, not ${least.perSecond}`);
  return wrong;
}
