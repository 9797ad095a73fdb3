import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

describe('backoffMs', () => {
  it('waits 2, 4 and 8 seconds with base 2', () => {
    expect([1, 2, 3].map((attempt) => backoffMs(2, attempt, () => 0))).toEqual([2000, 4000, 8000]);
  });

  it('never waits less than documented, nor more than a tenth longer', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 8 }),
        random,
        (base, attempt, drawn) => {
          const least = base ** attempt * 1000;
          const waited = backoffMs(base, attempt, () => drawn);
          expect(waited).toBeGreaterThanOrEqual(least);
          expect(waited).toBeLessThanOrEqual(Math.ceil(least * 1.1));
        },
      ),
    );
  });
});
