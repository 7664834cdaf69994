import { setTimeout as sleep } from 'node:timers/promises';
import type { EtcdGateway } from './etcd-gateway.ts';

/** From the question that was not answered first to the one that was not answered last. */
export interface Outage {
  readonly member: string;
  readonly from: number;
  readonly to: number;
}

export interface QuorumReport {
  readonly outages: readonly Outage[];
  /** Pairs of outages of different members at the same time: of three members less than two were there. */
  readonly overlaps: readonly string[];
  /** Questions to the member that was asked least. */
  readonly questions: number;
}

export interface QuorumWatch {
  readonly stop: () => Promise<QuorumReport>;
}

/** Asks every member by itself, all the time, whether it is there. */
export function watchQuorum(members: readonly Pick<EtcdGateway, 'name' | 'status'>[], everyMs = 50): QuorumWatch {
  const outages: Outage[] = [];
  const questions = new Map<string, number>(members.map((m) => [m.name, 0]));
  let going = true;
  const watch = async ({ name, status }: Pick<EtcdGateway, 'name' | 'status'>): Promise<void> => {
    let from: number | null = null;
    let to = 0;
    for (;;) {
      const asked = performance.now();
      const answered = await status().then(
        () => true,
        () => false,
      );
      questions.set(name, (questions.get(name) ?? 0) + 1);
      if (!answered) {
        from ??= asked;
        to = asked;
      }
      if (from !== null && (answered || !going)) {
        outages.push({ member: name, from, to });
        from = null;
      }
      if (!going) return;
      await sleep(everyMs);
    }
  };
  const running = Promise.all(members.map(watch));
  return {
    stop: async () => {
      going = false;
      await running;
      return { outages, overlaps: overlapsOf(outages), questions: Math.min(...questions.values()) };
    },
  };
}

export function overlapsOf(outages: readonly Outage[]): string[] {
  return outages.flatMap((one, n) =>
    outages
      .slice(n + 1)
      .filter((other) => other.member !== one.member && other.from <= one.to && one.from <= other.to)
      .map((other) => `${[one.member, other.member].sort().join(' and ')} for ${span(one, other)} ms`),
  );
}

function span(one: Outage, other: Outage): number {
  return Math.round(Math.min(one.to, other.to) - Math.max(one.from, other.from));
}
