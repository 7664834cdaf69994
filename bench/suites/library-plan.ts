import { join } from 'node:path';
import { cleanEnvironment } from '../contenders/types.ts';
import type { MeasuredCommand, MeasuredRun } from '../lib/measured.ts';
import type { Site } from '../lib/site.ts';

/** What bench/plan-by-library.ts prints. */
export interface LibraryPlanReport {
  readonly hosts: number;
  /** Hosts of which every fact is known. */
  readonly known: number;
  /** From the first connect to the verdict, without the start of the process. */
  readonly planMs: number;
  readonly connects: number;
  readonly roundTrips: number;
  readonly commands: number;
  readonly refusals: readonly string[];
  readonly unknown: readonly string[];
}

/** A plan through the library, in a process of its own. With addresses: of so many hosts, instead of the configuration's. */
export function libraryPlan(site: Site, addresses: readonly string[]): MeasuredCommand {
  const script = join(import.meta.dirname, '../plan-by-library.ts');
  const flags = addresses.length === 0 ? [] : ['--addresses', addresses.join(',')];
  return {
    argv: [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      script,
      join(site.folder, 'cluster.yaml'),
      ...flags,
    ],
    cwd: site.folder,
    env: cleanEnvironment(site),
  };
}

export function parseLibraryPlan(ran: Pick<MeasuredRun, 'stdout'>): Record<string, number> {
  const report = JSON.parse(ran.stdout) as LibraryPlanReport;
  return {
    planMs: report.planMs,
    failedHosts: report.hosts - report.known,
    connectsPerHost: report.connects / report.hosts,
    roundTripsPerHost: report.roundTrips / report.hosts,
    commandsPerHost: report.commands / report.hosts,
  };
}
