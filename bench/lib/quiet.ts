import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Quietness } from './records.ts';

/**
 * The rule, fixed before the first run: a run is disturbed when somebody else used more than 25 % of one processor during it,
 * or when more than 5 % of the processors' time was stolen. The load average cannot tell: most of it is the benchmark's own.
 */
const FOREIGN_LIMIT = 0.25;
const STOLEN_LIMIT = 0.05;

/** With more load than this nothing is started. */
export const LOAD_LIMIT = 0.3;
const TICKS_PER_SECOND = 100;

/** Processor seconds since the start of this computer. */
export interface CpuTimes {
  readonly busy: number;
  readonly stolen: number;
}

/** Reads the text of /proc/stat. */
export function parseCpuTimes(stat: string): CpuTimes {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, stolen = 0] =
    /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  return { busy: (user + nice + system + irq + softirq) / TICKS_PER_SECOND, stolen: stolen / TICKS_PER_SECOND };
}

export function loadNow(): number {
  return Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
}

/** Watches a run. `own` are the processor seconds so far of all that belongs to it, besides this process. */
export function watchQuiet(own: () => number): { readonly end: () => Quietness } {
  const loadBefore = loadNow();
  const before = { ...times(), own: own() + ownProcess(), at: performance.now() };
  return {
    end: () => {
      const after = { ...times(), own: own() + ownProcess(), at: performance.now() };
      return judgeQuiet({
        seconds: (after.at - before.at) / 1000,
        processors: availableParallelism(),
        busy: after.busy - before.busy,
        own: after.own - before.own,
        stolen: after.stolen - before.stolen,
        loadBefore,
        loadAfter: loadNow(),
      });
    },
  };
}

export interface Seen {
  readonly seconds: number;
  readonly processors: number;
  readonly busy: number;
  readonly own: number;
  readonly stolen: number;
  readonly loadBefore: number;
  readonly loadAfter: number;
}

export function judgeQuiet(seen: Seen): Quietness {
  // Ticks of 10 ms make a very short run look busier than it was.
  const seconds = Math.max(seen.seconds, 0.5);
  const foreign = Math.max(0, (seen.busy - seen.own) / seconds);
  const stolen = seen.stolen / seconds / seen.processors;
  const { loadBefore, loadAfter } = seen;
  const disturbed = foreign > FOREIGN_LIMIT || stolen > STOLEN_LIMIT;
  return { loadBefore, loadAfter, foreign: rounded(foreign), stolen: rounded(stolen), disturbed };
}

function times(): CpuTimes {
  return parseCpuTimes(readFileSync('/proc/stat', 'utf8'));
}

function ownProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
