import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoreHealth } from '../graph-store/graph-store.ts';
import { closedReason, type GateThresholds } from './thresholds.ts';

const THRESHOLDS: GateThresholds = {
  maxDatabases: 50,
  heapPercent: 85,
  pagecachePercent: 90,
  diskPercent: 95,
};
const WELL: StoreHealth = { reachable: true, writable: true, percent: {} };

describe('closedReason', () => {
  it.each([
    [{ ...WELL, reachable: false, problem: 'refused' }, 'the store does not answer: refused'],
    [{ ...WELL, writable: false }, 'the store cannot be written: it is read-only'],
    [{ ...WELL, percent: { heap: 85 } }, "heap is at 85.0 % of the store's limit; the gate closes at 85 %"],
    [
      { ...WELL, percent: { heap: 91 }, meaning: { heap: "one loader's memory" } },
      "heap is at 91.0 % of one loader's memory; the gate closes at 85 %",
    ],
    [
      { ...WELL, percent: { pagecache: 99.5 } },
      "page cache is at 99.5 % of the store's limit; the gate closes at 90 %",
    ],
  ])('of %j is %s', (health, reason) => {
    expect(closedReason(health, THRESHOLDS)).toBe(reason);
  });

  it('is none exactly when every measure that the store offers is below its threshold', () => {
    const percent = fc.option(fc.double({ min: 0, max: 100, noNaN: true }), { nil: undefined });
    fc.assert(
      fc.property(percent, percent, percent, (heap, pagecache, disk) => {
        const measures = {
          ...(heap !== undefined && { heap }),
          ...(pagecache !== undefined && { pagecache }),
          ...(disk !== undefined && { disk }),
        };
        const below = (heap ?? 0) < 85 && (pagecache ?? 0) < 90 && (disk ?? 0) < 95;
        expect(closedReason({ ...WELL, percent: measures }, THRESHOLDS) === undefined).toBe(below);
      }),
    );
  });
});
