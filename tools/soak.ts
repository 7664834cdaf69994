import { parseArgs } from 'node:util';
import { clusterScheduleOf } from '../test/scenarios/sim/cluster-schedule.ts';
import { runSchedule } from '../test/scenarios/sim/run-schedule.ts';
import { scheduleOf } from '../test/scenarios/sim/schedule.ts';

// Runs simulated schedules: `node tools/soak.ts --seeds 2000 [--from 1]`, or one with its whole trace: `--seed N`. With `--clusters` those of
// whole Kubernetes clusters.
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
    clusters: { type: 'boolean', default: false },
  },
});
const storyOf = values.clusters ? clusterScheduleOf : scheduleOf;

const seeds =
  values.seed === undefined
    ? Array.from({ length: Number(values.seeds) }, (_, n) => Number(values.from) + n)
    : [Number(values.seed)];
const began = performance.now();
let failed = 0;
for (const [done, seed] of seeds.entries()) {
  const { violations, trace } = await runSchedule(storyOf(seed));
  if (values.seed !== undefined) console.log(`${JSON.stringify(storyOf(seed), null, 2)}\n${trace.join('\n')}`);
  if (violations.length > 0) {
    failed += 1;
    console.log(`seed ${seed}: ${violations.join('; ')}`);
  }
  if (done % 500 === 499)
    console.error(`${done + 1} seeds, ${failed} failed, ${Math.round((performance.now() - began) / 1000)} s`);
}
console.log(`${seeds.length} seeds, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
