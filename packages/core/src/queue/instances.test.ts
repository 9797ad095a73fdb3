import { startRedis, type TestRedis, uniquePrefix } from '@graphshift/testkit';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectRedis } from './connection.ts';
import { type Beat, busyShare, Instances, makeInstanceId } from './instances.ts';
import { type Keys, makeKeys } from './keys.ts';
import { Lease } from './lease.ts';

let server: TestRedis;
let redis: Redis;
let keys: Keys;
let instances: Instances;

beforeAll(async () => {
  server = await startRedis();
  redis = await connectRedis({ url: server.url });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(() => {
  keys = makeKeys(uniquePrefix().replace(/[{}]/g, ''));
  instances = new Instances(redis, keys);
});

function beatOf(id: string, fields: Partial<Beat> = {}): Beat {
  return {
    id,
    kind: 'worker',
    host: 'here',
    pid: 1,
    version: '0',
    state: 'running',
    capacity: 2,
    active: 1,
    busyMs: 3000,
    uptimeMs: 6000,
    ...fields,
  };
}

/** As if the instance had beaten last so long ago. */
async function silence(id: string, ms: number): Promise<void> {
  const [seconds] = await redis.time();
  await redis.zadd(keys.instances, Number(seconds) * 1000 - ms, id);
}

describe('instances', () => {
  it('are on the list with what they last said, until they leave', async () => {
    await instances.beat(beatOf('one'));
    await instances.beat(
      beatOf('two', { kind: 'producer', capacity: 0, scan: { interval: 30, roots: ['a', 'b'] } }),
    );
    await instances.beat(beatOf('one', { active: 2, state: 'stopping' }));
    const [producer, worker] = await instances.list();
    expect(producer).toMatchObject({ id: 'two', living: true, scan: { interval: 30, roots: ['a', 'b'] } });
    expect(worker).toMatchObject({ id: 'one', living: true, active: 2, state: 'stopping' });
    expect(worker && busyShare(worker)).toBe(0.25);
    expect(producer && busyShare(producer)).toBeNull();
    await instances.leave('one');
    expect((await instances.list()).map(({ id }) => id)).toEqual(['two']);
  });

  it('keep the time of their start over their beats, by the clock of the server', async () => {
    await instances.beat(beatOf('one', { uptimeMs: 60_000 }));
    const [first] = await instances.list();
    await instances.beat(beatOf('one', { uptimeMs: 70_000 }));
    const [second] = await instances.list();
    expect(second?.startedAt).toBe(first?.startedAt);
    const [seconds] = await redis.time();
    expect(Math.abs(Number(seconds) - 60 - Number(first?.startedAt) / 1000)).toBeLessThan(5);
  });

  it('are silent after 30 s, living again at their next beat, and forgotten after a day', async () => {
    for (const id of ['fresh', 'late', 'silent', 'forgotten']) await instances.beat(beatOf(id));
    await silence('late', 25_000);
    await silence('silent', 31_000);
    await silence('forgotten', 24 * 3600 * 1000 + 5000);
    await instances.beat(beatOf('fresh'));
    const found = new Map((await instances.list()).map(({ id, living }) => [id, living]));
    expect(Object.fromEntries(found)).toEqual({ fresh: true, late: true, silent: false });
    expect(await redis.exists(keys.instance('forgotten'))).toBe(0);
    await instances.beat(beatOf('silent'));
    expect((await instances.list()).every(({ living }) => living)).toBe(true);
  });

  it('beat in a way that a newer version understands alone: they are passed over, the others found', async () => {
    await instances.beat(beatOf('one'));
    await instances.beat(beatOf('newer'));
    await redis.hset(keys.instance('newer'), 'kind', 'conductor');
    expect((await instances.list()).map(({ id }) => id)).toEqual(['one']);
  });

  it('have names of their own', () => {
    expect(new Set(Array.from({ length: 100 }, makeInstanceId)).size).toBe(100);
    expect(makeInstanceId()).toMatch(new RegExp(`-${process.pid}-[0-9a-f]{6}$`));
  });
});

describe('a lease', () => {
  const lease = (holder: string, ttlMs = 60_000) =>
    new Lease({ redis, key: keys.statusWriter, holder, ttlMs });

  it('is held by one at a time, who alone can give it up', async () => {
    const [one, two] = [lease('one'), lease('two')];
    expect([await one.take(), await two.take(), await one.take()]).toEqual([true, false, true]);
    await two.release();
    expect(await two.take()).toBe(false);
    await one.release();
    expect(await two.take()).toBe(true);
  });

  it('passes on when its holder falls silent, who does not get it back by renewing', async () => {
    const [one, two] = [lease('one', 50), lease('two')];
    expect(await one.take()).toBe(true);
    await vi.waitFor(async () => expect(await two.take()).toBe(true), { interval: 10 });
    expect(await one.take()).toBe(false);
  });
});
