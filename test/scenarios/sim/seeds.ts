import { expect, it } from 'vitest';
import { clusterScheduleOf } from './cluster-schedule.ts';
import { runSchedule, runSeed } from './run-schedule.ts';

/** What `make check` runs: a file of tests for each part, so that they share the processors. */
export const SEEDS = 2_000;
/** Stories of whole Kubernetes clusters: each costs as much as ten of etcd alone. */
const CLUSTER_SEEDS = 150;
const BATCH = 50;

/** Tests of one part of the seeds; a failing one says how it is replayed. */
export function testSeeds(part: number, parts: number): void {
  const each = SEEDS / parts;
  const first = part * each + 1;
  for (let from = first; from < first + each; from += BATCH) {
    it(`seeds ${from} to ${from + BATCH - 1}`, { timeout: 120_000 }, async () => {
      const found: string[] = [];
      for (let seed = from; seed < from + BATCH; seed += 1) {
        const { violations } = await runSeed(seed);
        if (violations.length > 0) found.push(`node tools/soak.ts --seed ${seed}: ${violations.join('; ')}`);
      }
      expect(found).toEqual([]);
    });
  }
}

/** The same of whole clusters. */
export function testClusterSeeds(): void {
  for (let from = 1; from < CLUSTER_SEEDS; from += BATCH) {
    it(`clusters, seeds ${from} to ${from + BATCH - 1}`, { timeout: 120_000 }, async () => {
      const found: string[] = [];
      for (let seed = from; seed < from + BATCH; seed += 1) {
        const { violations } = await runSchedule(clusterScheduleOf(seed));
        if (violations.length > 0) found.push(`node tools/soak.ts --clusters --seed ${seed}: ${violations.join('; ')}`);
      }
      expect(found).toEqual([]);
    });
  }
}
