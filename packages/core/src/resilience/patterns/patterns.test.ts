import { type Installation, makeInstallation } from '@graphshift/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GraphshiftError } from '../../platform/errors.ts';
import { type FailureCount, readFailureCounts } from '../../queue/failure-counts.ts';
import type { Backend } from '../../runtime/backend.ts';
import { findPatterns, trendOf } from './patterns.ts';

const HOUR = 480_000;
const DAY = 20_000;
const failure = (hoursAgo: number, count: number, changes: Partial<FailureCount> = {}): FailureCount => ({
  bucket: HOUR - hoursAgo,
  code: 'LOAD_FAILED',
  class: 'retryable',
  customer: 'acme',
  step: 'loading',
  instance: 'host-1',
  count,
  ...changes,
});
const inDays = (hours: readonly FailureCount[]) =>
  hours.map((count) => ({ ...count, bucket: DAY - Math.floor((HOUR - count.bucket) / 24) }));
const patterns = (hours: readonly FailureCount[]) =>
  findPatterns({ hours, days: inDays(hours), hour: HOUR, day: DAY });

describe('patterns', () => {
  it('are none where nothing failed', () => {
    expect(patterns([])).toMatchObject({ thisHour: 0, lastDay: 0, trend: 'steady', recurring: [] });
  });

  it('count by hour and day, and by what the failures have in common', () => {
    const found = patterns([
      failure(0, 2),
      failure(23, 1, { customer: 'beta', instance: 'host-2' }),
      failure(30, 4, { class: 'crash', code: 'WORKER_LOST' }),
    ]);
    expect(found).toMatchObject({ thisHour: 2, lastDay: 3 });
    expect(found.byHour).toEqual([1, ...new Array(22).fill(0), 2]);
    expect(found.byDay.slice(-2)).toEqual([4, 3]);
    expect(found.by.customer).toMatchObject([
      { value: 'acme', thisHour: 2, lastDay: 2, lastWeek: 6 },
      { value: 'beta', thisHour: 0, lastDay: 1, lastWeek: 1 },
    ]);
    expect(found.by.class.map(({ value }) => value)).toEqual(['retryable', 'crash']);
    expect(found.by.instance.map(({ value }) => value)).toEqual(['host-1', 'host-2']);
  });

  it('name what came in three different hours, with where', () => {
    const found = patterns([
      failure(0, 1),
      failure(5, 1, { instance: 'host-2' }),
      failure(9, 3),
      failure(1, 50, { customer: 'once' }),
    ]);
    expect(found.recurring).toEqual([
      {
        name: 'LOAD_FAILED at loading of acme',
        code: 'LOAD_FAILED',
        class: 'retryable',
        customer: 'acme',
        step: 'loading',
        count: 5,
        hours: 3,
        instances: ['host-1', 'host-2'],
        trend: 'steady',
      },
    ]);
  });

  it.each([
    ['up', [failure(0, 3), failure(1, 3), failure(10, 8)]],
    ['up', [failure(2, 3)]],
    ['steady', [failure(2, 2)]],
    ['steady', Array.from({ length: 27 }, (_, hour) => failure(hour, 2))],
    ['down', Array.from({ length: 24 }, (_, hour) => failure(hour + 3, 2))],
  ] as const)('tell a trend: %s', (trend, hours) => {
    expect(trendOf(hours, HOUR)).toBe(trend);
  });
});

describe('counts of failures', () => {
  let installation: Installation;
  let backend: Backend;
  beforeAll(async () => {
    installation = await makeInstallation();
    backend = await installation.open();
  });
  afterAll(() => installation.remove());
  beforeEach(() => installation.redis.flush());

  async function claimed(customer: string) {
    const { deployments } = backend;
    await deployments.discover({ customer, timestamp: 1_700_000_000, path: '/data' });
    const result = await deployments.claim(`${customer}@1700000000`, 1, 'host-1', 0);
    if (result.kind !== 'claimed') throw new Error(result.kind);
    return { id: result.record.id, run: 1, epoch: result.record.epoch };
  }

  it('are made by the transition that fails, by a lost worker, and by what is dead on arrival', async () => {
    const { deployments, redis, keys } = backend;
    const held = await claimed('acme');
    await deployments.transition({ ...held, from: ['queued'], to: 'gated' });
    await deployments.transition({ ...held, from: ['gated'], to: 'loading' });
    const again = await deployments.claim(held.id, 1, 'host-2', 0);
    if (again.kind !== 'claimed') throw new Error(again.kind);
    const error = new GraphshiftError('LOAD_FAILED', 'the engine "stopped"').toRecord();
    const fields = { error: { ...error, customer: 'acme' } };
    await deployments.transition({
      ...held,
      epoch: again.record.epoch,
      from: ['loading'],
      to: 'retrying',
      fields,
    });
    const dead = new GraphshiftError('NODE_ID_DUPLICATE', 'id 7 twice').toRecord();
    await deployments.discover({ customer: 'beta', timestamp: 1_700_000_000, path: '/data', error: dead });

    const counts = await readFailureCounts(redis, keys);
    const kinds = (list: readonly FailureCount[]) =>
      list
        .map((one) => `${one.code} ${one.class} ${one.customer} ${one.step} ${one.instance} ${one.count}`)
        .sort();
    const expected = [
      'LOAD_FAILED retryable acme loading host-2 1',
      'NODE_ID_DUPLICATE permanent beta discovered  1',
      'WORKER_LOST crash acme loading host-1 1',
    ];
    expect(kinds(counts.hours)).toEqual(expected);
    expect(kinds(counts.days)).toEqual(expected);
    for (const key of [keys.failures('hour', counts.hour), keys.failures('day', counts.day)])
      expect(await redis.ttl(key)).toBeGreaterThan(0);
  });

  it('are bounded: kinds beyond a thousand in an hour count as one', async () => {
    const { redis, keys, deployments } = backend;
    const { hour } = await readFailureCounts(redis, keys);
    const full = Array.from({ length: 1000 }, (_, index) => [
      `["X","retryable","c${index}","loading","i"]`,
      1,
    ]);
    // The hour may turn meanwhile.
    for (const bucket of [hour, hour + 1]) await redis.hset(keys.failures('hour', bucket), ...full.flat());
    const error = new GraphshiftError('NODE_ID_DUPLICATE', 'id 7 twice').toRecord();
    for (const customer of ['beta', 'gamma'])
      await deployments.discover({ customer, timestamp: 1_700_000_000, path: '/data', error });
    const counts = await readFailureCounts(redis, keys);
    const [other, ...rest] = counts.hours.filter(({ customer }) => !customer.startsWith('c'));
    expect(other).toMatchObject({ code: 'other', count: 2 });
    expect(rest).toEqual([]);
  });
});
