import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SnapshotSize } from '../snapshot-source/footer-sizes.ts';
import {
  type Estimate,
  estimateLoad,
  FIRST_FACTORS,
  hasEstimates,
  observedFactors,
  sizeClass,
  withFactors,
} from './estimate.ts';
import { type Budgets, describeShortage, inUnits, readShortage } from './shortage.ts';

const GIB = 2 ** 30;
const amount = fc.integer({ min: 0, max: 2 ** 40 });
const kindSize = fc.record({
  rows: fc.integer({ min: 0, max: 10 ** 9 }),
  content: amount,
  properties: amount,
  floats: fc.boolean(),
});
const sizes: fc.Arbitrary<SnapshotSize> = fc.record({
  files: fc.integer({ min: 1, max: 10_000 }),
  bytes: amount,
  arrowBytes: amount,
  nodes: kindSize,
  relationships: kindSize,
  largest: amount,
});
const factor = fc.double({ min: 0.1, max: 10, noNaN: true });
const factors = fc.record({ disk: factor, memory: factor, seconds: factor });
const kinds = fc.constantFrom('embedded', 'neo4j');

function made(kind: string, size: SnapshotSize): Estimate {
  const estimate = estimateLoad(size, { kind, memoryLimit: GIB });
  if (!estimate) throw new Error(`no estimate for ${kind}`);
  return estimate;
}

describe('an estimate', () => {
  it('is there for the stores whose loads were measured, and for no other', () => {
    expect(['embedded', 'neo4j', 'memory', 'toString'].map(hasEstimates)).toEqual([true, true, false, false]);
    const size = { rows: 1, content: 1, properties: 1, floats: false };
    const one = { files: 1, bytes: 1, arrowBytes: 0, nodes: size, relationships: size, largest: 1 };
    expect(estimateLoad(one, { kind: 'memory', memoryLimit: GIB })).toBeUndefined();
    expect(made('neo4j', one).disk).toBeUndefined();
  });

  it('grows with what is loaded, and its memory never passes the limit of a loading process', () => {
    fc.assert(
      fc.property(kinds, sizes, kindSize, (kind, size, more) => {
        const nodes = {
          ...size.nodes,
          rows: size.nodes.rows + more.rows,
          content: size.nodes.content + more.content,
        };
        const [less, larger] = [made(kind, size), made(kind, { ...size, nodes })];
        for (const measure of ['disk', 'memory', 'seconds'] as const)
          expect(larger[measure] ?? 0).toBeGreaterThanOrEqual(less[measure] ?? 0);
        expect(larger.memory).toBeLessThan(GIB);
      }),
    );
  });

  it('learns exactly what it was wrong by, whatever it had learned before', () => {
    fc.assert(
      fc.property(kinds, sizes, factors, factors, (kind, size, before, truth) => {
        const first = made(kind, size);
        const told = withFactors(first, before);
        const seen = observedFactors(told, withFactors(first, truth));
        expect(seen.memory).toBeCloseTo(truth.memory, 1);
        const again = withFactors(told, { ...FIRST_FACTORS, ...seen });
        expect(again.memory / withFactors(first, truth).memory).toBeCloseTo(1, 2);
      }),
    );
  });

  it('knows eight classes of size', () => {
    const classes = [0, 1, 999_999, 1e6, 5e9, 1e12, 1e15].map(sizeClass);
    expect(classes).toEqual([5, 5, 5, 6, 9, 12, 12]);
  });
});

describe('a shortage', () => {
  const budgets: Budgets = {
    disk: { free: 3 * GIB, total: 10 * GIB, kept: GIB, keptPercent: 10 },
    memory: { free: GIB, total: 4 * GIB, host: 'box' },
    worker: { free: GIB / 2, total: GIB },
  };
  const needs = (disk: number, memory: number) => ({ disk, scratch: GIB / 2, memory });

  it.each([
    [
      'no-disk',
      needs(4 * GIB, 0),
      false,
      /needs 4\.0 GiB of disk.* 512 MiB.* 3\.0 GiB free, 2\.0 GiB reserved.*1\.0 GiB kept free/,
    ],
    ['no-disk', needs(9.5 * GIB, 0), true, /has 10\.0 GiB in all.*can never fit/],
    [
      'no-memory',
      needs(0, 2 * GIB),
      false,
      /2\.0 GiB of memory, and box has 1\.0 GiB to spare, 2\.0 GiB reserved/,
    ],
    ['no-memory', needs(0, 5 * GIB), true, /box has 4\.0 GiB in all: it can never fit there/],
    [
      'no-worker-memory',
      needs(0, GIB / 4),
      false,
      /256 MiB of memory, and worker_memory_limit_mb allows 1\.0 GiB/,
    ],
    ['no-worker-memory', needs(0, GIB), true, /it can never fit in this worker/],
  ] as const)('%s is told with figures, and what to do about it %#', (kind, needed, never, words) => {
    const said = describeShortage(kind, needed, budgets, 2 * GIB);
    expect(said.never).toBe(never);
    expect(said.reason).toMatch(words);
    const more = kind === 'no-disk' ? /larger disk/ : /more memory/;
    const action = readShortage(said.reason)?.action ?? '';
    if (never) expect(action).toMatch(more);
    else expect(action).toMatch(/^(Free disk|Wait for loads)/);
  });

  it('is not what other reasons tell', () => {
    expect(readShortage('the store has 50 of at most 50 databases')).toBeUndefined();
    expect([0, 1023, 1536, 200 * 2 ** 20, 2 ** 50].map(inUnits)).toEqual([
      '0 B',
      '1023 B',
      '1.5 KiB',
      '200 MiB',
      '1024 TiB',
    ]);
  });
});
