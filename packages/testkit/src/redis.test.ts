import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startRedis, type TestRedis, uniquePrefix } from './redis.ts';

let redis: TestRedis;
let client: Redis;

beforeEach(async () => {
  redis = await startRedis();
  client = new Redis(redis.url);
});

afterEach(async () => {
  client.disconnect();
  await redis.stop();
});

it('keeps what was acknowledged over a kill -9, on the same address', async () => {
  await client.set('kept', 'yes');
  client.disconnect();
  await redis.kill();
  await redis.restart();
  client = new Redis(redis.url);
  expect(await client.get('kept')).toBe('yes');
});

it('forgets everything when flushed', async () => {
  await client.set('kept', 'yes');
  await redis.flush();
  expect(await client.get('kept')).toBeNull();
});

it('gives each start a server of its own', async () => {
  const other = await startRedis();
  try {
    await client.set('mine', 'yes');
    const second = new Redis(other.url);
    expect(await second.get('mine')).toBeNull();
    second.disconnect();
  } finally {
    await other.stop();
  }
});

it('names a client that is still connected, and passes once it is gone', async () => {
  await client.client('SETNAME', 'forgotten');
  await expect(redis.assertNoClients()).rejects.toThrow(
    /still connected to Redis at the end: .*name=forgotten/,
  );
  await client.quit();
  await redis.assertNoClients();
});

it('makes prefixes that differ and stay in one slot', () => {
  expect(uniquePrefix()).toMatch(/^\{gs-[0-9a-f]{12}\}$/);
  expect(uniquePrefix()).not.toBe(uniquePrefix());
});
