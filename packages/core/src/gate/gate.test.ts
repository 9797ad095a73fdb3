import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DatabaseInfo, StoreHealth } from '../graph-store/graph-store.ts';
import { closedReason, type GateThresholds, limitInWords, roomOf } from './thresholds.ts';

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

it('does not close at a threshold of 100, which is for measures that are well when full', () => {
  const full = { ...WELL, percent: { pagecache: 100 } };
  expect(closedReason(full, { ...THRESHOLDS, pagecachePercent: 100 })).toBeUndefined();
  expect(closedReason(full, { ...THRESHOLDS, pagecachePercent: 99 })).toBeDefined();
});

describe('roomOf', () => {
  const database = (name: string, state: DatabaseInfo['state'] = 'complete'): DatabaseInfo => {
    const [, customer = '', timestamp] = /^([a-z]+)-(\d+)/.exec(name) ?? [];
    return { name, state, snapshot: { customer, timestamp: Number(timestamp) } };
  };
  const databases = [
    database('acme-100'),
    // On Neo4j a build has its final name; on the embedded store it has not, and its reservation stands for it.
    database('acme-200', 'building'),
    database('acme-300.r1.building', 'building'),
  ];
  const room = (health: Partial<StoreHealth>) =>
    roomOf({ ...WELL, ...health }, { databases, aliases: [] }, 50);

  it('is max_databases where the server has no limit, or one that leaves more', () => {
    const existing = ['acme-100', 'acme-200'];
    expect(room({})).toEqual({ existing, max: 50 });
    expect(room({ databases: { existing: 12, limit: 100 } })).toEqual({ existing, max: 50 });
  });

  it("is what the server's limit leaves beside others' databases and its own", () => {
    const shared = room({ databases: { existing: 92, limit: 100 } });
    expect(shared.max).toBe(10);
    expect(limitInWords(shared)).toBe("at most 10 databases (the server takes 100, 90 of them others')");
    expect(room({ databases: { existing: 102, limit: 100 } }).max).toBe(0);
  });
});
