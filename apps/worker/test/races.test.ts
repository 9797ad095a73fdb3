/**
 * Two who act on one customer at the same moment, each laid so that the one comes between two steps of the other. Each of
 * these once broke an invariant.
 */

import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BusyMeter, FencedChanges, type GraphStore, GraphshiftError, Retention } from '@graphshift/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Upkeep } from '../src/upkeep/upkeep.ts';
import { openSystem, type System } from './system.ts';

let system: System;
afterEach(() => system.stop());

const [FIRST, SECOND, THIRD, FOURTH] = [1_700_000_000, 1_700_000_100, 1_700_000_200, 1_700_000_300] as const;

/** The store, in whose listing something else happens before the listing arrives. */
function listingSlowly(meanwhile: () => Promise<unknown>): GraphStore {
  const { store } = system.backend;
  let pending: (() => Promise<unknown>) | undefined = meanwhile;
  return {
    ...store,
    list: async (filter) => {
      const listing = await store.list(filter);
      const act = pending;
      pending = undefined;
      await act?.();
      return listing;
    },
  };
}

function retentionOver(store: GraphStore, keep = 2): Retention {
  const { deployments, log, clock } = system.backend;
  const changes = new FencedChanges({ store, deployments, log });
  return new Retention({ store, deployments, changes, clock, log, keep, drainMs: 0 });
}

describe('retention', () => {
  it('drops nothing that a rollback between its look and its drop made one of the newest', async () => {
    system = await openSystem({ 'orchestrator.drain_seconds': 3600 });
    await system.work();
    for (const [time, nodes] of [
      [FIRST, 20],
      [SECOND, 21],
      [THIRD, 22],
    ] as const)
      await system.reaches(await system.drop('acme', time, nodes), 'live');
    const rollback = () => system.backend.operations.rollback({ customer: 'acme', by: 'test' });
    // What it finds due by the first look is not due any more by the second, but for what was rolled back.
    expect(await retentionOver(listingSlowly(rollback)).retire('acme')).toEqual([`acme-${THIRD}`]);
    expect((await system.backend.store.alias('acme'))?.database).toBe(`acme-${SECOND}`);
    await system.holdsOnly(['acme', FIRST], ['acme', SECOND]);
  });

  it('keeps what transactions run on, until the deadline, which the receipt then names', async () => {
    system = await openSystem({ 'orchestrator.drain_seconds': 3600 });
    await system.work();
    for (const [time, nodes] of [
      [FIRST, 20],
      [SECOND, 21],
      [THIRD, 22],
    ] as const)
      await system.reaches(await system.drop('acme', time, nodes), 'live');
    const { backend } = system;
    const { store, deployments, log, clock } = backend;
    const changes = new FencedChanges({ store, deployments, log });
    const read = (readers: number, drainDeadlineMs: number) =>
      new Retention({
        ...{ deployments, changes, clock, log, keep: 2, drainMs: 0, drainDeadlineMs },
        store: { ...store, readers: async (name) => (name === `acme-${FIRST}` ? readers : 0) },
      });
    expect(await read(2, 3_600_000).retire('acme')).toEqual([]);
    expect(await read(2, 0).retire('acme')).toEqual([`acme-${FIRST}`]);
    const audit = await deployments.audit({ deployment: `acme@${FIRST}` });
    expect(JSON.stringify(audit)).toMatch(
      /at the deadline of 0 s: \d+ s after .*, 2 transactions still on it/,
    );
  });

  it('takes no database for gone that is younger than the listing', async () => {
    system = await openSystem();
    await system.work();
    await system.reaches(await system.drop('acme', FIRST, 20), 'live');
    const listing = await system.backend.store.list();
    await system.reaches(await system.drop('acme', SECOND, 21), 'live');
    await system.reaches(await system.drop('acme', THIRD, 22), 'live');
    await retentionOver(system.backend.store).markGone(listing);
    expect((await system.backend.deployments.get(`acme@${SECOND}`))?.state).toBe('replaced');
  });

  it('keeps no place for what was loaded and given up; a rollback does not go to it', async () => {
    system = await openSystem();
    await system.work();
    await system.reaches(await system.drop('acme', FIRST, 20), 'live');
    await system.reaches(await system.drop('acme', SECOND, 21), 'live');
    const switching = system.holdAt('switching');
    const third = await system.drop('acme', THIRD, 22);
    await switching.reached;
    await system.backend.operations.pin('acme', 'test');
    switching.release();
    await system.reaches(third, 'waiting');
    const fourth = await system.drop('acme', FOURTH, 23);
    await system.reaches(fourth, 'waiting');
    await system.backend.operations.unpin('acme', 'test');
    await system.reaches(fourth, 'live');
    await system.reaches(third, 'superseded');
    await system.holdsOnly(['acme', SECOND], ['acme', FOURTH]);
    expect((await system.backend.operations.rollback({ customer: 'acme', by: 'test' })).timestamp).toBe(
      SECOND,
    );
    expect((await system.backend.deployments.get(`acme@${SECOND}`))?.state).toBe('live');
  });

  it('leaves a leftover alone whose deployment was started over since the pass began', async () => {
    system = await openSystem();
    const { backend } = system;
    const id = await system.drop('acme', FIRST, 20);
    const sealed = system.holdAt('load.sealed');
    await system.work();
    await sealed.reached;
    await backend.operations.cancel(id, 'test');
    const listing = await backend.store.list();
    expect(listing.databases).toMatchObject([{ state: 'marked' }]);
    const retry = () => backend.operations.retry(id, 'test');
    await retentionOver(listingSlowly(retry)).sweepLeftovers(listing);
    expect((await backend.store.list()).databases).toHaveLength(1);
    sealed.release();
    await system.reaches(id, 'live');
  });
});

describe('a holder of an earlier run', () => {
  it('ends nothing of the run that a person started', async () => {
    system = await openSystem();
    await system.work();
    const path = await system.write('acme', FIRST, 20);
    await writeFile(join(path, 'verify.cypher'), 'RETURN false');
    const verifying = system.holdAt('verifying');
    const id = await system.discover('acme', FIRST);
    await verifying.reached;
    await system.backend.operations.cancel(id, 'test');
    await system.backend.operations.retry(id, 'test');
    const second = system.holdAt('gated');
    verifying.release();
    await second.reached;
    await writeFile(join(path, 'verify.cypher'), 'RETURN true');
    second.release();
    expect(await system.reaches(id, 'live')).toMatchObject({ run: 2, attempts: 0 });
  });
});

/** A Redis that was emptied knows nothing of whoever works on; a producer finds the snapshot again. */
describe('Redis emptied in the middle of a load', () => {
  /** Epochs under which the store was to load. */
  function watchLoads(): number[] {
    const { store } = system.backend;
    const epochs: number[] = [];
    const openLoad = store.openLoad.bind(store);
    store.openLoad = (request, options) => {
      epochs.push(request.epoch);
      return openLoad(request, options);
    };
    return epochs;
  }

  it.each(['claimed', 'loading'])(
    'lets no two holders load under one epoch, where the first of them slept at "%s"',
    async (point) => {
      system = await openSystem({ 'orchestrator.num_workers': 1 });
      const { backend } = system;
      const epochs = watchLoads();
      const asleep = system.holdAt(point);
      const meter = new BusyMeter(backend.clock);
      await system.work({ instance: 'first', meter });
      const id = await system.drop('acme', FIRST, 20);
      await asleep.reached;
      await system.installation.redis.flush();
      const checked = system.holdAt('load.checked');
      await system.work({ instance: 'second' });
      await system.discover('acme', FIRST);
      await checked.reached;
      asleep.release();
      await vi.waitFor(() => expect(meter.pickups.ended).toBeGreaterThan(0), 60_000);
      checked.release();
      expect(await system.reaches(id, 'live')).toMatchObject({ attempts: 0, crashes: 0 });
      expect(epochs).toEqual([...new Set(epochs)]);
      await system.holdsOnly(['acme', FIRST]);
    },
  );

  it('knows again which store its records are about', async () => {
    system = await openSystem();
    const { identity } = system.backend;
    await system.work();
    await vi.waitFor(async () => expect(await identity.known()).toBeDefined(), 30_000);
    await system.installation.redis.flush();
    await vi.waitFor(
      async () => expect((await identity.known())?.id).toBe((await identity.own())?.id),
      30_000,
    );
  });

  it('goes on with what an earlier holder completed meanwhile, and is not dead of it', async () => {
    system = await openSystem();
    const { store } = system.backend;
    const openLoad = store.openLoad.bind(store);
    let earlier: (() => Promise<void>) | undefined = async () => {
      earlier = undefined;
      const { epoch = 0 } = (await system.backend.deployments.get(`acme@${FIRST}`)) ?? {};
      const path = `${system.installation.data}/acme/${FIRST}`;
      const other = await openLoad({ customer: 'acme', timestamp: FIRST, run: 7, epoch, path });
      await other.check();
      await other.nodes();
      await other.relationships();
      await other.seal();
      await store.unmark(`acme-${FIRST}`, epoch);
    };
    store.openLoad = async (request, options) => {
      const load = await openLoad(request, options);
      const seal = load.seal.bind(load);
      load.seal = async () => {
        await earlier?.();
        return seal();
      };
      return load;
    };
    await system.work();
    const id = await system.drop('acme', FIRST, 20);
    expect(await system.reaches(id, 'live')).toMatchObject({ attempts: 0 });
    expect(await system.people('acme')).toBe(20);
    await system.holdsOnly(['acme', FIRST]);
  });
});

describe('Redis thrown back to before two cutovers', () => {
  it.each(['loading', 'switching'])(
    'keeps what both made live, where the first of them was %s then',
    async (state) => {
      system = await openSystem();
      const { redis } = system.installation;
      await system.work();
      await system.reaches(await system.drop('acme', FIRST, 20), 'live');
      const asleep = system.holdAt(state);
      const second = await system.drop('acme', SECOND, 21);
      await asleep.reached;
      const rewind = await redis.remember();
      asleep.release();
      await system.reaches(second, 'live');
      const third = await system.drop('acme', THIRD, 22);
      await system.reaches(third, 'live');
      await system.holdsOnly(['acme', SECOND], ['acme', THIRD]);
      const { name, inode } = await inodeOf(SECOND);
      await system.rest();
      await rewind();
      await system.work();
      await system.reaches(third, 'live');
      await system.reaches(second, 'replaced');
      await system.holdsOnly(['acme', SECOND], ['acme', THIRD]);
      expect(await inodeOf(SECOND), name).toEqual({ name, inode });
      expect((await system.backend.store.alias('acme'))?.properties).toMatchObject({
        snapshot: THIRD,
        earlier: [SECOND, FIRST],
      });
      await system.backend.operations.rollback({ customer: 'acme', by: 'test' });
      expect((await system.backend.store.alias('acme'))?.properties).toMatchObject({
        snapshot: SECOND,
        earlier: [FIRST],
      });
    },
  );

  async function inodeOf(timestamp: number): Promise<{ name: string; inode: number }> {
    const name = `acme-${timestamp}`;
    const { ino: inode } = await stat(join(system.installation.store, 'databases', name));
    return { name, inode };
  }
});

describe('the target of the alias', () => {
  it('is live in the records, whatever Redis lost and a person did then', async () => {
    system = await openSystem();
    await system.work();
    const id = await system.reaches(await system.drop('acme', FIRST, 20), 'live');
    const { redis, keys, deployments } = system.backend;
    await redis.hset(keys.deployment(id.id), 'state', 'cancelled');
    await redis.zrem(keys.state('live'), id.id);
    await redis.zadd(keys.state('cancelled'), 1, id.id);
    expect(await system.reaches(id.id, 'live')).toMatchObject({ run: 2 });
    expect((await deployments.list({ customer: 'acme' })).map(({ state }) => state)).toEqual(['live']);
  });
});

describe('the sweep', () => {
  const upkeep = () => {
    const retention = retentionOver(system.backend.store);
    return new Upkeep({ backend: system.backend, retention, roots: [] });
  };

  it('goes on when one record is of another version', async () => {
    system = await openSystem();
    const { deployments, redis, keys, wakeUps, operations } = system.backend;
    for (const customer of ['first', 'second', 'third'])
      await deployments.discover({ customer, timestamp: FIRST, path: '/x' });
    const error = JSON.stringify({ code: 'CODE_OF_ANOTHER_VERSION', class: 'retryable', message: 'oh' });
    await redis.hset(keys.deployment(`first@${FIRST}`), 'error', error);
    await redis.hset(keys.deployment(`second@${FIRST}`), 'run', 'many');
    await upkeep().pass();
    expect(await wakeUps.queue.getJobCounts('waiting')).toEqual({ waiting: 2 });
    const listed = await operations.deployments();
    expect(listed.map(({ id }) => id).sort()).toEqual([`first@${FIRST}`, `third@${FIRST}`]);
    expect(listed.find(({ customer }) => customer === 'first')?.error).toMatchObject({ message: 'oh' });
    await expect(deployments.get(`second@${FIRST}`)).rejects.toThrow(/cannot be read by this version: run/);
  });

  it('leaves no letter for what was started over since it looked', async () => {
    system = await openSystem();
    const { deployments, letters } = system.backend;
    const error = new GraphshiftError('FILE_TRUNCATED', 'cut off').toRecord();
    await deployments.discover({ customer: 'acme', timestamp: FIRST, path: '/x', error });
    const stale = await deployments.get(`acme@${FIRST}`);
    await letters.ensure(stale!);
    await letters.redrive(`acme@${FIRST}`, 'test');
    await letters.ensure(stale!);
    expect(await letters.queue.getJobCounts()).toMatchObject({ waiting: 0, failed: 0, delayed: 0 });
  });

  it('supersedes a long backlog in pieces, while the newest goes live', async () => {
    system = await openSystem();
    const { deployments } = system.backend;
    for (let index = 0; index < 1200; index++)
      await deployments.discover({ customer: 'acme', timestamp: FIRST + index, path: '/x' });
    const id = `acme@${FIRST + 1199}`;
    const claim = await deployments.claim(id, 1, 'me', 0);
    if (claim.kind !== 'claimed') throw new Error(claim.kind);
    const { run, epoch } = claim.record;
    await deployments.transition({ id, from: ['queued'], to: 'switching', run, epoch });
    await deployments.transition({ id, from: ['switching'], to: 'live', run, epoch });
    const first = await deployments.counts();
    expect(first.superseded).toBe(500);
    await vi.waitFor(async () => {
      await upkeep().pass();
      expect(await deployments.counts()).toMatchObject({ superseded: 1199, discovered: 0, queued: 0 });
    }, 60_000);
  });
});
