import { describe, expect, it } from 'vitest';
import { sum, tallyOf } from './vitest-report.ts';

function report(...files: readonly (readonly string[])[]): string {
  const testResults = files.map((statuses, index) => ({
    name: `file${index}`,
    status: statuses.includes('failed') ? 'failed' : 'passed',
    assertionResults: statuses.map((status, at) => ({ status, fullName: `case${at}` })),
  }));
  return JSON.stringify({ testResults });
}

describe('the tally of a run of vitest', () => {
  it('counts cases over all files', () => {
    expect(tallyOf(report(['passed', 'passed'], ['passed']), 0, 'fast')).toEqual({
      passed: 3,
      failed: 0,
      skipped: 0,
      problems: [],
    });
  });

  it('names what failed', () => {
    expect(tallyOf(report(['passed', 'failed']), 1, 'fast')).toEqual({
      passed: 1,
      failed: 1,
      skipped: 0,
      problems: ['file0: case1: failed'],
    });
  });

  it.each(['skipped', 'pending', 'todo', 'disabled', 'something new'])('does not take %s for passed', (status) => {
    const { passed, skipped, problems } = tallyOf(report(['passed', status]), 0, 'fast');
    expect({ passed, skipped, problems }).toEqual({ passed: 1, skipped: 1, problems: [`file0: case1: ${status}`] });
  });

  it('counts a file that could not be loaded', () => {
    const text = JSON.stringify({
      testResults: [{ name: 'f', status: 'failed', message: '\nNo such module\n  at', assertionResults: [] }],
    });
    expect(tallyOf(text, 1, 'fast')).toMatchObject({ passed: 0, failed: 1, problems: ['f: No such module'] });
  });

  it.each([
    ['an error outside of every case', report(['passed']), 1, 1],
    ['no cases at all', report(), 0, 0],
    ['no report', undefined, 137, 0],
    ['half a report', '{"testResults": [', 0, 0],
    ['another report', '{}', 0, 0],
  ])('fails on %s', (_name, text, code, passed) => {
    const tally = tallyOf(text, code, 'fast');
    expect(tally).toMatchObject({ passed, failed: 1 });
    expect(tally.problems).toHaveLength(1);
  });

  it('adds up', () => {
    const tallies = [tallyOf(report(['passed', 'todo']), 0, 'a'), tallyOf(report(['failed']), 1, 'b')];
    expect(sum(tallies)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 1,
      problems: ['file0: case1: todo', 'file0: case0: failed'],
    });
  });
});
