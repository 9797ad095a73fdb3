import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomOf } from '@graphshift/testkit';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { Judge } from './judge.ts';
import { type Published, Snapshots } from './snapshots.ts';
import type { AliasSeen, DatabaseSeen } from './target.ts';
import { HELD, PINNED } from './times.ts';

const directory = mkdtempSync(join(tmpdir(), 'graphshift-judge-'));
afterAll(() => rmSync(directory, { recursive: true }));

const snapshots = new Snapshots(join(directory, 'data'), directory, { small: 20, medium: 20, large: 20 });
let judge: Judge;
beforeEach(() => {
  judge = new Judge(
    snapshots,
    () => 0,
    (from, to) => from <= 100 && to >= 50,
  );
});

const [OLD, NEW, NEWEST] = [1_700_000_010, 1_700_000_020, 1_700_000_030];

function alias(timestamp: number, more: Partial<AliasSeen> = {}): AliasSeen {
  const customer = more.customer ?? 'amber';
  return { customer, database: `${customer}-${timestamp}`, timestamp, pinned: false, holds: [], ...more };
}

function database(timestamp: number, more: Partial<DatabaseSeen> = {}): DatabaseSeen {
  const name = `amber-${timestamp}`;
  return { name, customer: 'amber', timestamp, complete: true, identity: `i${timestamp}`, ...more };
}

function see(
  aliases: readonly AliasSeen[],
  databases: readonly DatabaseSeen[],
  problems: readonly string[] = [],
) {
  judge.see({ aliases, databases, problems });
}

it('finds nothing wrong with a cutover and a retirement', () => {
  see([alias(OLD)], [database(OLD)]);
  see([alias(OLD)], [database(OLD), database(NEW, { complete: false })]);
  see([alias(NEW)], [database(OLD), database(NEW)]);
  see([alias(NEWEST)], [database(NEW), database(NEWEST)]);
  judge.hear({ customer: 'amber', at: 0, database: `amber-${OLD}`, people: 3 });
  judge.hear({ customer: 'amber', at: 0, database: `amber-${NEW}`, people: 4 });
  expect(judge.failures).toEqual([]);
});

it.each<[string, () => void, RegExp]>([
  [
    'a read that failed',
    () => judge.hear({ customer: 'amber', from: 10, at: 49, error: 'no alias' }),
    /1: a read of amber failed/,
  ],
  [
    'a read of older rows',
    () => {
      judge.hear({ customer: 'amber', at: 0, database: `amber-${NEW}`, people: 3 });
      judge.hear({ customer: 'amber', at: 0, database: `amber-${OLD}`, people: 3 });
    },
    /2: stale read: amber/,
  ],
  [
    'an alias that leads nowhere',
    () => see([], [], ['alias amber leads to nothing whole']),
    /1: alias amber leads/,
  ],
  [
    'an alias that is gone',
    () => {
      see([alias(OLD)], [database(OLD)]);
      see([], [database(OLD)]);
    },
    /1: the alias amber is gone/,
  ],
  [
    'an alias that moved back',
    () => {
      see([alias(NEW)], [database(OLD), database(NEW)]);
      see([alias(OLD)], [database(OLD), database(NEW)]);
    },
    /2: the alias amber moved back/,
  ],
  [
    'a database that was loaded twice',
    () => {
      see([alias(OLD)], [database(OLD)]);
      see([alias(OLD)], [database(OLD, { identity: 'another' })]);
    },
    /3: amber-1700000010 was complete and was loaded again/,
  ],
  [
    'one of the newest two dropped',
    () => {
      see([alias(OLD)], [database(OLD)]);
      see([alias(NEW)], [database(OLD), database(NEW)]);
      see([alias(NEW)], [database(NEW)]);
    },
    /5: amber-1700000010 is gone/,
  ],
  [
    'a pin that is lost',
    () => {
      const own = { customer: PINNED };
      see([alias(OLD, { ...own, pinned: true })], []);
      see([alias(OLD, own)], []);
    },
    /6: the pin of pinned is gone/,
  ],
  [
    'a hold that is lost',
    () => {
      see([alias(OLD, { customer: HELD, holds: [NEW] })], []);
      see([alias(OLD, { customer: HELD })], []);
    },
    /6: a hold of held is gone/,
  ],
])('tells of %s', (_, happen, says) => {
  happen();
  expect(judge.failures.join('\n')).toMatch(says);
});

it('excuses a read that failed while the store could answer nobody, and counts it', () => {
  judge.hear({ customer: 'amber', from: 10, at: 50, error: 'connection refused' });
  judge.hear({ customer: 'amber', from: 100, at: 110, error: 'connection refused' });
  expect(judge.failures).toEqual([]);
  expect(judge.excused).toBe(2);
});

it('tells a wrong number of rows, and held content that went live, by what was published', async () => {
  const first: Published = await snapshots.publish(HELD, randomOf(1), 'small');
  const again = await snapshots.publishAgain(first);
  judge.hear({ customer: HELD, at: 0, database: `held-${first.timestamp}`, people: first.people + 1 });
  see([alias(again.timestamp, { customer: HELD })], []);
  expect(judge.failures[0]).toMatch(/1: held-\d+ answers \d+ people/);
  expect(judge.failures.join('\n')).toMatch(/2: held content went live/);
});
