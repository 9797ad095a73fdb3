import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { recoverRecords } from '@graphshift/core';
import { rejects } from '@graphshift/testkit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openSystem, type System } from './system.ts';

let system: System;
afterEach(() => system.stop());

const [FIRST, SECOND, THIRD, FOURTH] = [1_700_000_000, 1_700_000_100, 1_700_000_200, 1_700_000_300] as const;

/** A customer with two databases, of 20 and 21 people; the second one is live. */
async function withTwo(flags: Record<string, unknown> = {}): Promise<void> {
  system = await openSystem(flags);
  await system.work();
  await system.reaches(await system.drop('acme', FIRST, 20), 'live');
  await system.reaches(await system.drop('acme', SECOND, 21), 'live');
}

const alias = () => system.backend.store.alias('acme');
const operations = () => system.backend.operations;

describe('rollback', () => {
  it('moves the alias back at once, holds what it left and drops it; a newer snapshot passes', async () => {
    await withTwo();
    const view = await operations().rollback({ customer: 'acme', by: 'test', reason: 'bad airports' });
    expect(view).toMatchObject({ database: `acme-${FIRST}`, timestamp: FIRST, rollback: null });
    expect(await system.people('acme')).toBe(20);
    expect((await system.backend.deployments.get(`acme@${SECOND}`))?.state).toBe('rolled-back');
    expect((await system.backend.deployments.get(`acme@${FIRST}`))?.state).toBe('live');
    await system.holdsOnly(['acme', FIRST]);
    await system.reaches(await system.drop('acme', THIRD, 22), 'live');
    expect((await alias())?.properties.holds).toMatchObject([{ timestamp: SECOND, reason: 'bad airports' }]);
    await system.holdsOnly(['acme', FIRST], ['acme', THIRD]);
  });

  it('keeps the content that it left from coming back under another timestamp', async () => {
    await withTwo();
    await operations().rollback({ customer: 'acme', by: 'test' });
    const customer = join(system.installation.data, 'acme');
    await cp(join(customer, String(SECOND)), join(customer, String(THIRD)), { recursive: true });
    const copy = await system.reaches(await system.discover('acme', THIRD), 'skipped');
    expect(copy.reason).toContain(`that of snapshot ${SECOND}, is held since`);
    expect(await system.people('acme')).toBe(20);
    await system.holdsOnly(['acme', FIRST]);
    // A person can want it all the same.
    await operations().retry(copy.id, 'test');
    await system.reaches(copy.id, 'live');
    expect((await alias())?.properties.holds).toEqual([]);
  });

  it('lets a person start the snapshot over that it left', async () => {
    await withTwo();
    await operations().rollback({ customer: 'acme', by: 'test' });
    await operations().retry(`acme@${SECOND}`, 'test');
    await system.reaches(`acme@${SECOND}`, 'live');
    expect(await system.people('acme')).toBe(21);
  });

  it('says where it may go when it cannot go there', async () => {
    await withTwo({ 'orchestrator.retention': 3 });
    await system.reaches(await system.drop('acme', THIRD, 22), 'live');
    const to = (timestamp: number) => operations().rollback({ customer: 'acme', to: timestamp, by: 'test' });
    expect((await rejects(to(FIRST - 1), 'NOT_FOUND')).message).toContain(`${SECOND}, ${FIRST}`);
    await rejects(to(THIRD), 'CONFLICT');
    await rejects(to(FOURTH), 'CONFLICT');
    await rejects(operations().rollback({ customer: 'nobody', by: 'test' }), 'NOT_FOUND');
    expect((await to(FIRST)).timestamp).toBe(FIRST);
    await rejects(operations().rollback({ customer: 'acme', by: 'test' }), 'CONFLICT');
    expect((await system.backend.deployments.get(`acme@${SECOND}`))?.state).toBe('replaced');
  });

  it('does not cost a newer snapshot its load, and the newer one goes live after it', async () => {
    await withTwo();
    const loading = system.holdAt('load.relationships');
    const newer = await system.drop('acme', THIRD, 22);
    await loading.reached;
    await operations().rollback({ customer: 'acme', by: 'test' });
    expect(await system.people('acme')).toBe(20);
    loading.release();
    const record = await system.reaches(newer, 'live');
    expect(record).toMatchObject({ attempts: 0, crashes: 0 });
    expect((await system.history(newer)).filter((state) => state === 'loading')).toHaveLength(1);
    expect((await alias())?.properties.holds).toMatchObject([{ timestamp: SECOND }]);
  });

  it.each(['switching', 'cutover.read', 'cutover.prepared', 'cutover.checked'])(
    'wins against a cutover that stands at %s, whose worker then sees the hold',
    async (point) => {
      await withTwo();
      const switching = system.holdAt(point);
      const newer = await system.drop('acme', THIRD, 22);
      await switching.reached;
      const back = await operations().rollback({ customer: 'acme', by: 'test' });
      expect(back.timestamp).toBe(FIRST);
      expect(await system.people('acme')).toBe(20);
      switching.release();
      await system.reaches(newer, 'live');
      expect((await alias())?.properties.holds).toMatchObject([{ timestamp: SECOND }]);
      expect((await system.history(newer)).filter((state) => state === 'loading')).toHaveLength(1);
    },
  );

  it('keeps a database for readers under way until it is drained', async () => {
    await withTwo({ 'orchestrator.drain_seconds': 3600 });
    await operations().rollback({ customer: 'acme', by: 'test' });
    await system.reaches(await system.drop('acme', THIRD, 22), 'live');
    await system.reaches(await system.drop('acme', FOURTH, 23), 'live');
    await system.holdsOnly(
      ...([FIRST, SECOND, THIRD, FOURTH] as const).map((time) => ['acme', time] as [string, number]),
    );
  });
});

describe('pin', () => {
  it('stops newer snapshots, loaded or not, until unpinned, and uses no attempt', async () => {
    await withTwo();
    const switching = system.holdAt('switching');
    const newer = await system.drop('acme', THIRD, 22);
    await switching.reached;
    expect(await operations().pin('acme', 'test', 'audit until Friday')).toMatchObject({ pinned: true });
    switching.release();
    // Given back first, since the pin has taken the customer over; then it sees the pin.
    const pinned = /acme is pinned to snapshot 1700000100 since .*: audit until Friday/;
    await vi.waitFor(
      async () => expect((await system.backend.deployments.get(newer))?.reason).toMatch(pinned),
      60_000,
    );
    expect((await system.reaches(newer, 'waiting')).attempts).toBe(0);
    expect(await system.people('acme')).toBe(21);
    await operations().unpin('acme', 'test');
    expect(await system.reaches(newer, 'live')).toMatchObject({ attempts: 0, crashes: 0 });
    expect((await system.history(newer)).filter((state) => state === 'loading')).toHaveLength(1);
    expect((await alias())?.properties.pin).toBeUndefined();
  });

  it('lets unpin pass what waits at once, not after the delay of the gate', async () => {
    await withTwo({ 'orchestrator.health_check_retry_delay': 3600 });
    await operations().pin('acme', 'test');
    const newer = await system.drop('acme', THIRD, 22);
    await system.reaches(newer, 'waiting');
    await operations().unpin('acme', 'test');
    await system.reaches(newer, 'live');
  });
});

describe('an emptied Redis', () => {
  const recover = () => recoverRecords({ ...system.backend, roots: [system.installation.data] });

  it('while a worker runs loses no alias, pin or hold, reloads nothing and drops nothing live', async () => {
    await withTwo({ 'orchestrator.retention': 3 });
    await system.reaches(await system.drop('acme', THIRD, 22), 'live');
    await operations().rollback({ customer: 'acme', by: 'test', reason: 'bad' });
    await operations().pin('acme', 'test', 'audit');
    await system.holdsOnly(['acme', FIRST], ['acme', SECOND]);
    const before = await alias();
    await system.installation.redis.flush();
    // What a producer does when it sees that Redis was emptied, and what it then finds on the disk.
    await recover();
    for (const time of [FIRST, SECOND, THIRD]) await system.discover('acme', time);
    const states = async () =>
      (await system.backend.deployments.list({ customer: 'acme' })).map(({ timestamp, state }) => [
        timestamp,
        state,
      ]);
    const expected = [
      [THIRD, 'rolled-back'],
      [SECOND, 'live'],
      [FIRST, 'replaced'],
    ];
    expect(await states()).toEqual(expected);
    const newer = await system.drop('acme', FOURTH, 23);
    await system.reaches(newer, 'waiting');
    expect(await alias()).toEqual(before);
    await operations().unpin('acme', 'test');
    await system.reaches(newer, 'live');
    expect((await system.backend.deployments.audit()).filter(({ to }) => to === 'loading')).toHaveLength(1);
    expect((await alias())?.properties.epoch).toBeGreaterThan(
      before?.properties.epoch ?? Number.MAX_SAFE_INTEGER,
    );
    await system.holdsOnly(['acme', FIRST], ['acme', SECOND], ['acme', FOURTH]);
  });

  it('does not bring up what a rollback went past, loaded or not', async () => {
    await withTwo({ 'orchestrator.retention': 3 });
    await system.reaches(await system.drop('acme', THIRD, 22), 'live');
    await operations().rollback({ customer: 'acme', to: FIRST, by: 'test' });
    await system.holdsOnly(['acme', FIRST], ['acme', SECOND]);
    await system.installation.redis.flush();
    await recover();
    // One between them that was never loaded, since a newer one was live when it was found.
    const between = await system.drop('acme', SECOND + 1, 23);
    for (const time of [FIRST, SECOND, THIRD]) await system.discover('acme', time);
    const skipped = await system.reaches(between, 'skipped');
    expect(skipped.reason).toContain(`snapshot ${THIRD} was live, and is held`);
    expect((await alias())?.database).toBe(`acme-${FIRST}`);
    expect((await system.backend.deployments.get(`acme@${SECOND}`))?.state).toBe('replaced');
    await system.holdsOnly(['acme', FIRST], ['acme', SECOND]);
    // A person may want it all the same.
    await operations().retry(between, 'test');
    await system.reaches(between, 'live');
  });

  it('is mended by the upkeep alone, without a producer', async () => {
    await withTwo();
    await system.installation.redis.flush();
    await system.reaches(`acme@${SECOND}`, 'live');
    await system.reaches(`acme@${FIRST}`, 'replaced');
    await system.holdsOnly(['acme', FIRST], ['acme', SECOND]);
  });

  it('ends a load whose record it lost, and drops what it built', async () => {
    await withTwo();
    const loading = system.holdAt('load.checked');
    await system.drop('acme', THIRD, 22);
    await loading.reached;
    await system.installation.redis.flush();
    loading.release();
    await system.holdsOnly(['acme', FIRST], ['acme', SECOND]);
    await system.discover('acme', THIRD);
    await system.reaches(`acme@${THIRD}`, 'live');
  });

  it('that lost its last second is led back to what the alias says', async () => {
    await withTwo();
    await operations().rollback({ customer: 'acme', by: 'test' });
    // The records as they were before the rollback; the alias has moved.
    const { redis, keys } = system.backend;
    for (const [time, from, to] of [
      [SECOND, 'rolled-back', 'live'],
      [FIRST, 'live', 'replaced'],
    ] as const) {
      await redis.hset(keys.deployment(`acme@${time}`), 'state', to);
      await redis.zrem(keys.state(from), `acme@${time}`);
      await redis.zadd(keys.state(to), 1, `acme@${time}`);
    }
    await redis.hset(keys.customer('acme'), 'live', SECOND);
    await system.reaches(`acme@${FIRST}`, 'live');
    await system.reaches(`acme@${SECOND}`, 'rolled-back');
  });

  it('that lost a cutover keeps the database that was live, when a newer snapshot goes live', async () => {
    await withTwo();
    await system.rest();
    // As before the second cutover, its deployment given back: it waits in the backlog, and the alias has moved.
    const { redis, keys } = system.backend;
    for (const [time, from, to] of [
      [SECOND, 'live', 'discovered'],
      [FIRST, 'replaced', 'live'],
    ] as const) {
      await redis.hset(keys.deployment(`acme@${time}`), 'state', to);
      await redis.zrem(keys.state(from), `acme@${time}`);
      await redis.zadd(keys.state(to), 1, `acme@${time}`);
    }
    await redis.zadd(keys.backlog('acme'), SECOND, `acme@${SECOND}`);
    await redis.hset(keys.customer('acme'), 'live', FIRST);
    const newest = await system.drop('acme', THIRD, 22);
    await system.work();
    await system.reaches(newest, 'live');
    await system.reaches(`acme@${SECOND}`, 'replaced');
    await system.holdsOnly(['acme', SECOND], ['acme', THIRD]);
  });
});

describe('cancel', () => {
  it('reaches what waits, what is delayed and what runs, and gives the next its turn', async () => {
    system = await openSystem();
    const { backend } = system;
    const waiting = await system.drop('beta', FIRST);
    const behind = await system.drop('beta', FIRST - 100);
    expect((await operations().cancel(behind, 'test')).state).toBe('cancelled');
    expect((await operations().cancel(waiting, 'test')).state).toBe('cancelled');
    expect(await backend.wakeUps.queue.getJobCounts('waiting', 'delayed')).toEqual({
      waiting: 0,
      delayed: 0,
    });
    const loading = system.holdAt('load.checked');
    await system.work();
    const older = await system.drop('acme', FIRST, 20);
    await loading.reached;
    const cancelled = await operations().cancel(older, 'ann');
    expect(cancelled).toMatchObject({ state: 'cancelled', reason: 'cancelled by ann' });
    loading.release();
    await system.reaches(await system.drop('acme', SECOND, 21), 'live');
    expect(await system.history(older)).not.toContain('live');
    await system.holdsOnly(['acme', SECOND]);
    await rejects(operations().cancel(older, 'test'), 'CONFLICT');
    await rejects(operations().cancel('acme@1', 'test'), 'NOT_FOUND');
  });

  it('stops a load that is under way within seconds', async () => {
    system = await openSystem();
    await system.work();
    const id = await system.drop('acme', FIRST, 300_000);
    await vi.waitFor(
      async () => expect((await system.backend.deployments.get(id))?.rows).toBeGreaterThan(0),
      { timeout: 60_000, interval: 50 },
    );
    await operations().cancel(id, 'test');
    await system.holdsOnly();
    expect((await system.backend.deployments.get(id))?.state).toBe('cancelled');
  });

  it('comes too late from the point of no return on, and says what to do', async () => {
    system = await openSystem();
    const switching = system.holdAt('switching');
    await system.work();
    const id = await system.drop('acme', FIRST);
    await switching.reached;
    const error = await rejects(operations().cancel(id, 'test'), 'TOO_LATE');
    expect(error.action).toContain('graphshift rollback');
    switching.release();
    await system.reaches(id, 'live');
    await rejects(operations().cancel(id, 'test'), 'TOO_LATE');
  });

  it('drops a database that was complete already when its last step was refused', async () => {
    system = await openSystem();
    await system.work();
    await system.reaches(await system.drop('acme', FIRST), 'live');
    await operations().pin('acme', 'test');
    const loaded = system.holdAt('verify.proven');
    // Loaded before the pin was seen: the pickup began earlier.
    await operations().unpin('acme', 'test');
    const id = await system.drop('acme', SECOND);
    await loaded.reached;
    await operations().pin('acme', 'test');
    loaded.release();
    await system.reaches(id, 'waiting');
    await system.holdsOnly(['acme', FIRST], ['acme', SECOND]);
    await operations().cancel(id, 'test');
    await system.holdsOnly(['acme', FIRST]);
  });
});
