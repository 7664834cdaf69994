import { describe, expect, it } from 'vitest';
import { judgeQuiet, parseCpuTimes } from './quiet.ts';

describe('parseCpuTimes', () => {
  it('adds up what was work, and takes waiting and idling for none', () => {
    const stat = 'cpu  100 20 30 9000 500 4 6 70 0 0\ncpu0 50 10 15 4500 250 2 3 35 0 0\nintr 1\n';
    expect(parseCpuTimes(stat)).toEqual({ busy: 1.6, stolen: 0.7 });
  });
});

describe('judgeQuiet', () => {
  const seen = { seconds: 10, processors: 2, busy: 12, own: 11, stolen: 0, loadBefore: 0.1, loadAfter: 1.5 };

  it('own work does not disturb, whatever the load', () => {
    expect(judgeQuiet(seen)).toEqual({ loadBefore: 0.1, loadAfter: 1.5, foreign: 0.1, stolen: 0, disturbed: false });
  });

  it('somebody else’s does', () => {
    expect(judgeQuiet({ ...seen, own: 9 })).toMatchObject({ foreign: 0.3, disturbed: true });
  });

  it('so does a hypervisor that takes processors away', () => {
    expect(judgeQuiet({ ...seen, stolen: 1.2 })).toMatchObject({ stolen: 0.06, disturbed: true });
  });
});
