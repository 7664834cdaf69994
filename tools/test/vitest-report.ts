/** What one run of vitest comes to. A run is good only when every case of it ran and passed. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Cases that were found and not run. Whoever reads the tally decides what that means; never that they passed. */
  readonly skipped: number;
  /** One line for each that did not pass. */
  readonly problems: readonly string[];
}

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Counts a report. `text` is undefined when vitest wrote none; `code` is its exit status. */
export function tallyOf(text: string | undefined, code: number, what: string): Tally {
  const report = parse(text);
  if (report === undefined)
    return { passed: 0, failed: 1, skipped: 0, problems: [`${what}: ended without a report, exit status ${code}`] };
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  const problems: string[] = [];
  for (const file of report.testResults) {
    const before = failed;
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'passed') {
        passed += 1;
        continue;
      }
      if (status === 'failed') failed += 1;
      else skipped += 1;
      problems.push(`${file.name}: ${fullName}: ${status}`);
    }
    // A file that cannot be loaded, or whose preparation fails, has no failed case.
    if (file.status === 'failed' && failed === before) {
      failed += 1;
      problems.push(`${file.name}: ${firstLine(file.message)}`);
    }
  }
  if (failed === 0 && (code !== 0 || passed + skipped === 0)) {
    failed += 1;
    problems.push(`${what}: exit status ${code}, ${passed + skipped} cases, none of them failed`);
  }
  return { passed, failed, skipped, problems };
}

export function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce((total, tally) => ({
    passed: total.passed + tally.passed,
    failed: total.failed + tally.failed,
    skipped: total.skipped + tally.skipped,
    problems: [...total.problems, ...tally.problems],
  }));
}

function parse(text: string | undefined): Report | undefined {
  try {
    const report = JSON.parse(text ?? '') as Partial<Report>;
    return Array.isArray(report.testResults) ? (report as Report) : undefined;
  } catch {
    return undefined;
  }
}

function firstLine(text: string | undefined): string {
  return text?.trim().split('\n')[0] || 'failed without a message';
}
