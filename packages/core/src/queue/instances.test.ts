import { startRedis, type TestRedis, uniquePrefix } from '@graphshift/testkit';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../platform/clock.ts';
import { connectRedis } from './connection.ts';
import { DeploymentStore } from './deployment-store.ts';
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

describe('conditions', () => {
  const only = async () => (await instances.list())[0];

  it('follow from the silence, by the times of the settings', async () => {
    instances = new Instances(redis, keys, { warningMs: 20_000, timeoutMs: 30_000, emergencyMs: 40_000 });
    const seen: unknown[] = [];
    for (const ms of [0, 15_000, 25_000, 35_000, 45_000]) {
      await instances.beat(beatOf('one'));
      await silence('one', ms);
      seen.push((await only())?.condition);
    }
    expect(seen).toEqual(['alive', 'alive', 'warning', 'failed', 'emergency']);
  });

  it('an instance that beats less often is not silent any sooner than after three of its beats', async () => {
    await instances.beat(beatOf('slow', { everyMs: 60_000 }));
    await silence('slow', 150_000);
    expect(await only()).toMatchObject({ living: true, condition: 'warning' });
    await silence('slow', 190_000);
    expect(await only()).toMatchObject({ living: false });
  });

  it('are told by one of all who mark the same, unless the instance has beaten meanwhile', async () => {
    await instances.beat(beatOf('one'));
    expect(await instances.mark({ id: 'one', mark: 'warning', silentMs: 20_000 })).toMatchObject({
      kind: 'alive',
    });
    await silence('one', 25_000);
    const marks = Array.from({ length: 5 }, () =>
      instances.mark({ id: 'one', mark: 'warning', silentMs: 20_000 }),
    );
    expect((await Promise.all(marks)).map(({ kind }) => kind).sort()).toEqual([
      'known',
      'known',
      'known',
      'known',
      'marked',
    ]);
    expect(await instances.beat(beatOf('one'))).toEqual({ kind: 'ok', before: 'warning' });
    expect(await instances.beat(beatOf('one'))).toEqual({ kind: 'ok', before: undefined });
    expect(await instances.mark({ id: 'nobody', mark: 'warning' })).toMatchObject({ kind: 'missing' });
  });
});

describe('a fenced instance', () => {
  it('is not brought back by a late beat of its process, and takes up no deployment', async () => {
    const deployments = new DeploymentStore(redis, keys, systemClock);
    await deployments.discover({ customer: 'acme', timestamp: 100, path: '/data' });
    await instances.beat(beatOf('one', { deployments: ['acme@100'] }));
    const beatAt = await redis.zscore(keys.instances, 'one');
    expect(await instances.mark({ id: 'one', mark: 'failed', fence: true })).toMatchObject({
      kind: 'marked',
      epoch: 2,
    });
    expect(await instances.beat(beatOf('one'))).toEqual({ kind: 'recovered' });
    expect(await redis.zscore(keys.instances, 'one')).toBe(beatAt);
    expect(await instances.find('one')).toMatchObject({ living: false, condition: 'failed', epoch: 2 });
    expect(await deployments.claim('acme@100', 1, 'one', 0)).toEqual({ kind: 'unfit', found: 'one' });
    expect(await deployments.claim('acme@100', 1, 'two', 0)).toMatchObject({ kind: 'claimed' });
    // Twice is once.
    expect(await instances.mark({ id: 'one', mark: 'failed', fence: true })).toMatchObject({
      kind: 'known',
      epoch: 2,
    });
    await instances.mark({ id: 'one', mark: 'recovered', fence: true, empty: true });
    expect(await instances.find('one')).toMatchObject({ condition: 'recovered', deployments: [], active: 0 });
    expect(await instances.beat(beatOf('one'))).toEqual({ kind: 'recovered' });
  });

  it('stays out when it slept until it was forgotten; one that a flush forgot beats on', async () => {
    await instances.beat(beatOf('one'));
    await redis.del(keys.instances, keys.instance('one'));
    expect(await instances.beat(beatOf('one'), 60_000)).toEqual({ kind: 'ok', before: undefined });
    await redis.del(keys.instances, keys.instance('one'));
    expect(await instances.beat(beatOf('one'), 24 * 3600 * 1000)).toEqual({ kind: 'forgotten' });
    expect(await instances.list()).toEqual([]);
  });
});

describe('what an instance holds', () => {
  it('is in its beat: deployments, and the leases that are its own just then', async () => {
    await new Lease({ redis, key: keys.statusWriter, holder: 'one', ttlMs: 60_000 }).take();
    await new Lease({ redis, key: keys.auditLease, holder: 'other', ttlMs: 60_000 }).take();
    const facts = { memory: 1_000_000, loopDelayMs: 12.5, lateMs: 3, restarts: 1, paused: 'short of memory' };
    await instances.beat(beatOf('one', { deployments: ['acme@100', 'beta@200'], ...facts }));
    expect(await instances.find('one')).toMatchObject({
      deployments: ['acme@100', 'beta@200'],
      leases: ['status-writer'],
      ...facts,
    });
    expect(await instances.freeLeases('one')).toEqual(['status-writer']);
    expect(await instances.freeLeases('one')).toEqual([]);
    expect(await redis.get(keys.auditLease)).toBe('other');
  });
});

describe('a thousand instances', () => {
  it('are listed and the silent ones found without a search of all keys', async () => {
    const ids = Array.from({ length: 1000 }, (_, index) => `worker-${String(index).padStart(4, '0')}`);
    await Promise.all(ids.map((id) => instances.beat(beatOf(id))));
    for (const id of ids.slice(0, 7)) await silence(id, 150_000);
    await redis.config('RESETSTAT');
    expect(await instances.list()).toHaveLength(1000);
    const silent = await instances.silentFor(120_000);
    expect(silent.map(({ id, condition }) => `${id} ${condition}`).sort()).toEqual(
      ids.slice(0, 7).map((id) => `${id} warning`),
    );
    const used = await redis.info('commandstats');
    expect(used).toMatch(/cmdstat_zrange:/);
    expect(used).not.toMatch(/cmdstat_(scan|keys|sscan|hscan|zscan):/);
    // A day later, one beat sweeps the others away.
    for (const id of ids.slice(1)) await silence(id, 25 * 3600 * 1000);
    await instances.beat(beatOf(ids[0] ?? ''));
    expect((await instances.list()).map(({ id }) => id)).toEqual([ids[0]]);
    expect(await redis.exists(...ids.slice(1).map((id) => keys.instance(id)))).toBe(0);
  });
});
