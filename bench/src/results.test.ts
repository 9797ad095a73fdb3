import { describe, expect, it } from 'vitest';
import { findingOf, quantile } from './figures.ts';
import { replaceSection, tableOf } from './results.ts';

describe('a section of the results', () => {
  const text = '# Results\n\nHead.\n\n## scan\n\nold scan\n\n## queue\n\nold queue\n';

  it('is replaced alone', () => {
    const after = replaceSection(text, 'scan', '## scan\n\nnew scan\n');
    expect(after).toBe('# Results\n\nHead.\n\n## scan\n\nnew scan\n\n## queue\n\nold queue\n');
  });

  it('is put at the end when there is none of its name', () => {
    const after = replaceSection(text, 'load', '## load\n\nnew load\n');
    expect(after).toBe(`${text}\n## load\n\nnew load\n`);
    expect(replaceSection(after, 'load', '## load\n\nnew load\n')).toBe(after);
  });
});

describe('figures', () => {
  it('interpolate between two values', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([5], 0.99)).toBe(5);
  });

  it('judge a ratio by the medians, and a median by itself', () => {
    const row = { what: 'CPU', unit: 's', values: [2, 3, 100], reference: [1, 2, 3] };
    expect(findingOf({ ...row, target: { of: 'ratio', atMost: 1.5 } })).toMatchObject({
      ratio: 1.5,
      holds: true,
    });
    expect(findingOf({ ...row, target: { of: 'ratio', atMost: 1.4 } }).holds).toBe(false);
    expect(findingOf({ ...row, target: { of: 'median', atMost: 2.9 } }).holds).toBe(false);
    expect(findingOf({ ...row, target: { of: 'ratio', atLeast: 1.5 } }).holds).toBe(true);
    expect(findingOf({ ...row, target: { of: 'ratio', atLeast: 1.6 } }).holds).toBe(false);
    expect(findingOf(row).holds).toBeUndefined();
  });

  it('say in the table whether a target holds', () => {
    const target = { of: 'ratio', atMost: 5 } as const;
    const rows = [{ what: 'CPU', unit: 's', values: [12], reference: [2], target }];
    expect(tableOf({ subject: 'a', reference: 'b', rows, notes: [] })[2]).toBe(
      '| CPU (s) | 12 | 2 | 6.00  | ratio ≤ 5: missed |',
    );
  });
});
