import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AliasInfo } from '../graph-store/graph-store.ts';
import { databaseName } from '../snapshot/names.ts';
import { decideCutover } from './decide.ts';

const SINCE = '2026-01-01T00:00:00.000Z';

const alias = (snapshot: number, properties: Partial<AliasInfo['properties']> = {}): AliasInfo => ({
  customer: 'acme',
  database: databaseName({ customer: 'acme', timestamp: snapshot }),
  properties: { epoch: 1, snapshot, contentHash: `hash-${snapshot}`, since: SINCE, ...properties },
});

const candidate = (timestamp: number, contentHash?: string) => ({
  database: databaseName({ customer: 'acme', timestamp }),
  timestamp,
  contentHash,
});

describe('decideCutover', () => {
  it('moves to what is newer, and adopts what the alias targets already', () => {
    expect(decideCutover(undefined, candidate(5)).kind).toBe('move');
    expect(decideCutover(alias(5), candidate(6)).kind).toBe('move');
    expect(decideCutover(alias(5), candidate(5)).kind).toBe('adopt');
  });

  it('says why it does not move', () => {
    expect(decideCutover(alias(5), candidate(4))).toEqual({
      kind: 'overtaken',
      reason: 'snapshot 5 is live',
    });
    const holds = [{ timestamp: 6, contentHash: 'bad', since: SINCE, reason: 'airports are missing' }];
    expect(decideCutover(alias(5, { holds }), candidate(6))).toEqual({
      kind: 'held',
      reason: `it is held since ${SINCE}: airports are missing`,
    });
    expect(decideCutover(alias(5, { holds }), candidate(7, 'bad'))).toEqual({
      kind: 'held',
      reason: `its content, that of snapshot 6, is held since ${SINCE}: airports are missing`,
    });
    expect(decideCutover(alias(2, { holds }), candidate(5))).toEqual({
      kind: 'overtaken',
      reason: 'snapshot 6 was live, and is held since a rollback',
    });
    expect(decideCutover(alias(2, { holds }), { ...candidate(5), asked: true }).kind).toBe('move');
    const pin = { since: SINCE, reason: 'audit' };
    expect(decideCutover(alias(5, { pin }), candidate(6))).toEqual({
      kind: 'pinned',
      reason: `acme is pinned to snapshot 5 since ${SINCE}: audit`,
    });
  });

  it('never moves back, to held content, or under a pin, whatever the alias carries', () => {
    const times = fc.integer({ min: 1, max: 9 });
    const hashes = fc.constantFrom('a', 'b', 'c');
    const hold = fc.record({
      timestamp: times,
      contentHash: hashes,
      since: fc.constant(SINCE),
      reason: fc.constant(''),
    });
    const pins = fc.option(fc.constant({ since: SINCE, reason: '' }), { nil: undefined });
    fc.assert(
      fc.property(
        times,
        fc.array(hold, { maxLength: 3 }),
        pins,
        times,
        hashes,
        (live, holds, pin, time, hash) => {
          const there = alias(live, { holds, ...(pin && { pin }) });
          const { kind } = decideCutover(there, candidate(time, hash));
          if (kind !== 'move') return;
          expect(time).toBeGreaterThan(live);
          expect(pin).toBeUndefined();
          expect(holds.some(({ timestamp, contentHash }) => timestamp === time || contentHash === hash)).toBe(
            false,
          );
        },
      ),
    );
  });
});
