import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DatabaseInfo } from '../graph-store/graph-store.ts';
import { selectRetired } from './select.ts';

const database = (timestamp: number, state: DatabaseInfo['state'] = 'complete'): DatabaseInfo => ({
  name: `acme-${timestamp}`,
  snapshot: { customer: 'acme', timestamp },
  state,
});

describe('selectRetired', () => {
  it('keeps the newest two', () => {
    const retired = selectRetired(
      [1, 2, 3, 4].map((time) => database(time)),
      'acme-4',
      2,
    );
    expect(retired.map(({ name }) => name)).toEqual(['acme-2', 'acme-1']);
  });

  it('does not let half-loaded or unpublished databases take the place of a kept one', () => {
    const all = [database(1), database(2), database(3, 'building'), database(4, 'marked'), database(5)];
    expect(selectRetired(all, 'acme-2', 2)).toEqual([]);
  });

  it('never drops the target or what cannot be judged, and always leaves the newest N', () => {
    const anyDatabase = fc.record({
      timestamp: fc.integer({ min: 1, max: 30 }),
      state: fc.constantFrom<DatabaseInfo['state'][]>('building', 'marked', 'complete', 'unknown'),
    });
    const histories = fc.uniqueArray(anyDatabase, { selector: ({ timestamp }) => timestamp, maxLength: 20 });
    fc.assert(
      fc.property(histories, fc.nat(), fc.integer({ min: 1, max: 5 }), (found, pick, keep) => {
        const all = found.map(({ timestamp, state }) => database(timestamp, state));
        const complete = all.filter(({ state }) => state === 'complete');
        const target = complete[pick % Math.max(1, complete.length)]?.name;
        const retired = selectRetired(all, target, keep);
        expect(retired.every(({ state }) => state === 'complete')).toBe(true);
        expect(retired.map(({ name }) => name)).not.toContain(target);
        const left = complete.filter((one) => !retired.includes(one));
        expect(left.length).toBeGreaterThanOrEqual(Math.min(keep, complete.length));
      }),
    );
  });
});
