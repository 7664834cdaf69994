import { describe, expect, it } from 'vitest';
import { withReport } from './write.ts';

describe('withReport', () => {
  const page = '# Page\n\n<!-- results: begin -->\nold\n<!-- results: end -->\n\nend\n';

  it('replaces what is between the marks, and nothing else', () => {
    const once = withReport(page, 'new\n');
    expect(once).toBe('# Page\n\n<!-- results: begin -->\n\nnew\n\n<!-- results: end -->\n\nend\n');
    expect(withReport(once, 'new\n')).toBe(once);
  });

  it('does not guess where they were', () => {
    expect(() => withReport('# Page\n', 'new')).toThrow('marks');
  });
});
