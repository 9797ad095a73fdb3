/**
 * Random histories of two customers whose names are each other's beginning: snapshots, failures, crashes, sleepers that wake
 * up late, rollbacks, pins, cancels, redrives, an emptied Redis. The pipeline, the cutover, retention and recovery are
 * the real ones, over a real Redis; the store is in memory, so that thousands of steps take seconds. What must never
 * happen is judged at the moment when the store changes, and after every step.
 */

import { isEndState } from '@graphshift/core';
import { startRedis, type TestRedis } from '@graphshift/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Customers,
  type Guard,
  KEEP,
  makeWorld,
  POINTS,
  type Sabotage,
  type Step,
  type World,
} from './histories-world.ts';

const whole = (max: number) => fc.integer({ min: 0, max });
/** Most happens to one customer at few times with few contents, so that things meet. */
const customer = fc.constantFrom(0, 0, 0, 1);
const time = whole(5);
const content = whole(2);
const drop = fc.record({
  act: fc.constant('drop' as const),
  customer,
  time,
  content,
  broken: fc.constantFrom('no' as const, 'no' as const, 'no' as const, 'once' as const, 'for good' as const),
});
const work = fc.record({ act: fc.constant('work' as const), pick: whole(1) });
const fault = fc.record({
  act: fc.constantFrom('crash' as const, 'sleep' as const),
  pick: whole(1),
  point: whole(POINTS.length - 1),
});
const person = fc.record({
  act: fc.constantFrom('rollback', 'rollback', 'pin', 'unpin', 'cancel', 'retry'),
  customer,
  pick: time,
});
const system = fc.record({ act: fc.constantFrom('wake', 'upkeep', 'flush') });
const one: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: drop },
  { weight: 6, arbitrary: work },
  { weight: 2, arbitrary: fault },
  { weight: 3, arbitrary: person },
  { weight: 2, arbitrary: system },
);

/** Small plots that chance alone would seldom write, with anything in between. */
const live = (time: number, content: number): Step[] => [
  { act: 'drop', customer: 0, time, content, broken: 'no' },
  { act: 'work', pick: 0 },
];
const overtaken = fc
  .record({ point: whole(POINTS.length - 1), between: fc.array(one, { maxLength: 2 }), after: time })
  .map(({ point, between, after }): Step[] => [
    { act: 'drop', customer: 0, time: 2, content: 0, broken: 'no' },
    { act: 'sleep', pick: 0, point },
    { act: 'work', pick: 0 },
    ...live(3 + (after % 3), 1),
    ...between,
    { act: 'wake' },
  ]);
const cameBack = fc
  .record({ between: fc.array(one, { maxLength: 2 }), again: content })
  .map(({ between, again }): Step[] => [
    ...live(1, 0),
    ...live(2, 1),
    { act: 'rollback', customer: 0, pick: 0 },
    ...between,
    ...live(4, again),
    { act: 'upkeep' },
  ]);
const histories = fc
  .array(
    fc.oneof(
      { weight: 12, arbitrary: one.map((step) => [step]) },
      { weight: 1, arbitrary: overtaken },
      { weight: 1, arbitrary: cameBack },
    ),
    { minLength: 4, maxLength: 24 },
  )
  .map((parts) => parts.flat());
/** The second name begins as the first one does, or as one of its databases, or is as long as a name may be. */
const names: fc.Arbitrary<Customers> = fc
  .tuple(
    fc.stringMatching(/^[a-z][a-z0-9]{2,8}$/).filter((name) => !name.startsWith('system')),
    fc.constantFrom('-west', '.b', '-1700000001x', 'a', '-x'.padEnd(40, 'y')),
  )
  .map(([name, more]): Customers => [name, `${name}${more}`]);
const policies = fc.constantFrom('newest-first', 'in-order', 'latest-only');

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** What must hold after every step. */
async function expectInvariants(world: World, aliases: Set<string>, guard: Guard): Promise<void> {
  expect(guard.broken).toEqual([]);
  const listing = await world.store.list();
  const now = new Set(listing.aliases.map(({ customer }) => customer));
  for (const customer of aliases) expect(now, 'an alias that was there').toContain(customer);
  for (const { customer, database } of listing.aliases) {
    aliases.add(customer);
    const target = listing.databases.find(({ name }) => name === database);
    expect(target, `${customer} targets ${database}`).toMatchObject({
      state: 'complete',
      snapshot: { customer },
    });
  }
}

/** What must hold when everything has come to rest. */
async function expectRest(world: World): Promise<void> {
  const { deployments } = world.backend;
  const records = await deployments.list({ limit: 10_000 });
  expect(records.filter(({ state }) => !isEndState(state)).map(({ id, state }) => `${id} ${state}`)).toEqual(
    [],
  );
  expect(records.map(({ path }) => path).sort()).toEqual([...world.contents.keys()].sort());
  const { databases, aliases } = await world.store.list();
  expect(databases.filter(({ state }) => state !== 'complete')).toEqual([]);
  for (const { customer, properties } of aliases) {
    const live = records.filter((record) => record.customer === customer && record.state === 'live');
    expect(live.map(({ timestamp }) => timestamp)).toEqual([properties.snapshot]);
    const kept = databases.filter(({ snapshot }) => snapshot?.customer === customer);
    expect(
      kept.filter(({ snapshot }) => (snapshot?.timestamp ?? 0) <= properties.snapshot).length,
    ).toBeLessThanOrEqual(KEEP);
    for (const { snapshot } of kept)
      expect(properties.holds?.map(({ timestamp }) => timestamp) ?? []).not.toContain(
        snapshot?.timestamp === properties.snapshot ? undefined : snapshot?.timestamp,
      );
  }
}

async function breakNothing(
  customers: Customers,
  policy: string,
  steps: readonly Step[],
  sabotage?: Sabotage,
): Promise<void> {
  const [world, guard] = await makeWorld(redis, customers, policy, sabotage);
  try {
    const aliases = new Set<string>();
    for (const step of steps) {
      await world.run(step);
      await expectInvariants(world, aliases, guard);
    }
    await world.finish();
    await expectInvariants(world, aliases, guard);
    await expectRest(world);
  } finally {
    await world.backend.stop();
  }
}

describe('random histories', () => {
  it('break no invariant, lose no snapshot and come to rest', { timeout: 300_000 }, async () => {
    const property = fc.asyncProperty(names, policies, histories, (customers, policy, steps) =>
      breakNothing(customers, policy, steps),
    );
    await fc.assert(property, { numRuns: 120 });
  });

  it('would see it if nobody checked the epoch', { timeout: 300_000 }, async () => {
    const property = fc.asyncProperty(names, policies, histories, (customers, policy, steps) =>
      breakNothing(customers, policy, steps, 'no epochs'),
    );
    const { failed } = await fc.check(property, { numRuns: 300, endOnFailure: true });
    expect(failed).toBe(true);
  });
});
